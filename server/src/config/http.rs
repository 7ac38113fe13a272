//! The configuration of listeners, origins and proxies.

use std::{
    collections::BTreeMap,
    fmt,
    net::{IpAddr, SocketAddr},
    str::FromStr,
    time::Duration,
};

use ipnet::IpNet;
use url::Url;

use super::{ConfigError, Env};

/// How clients reach the server.
#[derive(Clone, Debug)]
pub struct Http {
    /// The address for the API, the pages and the widget.
    pub listen: SocketAddr,
    /// The address for health, readiness and metrics, which is not for the public.
    pub admin_listen: SocketAddr,
    /// The origins whose pages may use the API.
    pub allowed_origins: Vec<Origin>,
    /// The proxies whose `X-Forwarded-For` header is trusted.
    pub trusted_proxies: Vec<IpNet>,
    /// Whether clients may use HTTP/2 without TLS.
    pub http2: bool,
    /// How long the server goes on serving after it was told to stop, while it says that it is not ready.
    pub drain: Duration,
}

impl Http {
    pub(super) fn read(env: &mut Env) -> Option<Self> {
        let listen = env.parse_or(
            "SUPPORT_CHAT_LISTEN",
            SocketAddr::from(([127, 0, 0, 1], 8090)),
        );
        let admin_listen = read_admin_listen(env);
        env.required("SUPPORT_CHAT_ALLOWED_ORIGINS");
        let allowed_origins = env.parse_list("SUPPORT_CHAT_ALLOWED_ORIGINS");
        let trusted_proxies = env
            .parse_list::<Proxy>("SUPPORT_CHAT_TRUSTED_PROXIES")
            .into_iter()
            .map(|proxy| proxy.0)
            .collect();
        let http2 = env.switch("SUPPORT_CHAT_HTTP2", false);
        let drain = env.parse_or(
            "SUPPORT_CHAT_DRAIN",
            humantime::Duration::from(Duration::ZERO),
        );
        Some(Self {
            drain: drain?.into(),
            listen: listen?,
            admin_listen: admin_listen?,
            allowed_origins,
            trusted_proxies,
            http2: http2?,
        })
    }
}

fn read_admin_listen(env: &mut Env) -> Option<SocketAddr> {
    env.parse_or(
        "SUPPORT_CHAT_ADMIN_LISTEN",
        SocketAddr::from(([127, 0, 0, 1], 8091)),
    )
}

/// Where the admin listener is, from the variables of a server; the others are not read.
pub fn admin_listen(vars: BTreeMap<String, String>) -> Result<SocketAddr, Vec<ConfigError>> {
    let mut env = Env::new(vars);
    let listen = read_admin_listen(&mut env);
    let errors = env.finish();
    listen.filter(|_| errors.is_empty()).ok_or(errors)
}

/// A browser origin exactly as the `Origin` header gives it: `https://www.example.com`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    /// The header's value.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let origin = Url::parse(text)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"))
            .map(|url| url.origin().ascii_serialization());
        match origin {
            Some(origin) if origin == text => Ok(Self(origin)),
            Some(origin) => Err(format!("`{text}` is no origin; did you mean `{origin}`?")),
            None => Err(format!("`{text}` is no origin (https://www.example.com)")),
        }
    }
}

/// A network, or one address.
struct Proxy(IpNet);

impl FromStr for Proxy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<IpNet>()
            .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
            .map(Self)
            .map_err(|_| format!("`{text}` is no network (192.0.2.0/24)"))
    }
}
