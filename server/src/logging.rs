//! Logging, one line per event, as text or JSON: of the server to standard output, and of a command to standard error,
//! beside the answer that it prints.

use std::io;

use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

use crate::config::{Log, LogFormat};

/// Starts logging to standard output for the whole process.
pub fn init(log: &Log) {
    init_to(log, io::stdout);
}

/// Starts logging to standard error for the whole process.
pub fn init_beside_output(log: &Log) {
    init_to(log, io::stderr);
}

fn init_to<W>(log: &Log, writer: W)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(&log.filter))
        .with_writer(writer);
    match log.format {
        LogFormat::Text => builder.with_ansi(false).init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
}
