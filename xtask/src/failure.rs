//! How a command ends badly: one line for the person at the terminal.

use std::fmt::Display;

/// Why a command stopped.
#[derive(Debug)]
pub(crate) enum Failure {
    /// One line: what went wrong and what to do about it.
    Message(String),
    /// Ctrl-C or a request to terminate.
    Interrupted,
}

/// The result of everything here that can fail.
pub(crate) type Result<T> = std::result::Result<T, Failure>;

/// Fails with a message.
pub(crate) fn fail<T>(message: impl Into<String>) -> Result<T> {
    Err(Failure::Message(message.into()))
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
