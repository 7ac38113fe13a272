//! The values of labels. There is a fixed set for each label, and every series begins at zero.

/// The limits that throttle a visitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Throttle {
    /// Requests of one address.
    RequestsPerIp,
    /// Messages of one session.
    MessagesPerSession,
    /// New sessions of one address.
    SessionsPerIp,
    /// New sessions of one network.
    SessionsPerNetwork,
    /// New sessions of all addresses together.
    Sessions,
    /// The memory for answers is used up.
    AnswerMemory,
}

impl Throttle {
    pub(super) const ALL: [Self; 6] = [
        Self::RequestsPerIp,
        Self::MessagesPerSession,
        Self::SessionsPerIp,
        Self::SessionsPerNetwork,
        Self::Sessions,
        Self::AnswerMemory,
    ];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::RequestsPerIp => "requests_per_ip",
            Self::MessagesPerSession => "messages_per_session",
            Self::SessionsPerIp => "sessions_per_ip",
            Self::SessionsPerNetwork => "sessions_per_network",
            Self::Sessions => "sessions",
            Self::AnswerMemory => "answer_memory",
        }
    }
}

/// What happened to a new session near a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofOutcome {
    /// It came without a proof of work, and the server asked for one.
    Required,
    /// Its proof let it in.
    Accepted,
    /// Its proof was wrong, used before, late or too small.
    Rejected,
}

impl ProofOutcome {
    pub(super) const ALL: [Self; 3] = [Self::Required, Self::Accepted, Self::Rejected];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
        }
    }
}

/// What happened to an identity that came with a new conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentityOutcome {
    /// The website vouches for the visitor.
    Verified,
    /// It was expired, of another key, or no such token at all; the conversation began without it.
    Rejected,
}

impl IdentityOutcome {
    pub(super) const ALL: [Self; 2] = [Self::Verified, Self::Rejected];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Rejected => "rejected",
        }
    }
}

/// The result of an attempt to mail a visitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailOutcome {
    /// The mail server has accepted it.
    Sent,
    /// It is tried again.
    Retried,
    /// The mail server will never accept it.
    Refused,
    /// It has failed for too long.
    GivenUp,
    /// It waits, because too many mails were sent to the address or about the conversation.
    Limited,
}

impl MailOutcome {
    pub(super) const ALL: [Self; 5] = [
        Self::Sent,
        Self::Retried,
        Self::Refused,
        Self::GivenUp,
        Self::Limited,
    ];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Retried => "retried",
            Self::Refused => "refused",
            Self::GivenUp => "given_up",
            Self::Limited => "limited",
        }
    }
}
