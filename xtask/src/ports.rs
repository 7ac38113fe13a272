//! TCP ports on the loopback interface.

use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;

use crate::prelude::*;

/// These are below the ports that Linux (from 32768) and macOS (from 49152) give to outgoing connections.
const UNASSIGNED: Range<u16> = 20_000..32_000;

/// The ports one running system uses.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ports {
    /// The page and its API.
    pub(crate) page: u16,
    /// A website on another origin, which may embed the widget.
    pub(crate) host: u16,
    /// Health, readiness, metrics.
    pub(crate) admin: u16,
    /// Synapse.
    pub(crate) homeserver: u16,
    /// Postgres.
    pub(crate) postgres: u16,
    /// `PgBouncer`.
    pub(crate) pooler: u16,
    /// Postfix.
    pub(crate) mail: u16,
}

impl Ports {
    fn of([page, host, admin, homeserver, postgres, pooler, mail]: [u16; 7]) -> Self {
        Self {
            page,
            host,
            admin,
            homeserver,
            postgres,
            pooler,
            mail,
        }
    }

    /// The ports of `cargo xtask up`. The second is where Vite serves a site in development.
    pub(crate) fn with_offset(offset: u16) -> Self {
        Self::of([8090, 5173, 8091, 8008, 54320, 6432, 4650].map(|port| port + offset))
    }

    /// Ports that nobody uses, for a private system. They are used minutes later, so they are not among those that the
    /// kernel gives to outgoing connections meanwhile.
    pub(crate) fn free() -> Result<Self> {
        // Runs that begin at the same time search in different places.
        let start = usize::try_from(std::process::id()).unwrap_or_default() * 97;
        // All are held until the last one is found, so that they differ.
        let (ports, _held): (Vec<u16>, Vec<TcpListener>) = UNASSIGNED
            .cycle()
            .skip(start % UNASSIGNED.len())
            .take(UNASSIGNED.len())
            .filter_map(|port| Some((port, bind(port)?)))
            .take(7)
            .unzip();
        let ports = ports.try_into().ok().context("cannot find free ports")?;
        Ok(Self::of(ports))
    }

    /// Fails with one clear line when one of the ports is taken.
    pub(crate) fn check(self) -> Result<()> {
        let uses = [
            ("page", self.page),
            ("health", self.admin),
            ("Synapse", self.homeserver),
            ("Postgres", self.postgres),
        ];
        if let Some((what, port)) = uses.iter().find(|(_, port)| bind(*port).is_none()) {
            bail!(
                "port {port} ({what}) is taken: end the program that uses it, or move all \
                 ports with `cargo xtask up --port-offset 100`"
            );
        }
        Ok(())
    }
}

fn bind(port: u16) -> Option<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_named_with_a_way_out() {
        let ports = Ports::free().unwrap();
        ports.check().unwrap();
        let _taken = bind(ports.homeserver).unwrap();
        let message = ports.check().unwrap_err().to_string();
        assert!(message.contains(&ports.homeserver.to_string()), "{message}");
        assert!(message.contains("--port-offset"), "{message}");
    }
}
