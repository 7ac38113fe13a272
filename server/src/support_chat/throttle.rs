//! Rate limits: conversations per hour are counted in Postgres, so all servers share them; messages
//! per minute are counted in this process.

use std::{hash::Hash, net::IpAddr, num::NonZeroU32, time::Duration};

use governor::{Quota, RateLimiter, clock::Clock, state::keyed::DefaultKeyedStateStore};
use ipnet::{IpNet, Ipv6Net};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use crate::config::Limit;

/// The prefix lengths of the networks by which new sessions are counted.
const NEAR_V6: u8 = 56;
const WIDE_V6: u8 = 48;
const WIDE_V4: u8 = 24;

/// A token bucket for each key that refills evenly over a minute. Without a limit it allows
/// everything.
#[derive(Debug)]
pub struct PerMinute<K: Hash + Eq + Clone> {
    limiter: Option<RateLimiter<K, DefaultKeyedStateStore<K>, governor::clock::DefaultClock>>,
}

impl<K: Hash + Eq + Clone> PerMinute<K> {
    /// Allows this many for each key.
    #[must_use]
    pub fn new(limit: Limit) -> Self {
        let limiter = limit.map(|limit: NonZeroU32| RateLimiter::keyed(Quota::per_minute(limit)));
        Self { limiter }
    }

    /// Takes a token, or returns the wait until there is one.
    pub fn take(&self, key: &K) -> Result<(), Duration> {
        let Some(limiter) = &self.limiter else {
            return Ok(());
        };
        limiter
            .check_key(key)
            .map_err(|until| until.wait_time_from(limiter.clock().now()))
    }

    /// Drops the keys whose buckets are full again.
    pub fn forget_idle(&self) {
        if let Some(limiter) = &self.limiter {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }
}

/// The address or network that an address is counted as. For IPv6 it is the /64, since each
/// customer has at least that many addresses.
#[must_use]
pub fn counted_as(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Net::new_assert(address, 64).network().into(),
    }
}

/// Makes digests that only tell whether two addresses are equal. The key is derived from a secret
/// that all servers share and the database does not contain, so a dump of the database cannot be
/// searched for addresses.
#[derive(Clone, Debug)]
pub(super) struct AddressDigester {
    key: SecretString,
}

impl AddressDigester {
    /// Digesters with the same secret give the same digests.
    pub(super) const fn new(key: SecretString) -> Self {
        Self { key }
    }

    pub(super) fn digest(&self, address: IpAddr) -> Digests {
        let address = counted_as(address);
        let network = |length| {
            // A prefix longer than the address has no network.
            let network = IpNet::new(address, length).ok()?.trunc();
            Some(self.mac(b"support-chat client network\0", &network.to_string()))
        };
        let (near_network, wide_network) = match address {
            IpAddr::V4(_) => (None, network(WIDE_V4)),
            IpAddr::V6(_) => (network(NEAR_V6), network(WIDE_V6)),
        };
        Digests {
            address: self.mac(b"support-chat client address\0", &address.to_string()),
            near_network,
            wide_network,
        }
    }

    fn mac(&self, kind: &[u8], text: &str) -> [u8; 32] {
        use hmac::{Hmac, KeyInit, Mac};
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(&Sha256::digest(self.key.expose_secret()))
            .expect("a key of any length");
        mac.update(kind);
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

/// An address and the networks around it, as keyed hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Digests {
    pub(super) address: [u8; 32],
    /// The customer's network, if it is larger than what counts as one address.
    pub(super) near_network: Option<[u8; 32]>,
    /// The network of a small provider or a large customer.
    pub(super) wide_network: Option<[u8; 32]>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_ipv6_address_counts_by_its_64_and_an_embedded_ipv4_address_as_itself() {
        assert_eq!(
            counted_as(address("2001:db8:1:2:3::4")),
            address("2001:db8:1:2::")
        );
        assert_ne!(
            counted_as(address("2001:db8:1:3::")),
            counted_as(address("2001:db8:1:2::"))
        );
        assert_eq!(
            counted_as(address("::ffff:192.0.2.1")),
            address("192.0.2.1")
        );
        assert_ne!(
            counted_as(address("192.0.2.1")),
            counted_as(address("192.0.2.2"))
        );
    }

    #[test]
    fn digests_agree_for_one_secret_only() {
        let digester = |key: &str| AddressDigester::new(key.to_owned().into());
        let ada = address("192.0.2.1");
        assert_eq!(digester("k").digest(ada), digester("k").digest(ada));
        assert_ne!(digester("k").digest(ada), digester("other").digest(ada));
        assert_ne!(
            digester("k").digest(ada),
            digester("k").digest(address("192.0.2.2"))
        );
    }

    #[test]
    fn neighbours_share_their_networks() {
        let digest = |text| AddressDigester::new("k".to_owned().into()).digest(address(text));
        let ada = digest("2001:db8:1:200::1");
        let near = digest("2001:db8:1:2ff::1");
        let wide = digest("2001:db8:1:300::1");
        let far = digest("2001:db8:2:200::1");
        assert_ne!(ada.address, near.address);
        assert_eq!(ada.near_network, near.near_network);
        assert_ne!(ada.near_network, wide.near_network);
        assert_eq!(ada.wide_network, wide.wide_network);
        assert_ne!(ada.wide_network, far.wide_network);

        let (one, two, three) = (
            digest("192.0.2.1"),
            digest("192.0.2.255"),
            digest("192.0.3.1"),
        );
        assert_eq!(one.near_network, None);
        assert_eq!(one.wide_network, two.wide_network);
        assert_ne!(one.wide_network, three.wide_network);
        assert_eq!(one, digest("::ffff:192.0.2.1"));
    }

    #[test]
    fn a_bucket_empties_and_says_when_it_has_one_again() {
        let bucket = PerMinute::new(NonZeroU32::new(3));
        assert!((0..3).all(|_| bucket.take(&"a").is_ok()));
        let wait = bucket.take(&"a").unwrap_err();
        assert!(
            wait > Duration::from_secs(15) && wait <= Duration::from_secs(20),
            "{wait:?}"
        );
        assert!(bucket.take(&"b").is_ok(), "another key has its own");
        let unlimited = PerMinute::new(None);
        assert!((0..1_000).all(|_| unlimited.take(&"a").is_ok()));
    }
}
