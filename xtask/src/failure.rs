//! Failures of a command: one line for the person at the terminal.

pub(crate) use anyhow::{Context, Error, Result, bail};

/// Ctrl-C or a request to terminate.
#[derive(Debug)]
pub(crate) struct Interrupted;

impl std::fmt::Display for Interrupted {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("interrupted")
    }
}

impl std::error::Error for Interrupted {}

/// The result of work that a run can do without: its failure is only noted. An interruption stays a failure.
pub(crate) fn optional<T>(result: Result<T>) -> Result<std::result::Result<T, String>> {
    match result {
        Ok(done) => Ok(Ok(done)),
        Err(error) if error.is::<Interrupted>() => Err(error),
        Err(error) => Ok(Err(format!("{error:#}"))),
    }
}
