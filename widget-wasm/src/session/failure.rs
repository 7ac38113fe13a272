//! Why a request failed, and what the visitor is told.

use alloc::string::String;

use app::contract::ErrorCode;

use super::{Action, Effect, Ending, Session, Timer};

/// The wait after a 429 that does not say how long to wait.
pub(super) const DEFAULT_WAIT_S: u32 = 10;
/// A single failed poll is not shown, two are.
pub(super) const FAILURES_TO_TELL: i32 = 2;

/// Why a request failed.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// There was no readable answer, so the request may have taken effect.
    Network,
    /// The server requires a challenge to be passed first.
    Challenge {
        /// The key for showing the challenge; without one it cannot be shown.
        site_key: Option<String>,
    },
    /// The server requires a proof of work first.
    Proof,
    /// Staff have blocked the visitor.
    Blocked,
    /// The server has refused the request.
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

    /// Whether the server does not know this session or token. The status alone is not enough,
    /// because a proxy may have sent it.
    pub(super) fn is_unknown_session(&self) -> bool {
        matches!(
            self.code(),
            ErrorCode::InvalidToken | ErrorCode::SessionNotFound
        )
    }

    /// How the session has ended, if it has.
    pub(super) fn ending(&self) -> Option<Ending> {
        match self.code() {
            ErrorCode::SessionExpired => Some(Ending::Expired),
            ErrorCode::SessionClosed => Some(Ending::Closed),
            _ => None,
        }
    }

    /// Whether the request may have taken effect.
    pub(super) fn is_uncertain(&self) -> bool {
        !(400..500).contains(&self.status())
    }
}

/// A trouble that the visitor is told about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Notice {
    pub(crate) what: Trouble,
    /// Whether the visitor can try again.
    pub(crate) can_retry: bool,
    /// It is a message whose text stands in the log, since the composer holds another.
    pub(crate) is_in_log: bool,
    /// Not before this many seconds have passed.
    pub(crate) wait_s: Option<u32>,
}

/// The kinds of trouble.
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

    /// The name that programs see, which is also the key of the text for the visitor.
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
            // The cause is more informative than its consequence.
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

/// Converts milliseconds to seconds, rounded up.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it saturates"
)]
fn seconds(ms: f64) -> u32 {
    (ms as u32).div_ceil(1_000)
}
