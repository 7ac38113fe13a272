//! The client's address: the right-most hop that is not a trusted proxy.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{Extensions, HeaderMap, HeaderName, request::Parts},
};
use ipnet::IpNet;

use super::{AppState, problem::ApiError};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address that limits count. Whatever a client writes into `X-Forwarded-For` itself has no effect.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClientAddress(pub(super) IpAddr);

impl FromRequestParts<AppState> for ClientAddress {
    type Rejection = ApiError;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &AppState,
    ) -> Result<Self, Self::Rejection> {
        Ok(Self::of(&parts.extensions, &parts.headers, state))
    }
}

impl ClientAddress {
    pub(super) fn of(extensions: &Extensions, headers: &HeaderMap, state: &AppState) -> Self {
        let peer = extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map_or(IpAddr::from([0, 0, 0, 0]), |ConnectInfo(peer)| peer.ip());
        Self(client(peer, headers, &state.config.http.trusted_proxies))
    }
}

fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut client = peer.to_canonical();
    let lines = headers.get_all(X_FORWARDED_FOR).iter().rev();
    // A hop that cannot be parsed ends the chain at the proxy that passed it on.
    let mut hops = lines.flat_map(|line| line.to_str().unwrap_or("").rsplit(',').map(parse_hop));
    while is_trusted(&client) {
        match hops.next() {
            Some(Some(hop)) => client = hop,
            Some(None) | None => break,
        }
    }
    client
}

/// An address, with or without a port.
fn parse_hop(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    text.parse::<IpAddr>()
        .ok()
        .or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
        .or_else(|| text.strip_prefix('[')?.strip_suffix(']')?.parse().ok())
        .map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn found(peer: &str, forwarded: &[&'static str]) -> String {
        let headers = forwarded
            .iter()
            .map(|line| (X_FORWARDED_FOR, HeaderValue::from_static(line)))
            .collect::<HeaderMap>();
        let trusted = ["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
        client(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn a_stranger_s_header_is_not_believed() {
        assert_eq!(found("192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
    }

    #[test]
    fn behind_trusted_proxies_it_is_the_right_most_other() {
        assert_eq!(found("10.0.0.1", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(
            found("10.0.0.1", &["203.0.113.9, 198.51.100.7, 10.0.0.2"]),
            "198.51.100.7"
        );
        assert_eq!(
            found("10.0.0.1", &["203.0.113.9", "198.51.100.7"]),
            "198.51.100.7"
        );
        assert_eq!(found("::ffff:10.0.0.1", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(found("::1", &["[2001:db8::1]:443"]), "2001:db8::1");
        assert_eq!(found("::1", &["198.51.100.7:5000"]), "198.51.100.7");
    }

    #[test]
    fn a_chain_that_breaks_off_ends_at_the_last_hop_that_is_known() {
        assert_eq!(found("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(found("10.0.0.1", &["198.51.100.7, unknown"]), "10.0.0.1");
        assert_eq!(found("10.0.0.1", &["198.51.100.7, , 10.0.0.2"]), "10.0.0.2");
        assert_eq!(found("10.0.0.1", &["10.0.0.3, 10.0.0.2"]), "10.0.0.3");
    }

    proptest! {
        #[test]
        fn no_header_makes_an_untrusted_peer_anybody_else(
            peer in any::<IpAddr>(),
            lines in prop::collection::vec(any::<Vec<u8>>(), 0..4),
        ) {
            let headers: HeaderMap = lines
                .iter()
                .filter_map(|line| HeaderValue::from_bytes(line).ok())
                .map(|line| (X_FORWARDED_FOR, line))
                .collect();
            prop_assert_eq!(client(peer, &headers, &[]), peer.to_canonical());
        }

        #[test]
        fn behind_a_trusted_peer_it_is_the_first_untrusted_hop_from_the_right(
            forged in any::<IpAddr>(),
            real in any::<IpAddr>(),
            proxies in 0_u8..5,
        ) {
            let trusted: IpNet = "10.0.0.0/8".parse().unwrap();
            prop_assume!(!trusted.contains(&real.to_canonical()));
            let mut hops = vec![forged.to_string(), real.to_string()];
            hops.extend((0..proxies).map(|proxy| format!("10.0.0.{proxy}")));
            let hops = hops.join(", ");
            let line = HeaderValue::from_str(&hops).unwrap();
            let headers = HeaderMap::from_iter([(X_FORWARDED_FOR, line)]);
            prop_assert_eq!(client([10, 0, 0, 9].into(), &headers, &[trusted]), real.to_canonical());
        }
    }
}
