//! Why a request did not succeed, and what the visitor is told of it.

use alloc::string::String;

use app::contract::ErrorCode;

use super::{Action, Effect, Ending, Session, Timer};

/// After a 429 that does not say how long to wait.
pub(super) const DEFAULT_WAIT_S: u32 = 10;
/// One failed poll is no news, two are.
pub(super) const FAILURES_TO_TELL: i32 = 2;

/// Why a request did not succeed.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// There was no answer that could be read: nobody knows whether it took effect.
    Network,
    /// The server wants a challenge to be passed first.
    Challenge {
        /// Without one, there is no challenge to show.
        site_key: Option<String>,
    },
    /// The server wants a proof of work first.
    Proof,
    /// Staff have blocked the visitor.
    Blocked,
    /// The server said no.
    Refused {
        status: u16,
        code: ErrorCode,
        retry_after_s: Option<u32>,
    },
}

impl Failure {
    pub(super) fn status(&self) -> u16 {
        match self {
            Self::Network => 0,
            Self::Challenge { .. } | Self::Proof | Self::Blocked => 403,
            Self::Refused { status, .. } => *status,
        }
    }

    pub(super) fn code(&self) -> ErrorCode {
        match self {
            Self::Refused { code, .. } => *code,
            _ => ErrorCode::Unknown,
        }
    }

    /// The server does not know this session or this token. A status alone does not say so: it may
    /// be that of a proxy.
    pub(super) fn is_unknown_session(&self) -> bool {
        matches!(
            self.code(),
            ErrorCode::InvalidToken | ErrorCode::SessionNotFound
        )
    }

    /// The session has ended, and how.
    pub(super) fn ending(&self) -> Option<Ending> {
        match self.code() {
            ErrorCode::SessionExpired => Some(Ending::Expired),
            ErrorCode::SessionClosed => Some(Ending::Closed),
            _ => None,
        }
    }

    /// The request may have taken effect all the same.
    pub(super) fn is_uncertain(&self) -> bool {
        !(400..500).contains(&self.status())
    }
}

/// What the visitor has to be told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Notice {
    pub(crate) what: Trouble,
    /// There is something to try again.
    pub(crate) can_retry: bool,
    /// It is a message whose text stands in the log, since the composer holds another.
    pub(crate) is_in_log: bool,
    /// Not before this many seconds have passed.
    pub(crate) wait_s: Option<u32>,
}

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    Offline,
    Unreachable,
    NotSent,
    NotEnded,
    RateLimited,
    Unavailable,
    TooLong,
    NotAllowed,
    Blocked,
    Refused,
}

impl Trouble {
    #[cfg(test)]
    pub(crate) const ALL: [Self; 10] = [
        Self::Offline,
        Self::Unreachable,
        Self::NotSent,
        Self::NotEnded,
        Self::RateLimited,
        Self::Unavailable,
        Self::TooLong,
        Self::NotAllowed,
        Self::Blocked,
        Self::Refused,
    ];

    /// Its name: for programs, and the key of the text that tells it to the visitor.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Offline => "offline",
            Self::Unreachable => "unreachable",
            Self::NotSent => "not_sent",
            Self::NotEnded => "not_ended",
            Self::RateLimited => "rate_limited",
            Self::Unavailable => "unavailable",
            Self::TooLong => "message_too_long",
            Self::NotAllowed => "not_allowed",
            Self::Blocked => "blocked",
            Self::Refused => "refused",
        }
    }
}

impl Session {
    pub(super) fn trouble(&self) -> Option<Trouble> {
        match self.failed {
            // The cause says more than what it led to.
            Some((_, Trouble::NotSent | Trouble::NotEnded)) | None if !self.online => {
                Some(Trouble::Offline)
            }
            Some((_, trouble)) => Some(trouble),
            None if self.polling.failures >= FAILURES_TO_TELL => Some(Trouble::Unreachable),
            None => None,
        }
    }

    pub(crate) fn notice(&self) -> Option<Notice> {
        let what = self.trouble()?;
        let wait_s = self.blocked_until.map(|until| seconds(until - self.now.ms));
        Some(Notice {
            what,
            can_retry: match self.failed {
                Some((Action::Send, _)) => !self.outgoing.is_empty(),
                failed => failed.is_some(),
            },
            is_in_log: self.outgoing().next().is_some(),
            wait_s,
        })
    }

    pub(super) fn fail(&mut self, action: Action, failure: &Failure) {
        let trouble = match failure {
            Failure::Refused {
                status: 429,
                retry_after_s,
                ..
            } => {
                let wait = retry_after_s.unwrap_or(DEFAULT_WAIT_S);
                self.blocked_until = Some(self.now.ms + f64::from(wait) * 1_000.0);
                self.count_down();
                Trouble::RateLimited
            }
            Failure::Blocked => Trouble::Blocked,
            Failure::Refused { status: 503, .. } => Trouble::Unavailable,
            Failure::Refused { status: 403, .. } => Trouble::NotAllowed,
            Failure::Refused {
                code: ErrorCode::MessageTooLong,
                ..
            } => Trouble::TooLong,
            Failure::Refused {
                status: 400..500, ..
            } => Trouble::Refused,
            _ if action == Action::End => Trouble::NotEnded,
            _ => Trouble::NotSent,
        };
        self.failed = Some((action, trouble));
    }

    pub(super) fn count_down(&mut self) {
        let Some(until) = self.blocked_until else {
            return;
        };
        let left = until - self.now.ms;
        if left > 0.0 {
            self.effects
                .push(Effect::SetTimer(Timer::Countdown, left.min(1_000.0)));
        } else {
            self.blocked_until = None;
            // What was taken back meanwhile has failed at nothing.
            if self.outgoing.is_empty() && matches!(self.failed, Some((Action::Send, _))) {
                self.failed = None;
            }
        }
    }
}

/// Milliseconds as whole seconds, begun ones included.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it saturates"
)]
fn seconds(ms: f64) -> u32 {
    (ms as u32).div_ceil(1_000)
}
