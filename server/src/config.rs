//! The configuration: environment variables, read and checked once, one file per section.
//!
//! `docs/reference/configuration.md` and the contract's table name the same variables as [`KNOWN`].

mod archive;
mod canary;
mod database;
mod desk;
mod env;
mod hours;
mod http;
mod identity;
mod limits;
mod log;
mod mail;
mod matrix;
mod staff;
mod turnstile;

use std::collections::BTreeMap;

pub use archive::{Archive, Archivist};
pub use canary::Canary;
pub use database::Database;
pub use desk::Desk;
pub use env::{ConfigError, Env};
pub use http::{Http, Origin, admin_listen};
pub use identity::IdentityKey;
pub use limits::{Limit, Limits, ProofOfWork};
pub use log::{Log, LogFormat};
pub use mail::{Mail, SmtpServer};
pub use matrix::{BotCredentials, CANARY_PAGE, HistoryVisibility, Matrix};
pub use staff::{Answers, CannedReplies, StaffLanguage};
pub use turnstile::Turnstile;

use crate::hours::Hours;

/// Every variable the server reads.
pub const KNOWN: &[&str] = &[
    "DATABASE_URL",
    "SUPPORT_CHAT_REQUIRE_SYNC_REPLICATION",
    "MATRIX_HOMESERVER_URL",
    "MATRIX_SUPPORT_BOT_MXID",
    "MATRIX_SUPPORT_BOT_ACCESS_TOKEN",
    "MATRIX_SUPPORT_BOT_PASSWORD",
    "MATRIX_SUPPORT_STAFF_MXIDS",
    "MATRIX_SUPPORT_HISTORY_VISIBILITY",
    "MATRIX_SUPPORT_CANARY_MXID",
    "MATRIX_SUPPORT_ARCHIVIST_MXID",
    "MATRIX_SUPPORT_ARCHIVIST_ACCESS_TOKEN",
    "MATRIX_SUPPORT_ARCHIVIST_PASSWORD",
    "MATRIX_SUPPORT_DESK",
    "SUPPORT_CHAT_LISTEN",
    "SUPPORT_CHAT_ADMIN_LISTEN",
    "SUPPORT_CHAT_ALLOWED_ORIGINS",
    "SUPPORT_CHAT_TRUSTED_PROXIES",
    "SUPPORT_CHAT_HTTP2",
    "SUPPORT_CHAT_DRAIN",
    "SUPPORT_CHAT_MAX_MESSAGE_CHARS",
    "SUPPORT_CHAT_SESSION_TTL",
    "SUPPORT_CHAT_RELAY_GRACE",
    "SUPPORT_CHAT_STAFF_LANGUAGE",
    "SUPPORT_CHAT_CANNED_REPLIES",
    "SUPPORT_CHAT_RETENTION",
    "SUPPORT_CHAT_ARCHIVE_AFTER",
    "SUPPORT_CHAT_RETENTION_MATRIX",
    "SUPPORT_CHAT_UNANSWERED_AFTER",
    "SUPPORT_CHAT_TIME_ZONE",
    "SUPPORT_CHAT_HOURS",
    "SUPPORT_CHAT_HOLIDAYS",
    "SUPPORT_CHAT_RATING",
    "SUPPORT_CHAT_IDENTITY_KEYS",
    "SUPPORT_CHAT_SMTP_URL",
    "SUPPORT_CHAT_MAIL_FROM",
    "SUPPORT_CHAT_PUBLIC_URL",
    "SUPPORT_CHAT_MAIL_AFTER",
    "SUPPORT_CHAT_MAIL_REPLY_TO",
    "SUPPORT_CHAT_MAIL_BOUNCES_TO",
    "SUPPORT_CHAT_MAIL_INCLUDE_TEXT",
    "SUPPORT_CHAT_RESUME_PAGE",
    "SUPPORT_CHAT_SESSIONS_PER_IP_PER_HOUR",
    "SUPPORT_CHAT_SESSIONS_PER_HOUR",
    "SUPPORT_CHAT_PROOF_OF_WORK",
    "SUPPORT_CHAT_MESSAGES_PER_SESSION_PER_MINUTE",
    "SUPPORT_CHAT_REQUESTS_PER_IP_PER_MINUTE",
    "TURNSTILE_SECRET_KEY",
    "TURNSTILE_SITE_KEY",
    "TURNSTILE_VERIFY_URL",
    "RUST_LOG",
    "SUPPORT_CHAT_LOG_FORMAT",
    "SUPPORT_CHAT_CANARY_URL",
    "MATRIX_SUPPORT_CANARY_ACCESS_TOKEN",
    "SUPPORT_CHAT_CANARY_STATE",
    "SUPPORT_CHAT_CANARY_TEXTFILE",
    "SUPPORT_CHAT_CANARY_TIMEOUT",
];

