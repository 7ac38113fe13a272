//! TCP ports on the loopback interface.

use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;

use crate::failure::{Context, Result, bail};

/// Below what Linux (32768) and macOS (49152) begin to give to outgoing connections.
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
}

impl Ports {
    /// The ports of `cargo xtask up`.
    pub(crate) fn with_offset(offset: u16) -> Self {
        Self {
            page: 8090 + offset,
            // Where Vite serves a site in development.
            host: 5173 + offset,
            admin: 8091 + offset,
            homeserver: 8008 + offset,
            postgres: 54320 + offset,
            pooler: 6432 + offset,
        }
    }

    /// Ports nobody uses, for a private system. They are used only minutes later, so they are not
    /// among those that the kernel gives to outgoing connections meanwhile.
    pub(crate) fn free() -> Result<Self> {
        // Runs that begin at the same time begin their search in different places.
        let start = usize::try_from(std::process::id()).unwrap_or_default() * 97;
        let range = UNASSIGNED.len();
        // All are held until the last is known, so that they differ.
        let listeners: Vec<TcpListener> = UNASSIGNED
            .cycle()
            .skip(start % range)
            .take(range)
            .filter_map(|port| bind(port).ok())
            .take(6)
            .collect();
        let ports: Vec<u16> = listeners
            .iter()
            .map(|listener| listener.local_addr().map(|address| address.port()))
            .collect::<std::io::Result<_>>()
            .context("cannot find free ports")?;
        let [page, host, admin, homeserver, postgres, pooler] = ports[..] else {
            bail!("cannot find free ports");
        };
        Ok(Self {
            page,
            host,
            admin,
            homeserver,
            postgres,
            pooler,
        })
    }

    /// Fails with one clear line when one of the ports is taken.
    pub(crate) fn check(self) -> Result<()> {
        let uses = [
            ("page", self.page),
            ("health", self.admin),
            ("Synapse", self.homeserver),
            ("Postgres", self.postgres),
        ];
        for (what, port) in uses {
            if bind(port).is_err() {
                bail!(
                    "port {port} ({what}) is taken: end the program that uses it, or move all \
                     ports with `cargo xtask up --port-offset 100`"
                );
            }
        }
        Ok(())
    }
}

fn bind(port: u16) -> Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).context(format_args!("port {port}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Failure;

    #[test]
    fn a_taken_port_is_named_with_a_way_out() {
        let ports = Ports::free().unwrap();
        ports.check().unwrap();
        let _taken = bind(ports.homeserver).unwrap();
        let Err(Failure::Message(message)) = ports.check() else {
            panic!("not noticed")
        };
        assert!(message.contains(&ports.homeserver.to_string()), "{message}");
        assert!(message.contains("--port-offset"), "{message}");
    }
}
