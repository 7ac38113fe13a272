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
use crate::service::{Service, ServiceSpec};

/// A `PgBouncer` that runs; ends when dropped.
pub(crate) struct PgBouncer {
    _service: Service,
    port: u16,
}

impl PgBouncer {
    /// Starts one in session mode, on a port. `postgres` says where every database is, as a libpq connection
    /// string.
    pub(crate) fn start(
        program: &Path,
        dir: &Path,
        run_dir: &Path,
        port: u16,
        postgres: &str,
    ) -> Result<Self> {
        step(format_args!("PgBouncer on port {port}"), || {
            let file = dir.join("pgbouncer.ini");
            files::write_private(&file, &configuration(port, postgres))?;
            let spec = ServiceSpec {
                name: "PgBouncer",
                log: dir.join("pgbouncer.log"),
                run_dir,
                marker: &file,
                // Other signals wait for clients, depending on its version; it has nothing to lose.
                stop_with: Signal::KILL,
            };
            let mut service = Service::start(spec, command(program).arg(&file))?;
            let address = (Ipv4Addr::LOCALHOST, port);
            service.wait_ready(|| Ok(TcpStream::connect(address).is_ok()))?;
            Ok(Self {
                _service: service,
                port,
            })
        })
    }

    /// The address of a database through it.
    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://anybody@127.0.0.1:{}/{database}", self.port)
    }
}

fn configuration(port: u16, postgres: &str) -> String {
    // It refuses to run as root, and becomes this account when it has read its configuration.
    let user = if rustix::process::geteuid().is_root() {
        "user = nobody\n"
    } else {
        ""
    };
    format!(
        "[databases]\n* = {postgres}\n\n[pgbouncer]\n{user}listen_addr = 127.0.0.1\nlisten_port = {port}\n\
         unix_socket_dir =\nauth_type = any\npool_mode = session\nmax_client_conn = 1000\n\
         default_pool_size = 150\n\
         ; The connections of the tests themselves need this; the server does not.\n\
         ignore_startup_parameters = extra_float_digits\n\
         ; A test's database can be dropped only when nobody is connected to it.\n\
         server_lifetime = 0\n"
    )
}

/// The program.
pub(crate) fn find_or_get(layout: &Layout) -> Result<Option<PathBuf>> {
    apt::program(
        layout,
        "pgbouncer",
        "pgbouncer",
        "nothing is tested through PgBouncer",
    )
}