/// Those of [`KNOWN`] whose values are secrets. Each can be given as a file through the same name with `_FILE` added.
pub const SECRETS: &[&str] = &[
    "DATABASE_URL",
    "MATRIX_SUPPORT_BOT_ACCESS_TOKEN",
    "MATRIX_SUPPORT_BOT_PASSWORD",
    "MATRIX_SUPPORT_ARCHIVIST_ACCESS_TOKEN",
    "MATRIX_SUPPORT_ARCHIVIST_PASSWORD",
    "SUPPORT_CHAT_IDENTITY_KEYS",
    "SUPPORT_CHAT_SMTP_URL",
    "TURNSTILE_SECRET_KEY",
    "MATRIX_SUPPORT_CANARY_ACCESS_TOKEN",
];

/// The whole configuration of the server.
#[derive(Debug)]
pub struct Config {
    /// Postgres.
    pub database: Database,
    /// The homeserver, the bot and the staff.
    pub matrix: Matrix,
    /// Where the rooms of ended conversations go.
    pub archive: Archive,
    /// The desk.
    pub desk: Desk,
    /// The hours in which staff answer.
    pub hours: Hours,
    /// Whether visitors are asked how a conversation was.
    pub takes_ratings: bool,
    /// The keys of websites that vouch for their visitors.
    pub identity_keys: Vec<IdentityKey>,
    /// How visitors who have left are mailed, where they are.
    pub mail: Option<Mail>,
    /// Listeners, origins, proxies.
    pub http: Http,
    /// Limits on visitors, and how long things are kept.
    pub limits: Limits,
    /// The challenge before a first message, where there is one.
    pub turnstile: Option<Turnstile>,
    /// Which events are logged, and in what format.
    pub log: Log,
}

impl Config {
    /// Reads the configuration from variables, and reports all mistakes at once.
    pub fn from_vars(vars: BTreeMap<String, String>) -> Result<Self, Vec<ConfigError>> {
        let mut env = Env::new(vars);
        let database = Database::read(&mut env);
        let matrix = Matrix::read(&mut env);
        let archive = Archive::read(&mut env, matrix.as_ref());
        let desk = Desk::read(&mut env);
        let hours = Hours::read(&mut env, desk.as_ref().map(|desk| desk.time_zone));
        let takes_ratings = env.switch("SUPPORT_CHAT_RATING", true);
        let identity_keys = IdentityKey::read_all(&mut env);
        let mail = Mail::read(&mut env);
        let http = Http::read(&mut env);
        let limits = Limits::read(&mut env);
        let turnstile = Turnstile::read(&mut env);
        let log = Log::read(&mut env);
        let errors = env.finish();
        match (
            database,
            matrix,
            archive,
            desk,
            hours,
            takes_ratings,
            identity_keys,
            mail,
            http,
            limits,
            log,
        ) {
            (
                Some(database),
                Some(matrix),
                Some(archive),
                Some(desk),
                Some(hours),
                Some(takes_ratings),
                Some(identity_keys),
                Some(mail),
                Some(http),
                Some(limits),
                Some(log),
            ) if errors.is_empty() => Ok(Self {
                database,
                matrix,
                archive,
                desk,
                hours,
                takes_ratings,
                identity_keys,
                mail,
                http,
                limits,
                turnstile,
                log,
            }),
            _ => Err(errors),
        }
    }
}

#[cfg(test)]
mod tests;
