//! `matrix-support-chat healthcheck`: asks the server of this machine how it is, for images that have no curl.

use std::{
    collections::BTreeMap,
    io::Write,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use clap::Args;

use super::CommandError;
use crate::config::{ConfigError, admin_listen};

/// An answer that takes longer is none.
const PATIENCE: Duration = Duration::from_secs(5);

/// What to ask.
#[derive(Clone, Debug, Args)]
pub struct Healthcheck {
    /// Ask whether the server is ready, and not only whether it lives.
    #[arg(long)]
    ready: bool,
    /// Leave this part of readiness out, as `matrixSync`.
    #[arg(long, value_name = "PART", requires = "ready", value_parser = parse_part)]
    exclude: Option<String>,
}

fn parse_part(text: &str) -> Result<String, &'static str> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        Ok(text.to_owned())
    } else {
        Err("expected the name of a part, as `matrixSync`")
    }
}

/// The address of the admin listener; no other variable is needed.
pub fn address(vars: BTreeMap<String, String>) -> Result<SocketAddr, Vec<ConfigError>> {
    admin_listen(vars).map(reachable)
}

/// An address that stands for every one of this machine is reached at the loopback one.
fn reachable(mut listens: SocketAddr) -> SocketAddr {
    match listens.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => listens.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => listens.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    listens
}

/// Asks the server, and writes its answer.
pub async fn run(
    address: SocketAddr,
    asked: &Healthcheck,
    out: &mut impl Write,
) -> Result<(), CommandError> {
    let path = if asked.ready { "readyz" } else { "healthz" };
    let query = asked
        .exclude
        .as_ref()
        .map(|part| format!("?exclude={part}"));
    let url = format!("http://{address}/{path}{}", query.unwrap_or_default());
    let refused = |problem: &str| CommandError::Refused(format!("{address}: {problem}"));
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(PATIENCE)
        .build()
        .map_err(|_| refused("no request can be made"))?;
    let answer = client.get(url).send().await;
    let answer = answer.map_err(|error| {
        refused(if error.is_timeout() {
            "there is no answer in time"
        } else {
            "no server listens there (SUPPORT_CHAT_ADMIN_LISTEN)"
        })
    })?;
    let is_well = answer.status().is_success();
    let said = answer.text().await.unwrap_or_default();
    writeln!(out, "{}", said.trim_end())?;
    if is_well {
        Ok(())
    } else {
        Err(refused("the server is not well"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_of_the_machine_is_asked_at_its_own() {
        let reached = |text: &str| reachable(text.parse().unwrap()).to_string();
        assert_eq!(reached("0.0.0.0:8091"), "127.0.0.1:8091");
        assert_eq!(reached("[::]:8091"), "[::1]:8091");
        assert_eq!(reached("10.0.0.3:1"), "10.0.0.3:1");
    }
}
