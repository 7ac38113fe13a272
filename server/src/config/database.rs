//! The connection to Postgres.

use std::{fmt, net::IpAddr};

use secrecy::ExposeSecret;
use sqlx::{
    ConnectOptions,
    postgres::{PgConnectOptions, PgSslMode},
};
use url::Url;

use super::Env;

const NAME: &str = "DATABASE_URL";
/// The application name of the server's connections, unless the URL gives another one.
const APPLICATION_NAME: &str = "matrix-support-chat";

/// How to connect to Postgres.
#[derive(Clone)]
pub struct Database {
    /// The options in the URL, including secrets.
    pub options: PgConnectOptions,
    /// Whether visitors' writes are refused while Postgres has no synchronous standby.
    pub requires_sync_replication: bool,
}

impl fmt::Debug for Database {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Database").finish_non_exhaustive()
    }
}

impl Database {
    pub(super) fn read(env: &mut Env) -> Option<Self> {
        if !env.is_given(NAME) {
            env.error(NAME, "is required");
        }
        let requires_sync_replication = env.switch("SUPPORT_CHAT_REQUIRE_SYNC_REPLICATION", false);
        let url = env.secret(NAME)?;
        match options(url.expose_secret()) {
            Ok(options) => Some(Self {
                options,
                requires_sync_replication: requires_sync_replication?,
            }),
            Err(problem) => {
                env.error(NAME, problem);
                None
            }
        }
    }
}

/// Parses the URL with sqlx. What sqlx would refuse is refused before that, because its error message would repeat the
/// value.
fn options(text: &str) -> Result<PgConnectOptions, String> {
    const EXPECTED: &str = "is not valid: expected postgres://user:password@host:port/name";
    let (scheme, rest) = text.split_once("://").ok_or(EXPECTED)?;
    if !["postgres", "postgresql"].contains(&scheme) {
        return Err(EXPECTED.to_owned());
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let hosts = authority.rsplit('@').next().unwrap_or_default();
    one_host(hosts)?;
    let url = Url::parse(text).map_err(|_| EXPECTED)?;
    if url.fragment().is_some() {
        return Err("is not valid: a # in it has to be written as %23".to_owned());
    }
    if let Some(query) = url.query() {
        // A password may contain a question mark, so what follows one may be a part of the password.
        if query.contains('@') {
            return Err("is not valid: a ? or @ in it has to be written as %3F or %40".to_owned());
        }
        // A parameter's value is not named either: an & in a password also begins a parameter.
        if query.split('&').any(|pair| !pair.contains('=')) {
            return Err(
                "has a parameter without a value: an & in a password has to be written as %26"
                    .to_owned(),
            );
        }
        for (name, value) in url.query_pairs() {
            check(&name, &value)?;
        }
    }
    let options: PgConnectOptions = text.parse().map_err(|_| EXPECTED)?;
    let name = options
        .get_application_name()
        .unwrap_or(APPLICATION_NAME)
        .to_owned();
    Ok(options
        .application_name(&name)
        // Poolers refuse this parameter, and sqlx sends floats exactly anyway.
        .extra_float_digits(None)
        // Statements at trace level would put visitors' words and hashes into the log.
        .disable_statement_logging())
}

fn one_host(hosts: &str) -> Result<(), String> {
    if hosts.contains(',') {
        return Err(
            "names several hosts, and one is supported: put a proxy in front of them".to_owned(),
        );
    }
    Ok(())
}

/// Whether the parameter is known and its value is allowed.
fn check(name: &str, value: &str) -> Result<(), String> {
    let valid = match name {
        "sslmode" | "ssl-mode" => value.parse::<PgSslMode>().is_ok(),
        "statement-cache-capacity" => value.parse::<usize>().is_ok(),
        "host" | "port" | "hostaddr" if value.contains(',') => return one_host(value),
        "port" => value.parse::<u16>().is_ok(),
        "hostaddr" => value.parse::<IpAddr>().is_ok(),
        "host" | "dbname" | "user" | "password" | "application_name" | "sslrootcert"
        | "ssl-root-cert" | "ssl-ca" | "sslcert" | "ssl-cert" | "sslkey" | "ssl-key" => true,
        // The server sets these itself, and poolers refuse them.
        "options" => return Err("has the parameter options, which is not supported".to_owned()),
        _ if is_a_name(name) => return Err(format!("has an unknown parameter: {name}")),
        _ => return Err("has an unknown parameter".to_owned()),
    };
    if valid {
        Ok(())
    } else {
        Err(format!("has a parameter whose value is not valid: {name}"))
    }
}

/// Whether the text looks like a mistyped parameter rather than a piece of a secret.
fn is_a_name(name: &str) -> bool {
    (2..=32).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'_' | b'-'))
}
