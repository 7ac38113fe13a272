//! `PgBouncer` in front of the tests' Postgres. Set up as `docs/operations/runbook.md` says, it must not change how the
//! server works.

use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};

use rustix::process::Signal;

use crate::apt;
use crate::failure::Result;
use crate::files;
use crate::layout::Layout;
use crate::process::command;
use crate::progress::step;
use crate::service::Service;

/// Starts one in session mode, on a port. `postgres` says where every database is, as a libpq connection string.
pub(crate) fn start(
    program: &Path,
    dir: &Path,
    run_dir: &Path,
    port: u16,
    postgres: &str,
) -> Result<Service> {
    let file = dir.join("pgbouncer.ini");
    files::write_private(&file, &configuration(port, postgres))?;
    step(format_args!("PgBouncer on port {port}"), || {
        let log = dir.join("pgbouncer.log");
        // Other signals wait for clients, depending on its version; it has nothing to lose.
        let (mut command, stop) = (command(program), Signal::KILL);
        let mut service = Service::start("PgBouncer", command.arg(&file), &log, run_dir, stop)?;
        let address = (Ipv4Addr::LOCALHOST, port);
        service.wait_ready(|| Ok(TcpStream::connect(address).is_ok()))?;
        Ok(service)
    })
}

fn configuration(port: u16, postgres: &str) -> String {
    // It refuses to run as root, and becomes this account when it has read its configuration.
    let is_root = rustix::process::geteuid().is_root();
    let user = if is_root { "user = nobody" } else { "" };
    format!(
        "[databases]
* = {postgres}

[pgbouncer]
{user}
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = session
max_client_conn = 1000
default_pool_size = 150
; The connections of the tests themselves need this; the server does not.
ignore_startup_parameters = extra_float_digits
; A test's database can be dropped only when nobody is connected to it.
server_lifetime = 0
"
    )
}

/// The program.
pub(crate) fn find_or_get(layout: &Layout) -> Result<Option<PathBuf>> {
    let not_checked = "nothing is tested through PgBouncer";
    apt::program(layout, "pgbouncer", "pgbouncer", not_checked)
}
