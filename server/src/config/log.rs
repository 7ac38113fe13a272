//! The configuration of logging.

use std::str::FromStr;

use super::Env;

/// Logging.
#[derive(Clone, Debug)]
pub struct Log {
    /// `tracing` directives, as in `info,sqlx=warn`.
    pub filter: String,
    /// The format of a log line.
    pub format: LogFormat,
}

/// The format of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}

impl FromStr for LogFormat {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err("expected `text` or `json`"),
        }
    }
}

impl Log {
    pub(super) fn read(env: &mut Env) -> Option<Self> {
        const FILTER: &str = "RUST_LOG";
        let filter = env.text(FILTER).unwrap_or_else(|| "info".to_owned());
        if let Err(error) = tracing_subscriber::EnvFilter::try_new(&filter) {
            env.error(FILTER, format!("is not valid: {error}"));
        }
        let format = env.parse_or("SUPPORT_CHAT_LOG_FORMAT", LogFormat::Text);
        Some(Self {
            filter,
            format: format?,
        })
    }
}
