//! `PgBouncer` in front of the tests' Postgres. Set up as `docs/operations/runbook.md` says, it must not change how the
//! server works.

use std::net::{Ipv4Addr, TcpStream};

use rustix::process::Signal;

use crate::prelude::*;
use crate::service::Service;

/// Starts one in session mode on a port. `postgres` is the address of every database, as a libpq connection string.
pub(crate) fn start(
    program: &Path,
    dir: &Path,
    run_dir: &Path,
    port: u16,
    postgres: &str,
) -> Result<Service> {
    let file = dir.join("pgbouncer.ini");
    // It refuses to run as root, and becomes this account when it has read its configuration.
    let is_root = rustix::process::geteuid().is_root();
    let user = if is_root { "user = nobody" } else { "" };
    let settings = include_str!("../pgbouncer.ini");
    let own = format!("{user}\nlisten_port = {port}\n[databases]\n* = {postgres}\n");
    files::write_private(&file, &format!("{settings}{own}"))?;
    step(format_args!("PgBouncer on port {port}"), || {
        let log = dir.join("pgbouncer.log");
        let mut pgbouncer = command(program);
        pgbouncer.arg(&file);
        let is_ready = move |_| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok();
        // Depending on its version, PgBouncer waits for its clients after other signals. It has
        // nothing to save.
        Service::start("PgBouncer", pgbouncer, log, run_dir, Signal::KILL, is_ready)
    })
}
