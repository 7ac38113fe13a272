//! How a command ends badly: one line for the person at the terminal.

use std::fmt::{self, Display};

/// Why a command stopped.
#[derive(Debug)]
pub(crate) enum Failure {
    /// One line: what went wrong and what to do about it.
    Message(String),
    /// Ctrl-C or a request to terminate.
    Interrupted,
}

impl Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message(message) => formatter.write_str(message),
            Self::Interrupted => formatter.write_str("interrupted"),
        }
    }
}

/// The result of everything here that can fail.
pub(crate) type Result<T> = std::result::Result<T, Failure>;

/// Fails with a message.
pub(crate) fn fail<T>(message: impl Into<String>) -> Result<T> {
    Err(Failure::Message(message.into()))
}

/// Leaves the function with a message, which is written as for `format!`.
macro_rules! bail {
    ($($message:tt)+) => {
        return $crate::failure::fail(format!($($message)+))
    };
}
pub(crate) use bail;

/// `fs_err` names the file in each error.
impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Message(error.to_string())
    }
}

/// Says what was being tried when an error came up.
pub(crate) trait Context<T> {
    /// Turns the error into `what: error`.
    fn context(self, what: impl Display) -> Result<T>;
}

impl<T, E: Display> Context<T> for std::result::Result<T, E> {
    fn context(self, what: impl Display) -> Result<T> {
        self.map_err(|error| Failure::Message(format!("{what}: {error}")))
    }
}
