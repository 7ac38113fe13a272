//! Listeners, origins, proxies.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

use ipnet::IpNet;
use url::Url;

use super::Env;

/// How the server is reached.
#[derive(Clone, Debug)]
pub struct Http {
    /// The API, the pages and the widget.
    pub listen: SocketAddr,
    /// Health and readiness; never published.
    pub admin_listen: SocketAddr,
    /// Whose pages may use the API.
    pub allowed_origins: Vec<Origin>,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Whether HTTP/2 without TLS is spoken with clients that begin with it.
    pub http2: bool,
}

impl Http {
    pub(super) fn read(env: &mut Env) -> Option<Self> {
        let listen = env.parse_or(
            "SUPPORT_CHAT_LISTEN",
            SocketAddr::from(([127, 0, 0, 1], 8090)),
        );
        let admin_listen = env.parse_or(
            "SUPPORT_CHAT_ADMIN_LISTEN",
            SocketAddr::from(([127, 0, 0, 1], 8091)),
        );
        env.required("SUPPORT_CHAT_ALLOWED_ORIGINS");
        let allowed_origins = env.parse_list("SUPPORT_CHAT_ALLOWED_ORIGINS");
        let trusted_proxies = env
            .parse_list::<Proxy>("SUPPORT_CHAT_TRUSTED_PROXIES")
            .into_iter()
            .map(|proxy| proxy.0)
            .collect();
        let http2 = env.parse_or("SUPPORT_CHAT_HTTP2", Switch(false));
        Some(Self {
            listen: listen?,
            admin_listen: admin_listen?,
            allowed_origins,
            trusted_proxies,
            http2: http2?.0,
        })
    }
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

/// `on` or `off`.
pub(super) struct Switch(pub(super) bool);

impl FromStr for Switch {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "on" => Ok(Self(true)),
            "off" => Ok(Self(false)),
            _ => Err(format!("`{text}` is neither `on` nor `off`")),
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
