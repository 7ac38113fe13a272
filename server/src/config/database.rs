//! Postgres.

use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::PgConnectOptions;

use super::Env;

/// Where Postgres is.
#[derive(Clone, Debug)]
pub struct Database {
    /// `postgres://user:password@host/name`.
    pub url: SecretString,
}

impl Database {
    pub(super) fn read(env: &mut Env) -> Option<Self> {
        const NAME: &str = "DATABASE_URL";
        if !env.is_given(NAME) {
            env.error(NAME, "is required");
        }
        let url = env.secret(NAME)?;
        let scheme_known = ["postgres://", "postgresql://"]
            .iter()
            .any(|scheme| url.expose_secret().starts_with(scheme));
        // The parser's own error may repeat a part of the URL, and with it the password.
        if !scheme_known || url.expose_secret().parse::<PgConnectOptions>().is_err() {
            env.error(
                NAME,
                "is not valid: expected postgres://user:password@host:port/name",
            );
            return None;
        }
        Some(Self { url })
    }
}
