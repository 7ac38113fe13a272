//! `cargo xtask up`: the whole system on this machine, until Ctrl-C.

use fs_err as fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::failure::Result;
use crate::files::{self, Lock};
use crate::interruption::{interrupted, watch_signals};
use crate::layout::Layout;
use crate::ports::Ports;
use crate::postgres::Postgres;
use crate::progress::note;
use crate::server::{self, ServerSpec};
use crate::service::{Service, end_leftovers};
use crate::synapse::{self, Accounts, Encryption, Synapse};
use crate::{node, python, widget};

/// The database's name.
const DATABASE: &str = "support_chat";

/// The running parts. Fields are dropped in this order, so a part ends before the parts that it needs.
struct Running {
    server: Service,
    synapse: Synapse,
    postgres: Postgres,
}

/// Builds and runs everything.
pub(crate) fn run(layout: &Layout, port_offset: u16) -> Result<()> {
    watch_signals()?;
    let _only_one = Lock::take(
        &layout.dev.join("up.lock"),
        "`cargo xtask up` runs already in this checkout: end it with Ctrl-C first",
    )?;
    let run_dir = layout.dev.join("run");
    end_leftovers(&run_dir)?;

    // Anything that is missing is named before something takes long.
    let ports = Ports::with_offset(port_offset);
    ports.check()?;
    python::find()?;
    node::ensure(layout)?;

    let mut running = start(layout, &run_dir, ports)?;
    files::write_private(&address_file(layout), &addresses(ports).to_string())?;
    let accounts = Accounts::load_or_make(&accounts_file(layout))?;
    introduce(layout, ports, &accounts, running.server.log());
    let result = watch(&mut running);
    note("ending");
    drop(running);
    // `cargo xtask staff` must not find a system that has ended.
    let _ = fs::remove_file(address_file(layout));
    result
}

fn start(layout: &Layout, run_dir: &Path, ports: Ports) -> Result<Running> {
    let dir = layout.dev.join("postgres");
    let postgres = Postgres::start(layout, &dir, run_dir, ports.postgres, &[DATABASE])?;
    let accounts = Accounts::load_or_make(&accounts_file(layout))?;
    let dir = layout.dev.join("synapse");
    synapse::start_new_log(&dir)?;
    let synapse = Synapse::start(
        layout,
        &dir,
        run_dir,
        ports.homeserver,
        &accounts,
        Encryption::Off,
    )?;

    // After what has to be downloaded: builds take long, and a failed download should not.
    widget::build(layout)?;
    let program = server::build(layout)?;

    let log = layout.logs().join("server.log");
    fs::write(&log, "")?;
    let spec = ServerSpec {
        program: &program,
        ports,
        database_url: postgres.url(DATABASE),
        homeserver_url: synapse.url(),
        accounts: &accounts,
        log,
        run_dir,
        wait_for: "readyz",
        settings: &[],
    };
    let server = server::start(layout, &spec)?;
    Ok(Running {
        server,
        synapse,
        postgres,
    })
}

/// Returns when somebody asks for the end, or fails when a part ends by itself.
fn watch(running: &mut Running) -> Result<()> {
    while !interrupted() {
        running.postgres.check()?;
        running.synapse.check()?;
        running.server.check()?;
        std::thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}

fn introduce(layout: &Layout, ports: Ports, accounts: &Accounts, log: &Path) {
    let log = log.strip_prefix(&layout.root).unwrap_or(log).display();
    let password = accounts.staff_password();
    note(format!(
        "
The support chat is running.

  page                  {page}/
  homeserver            http://localhost:{homeserver}   (in Element: \"Edit\" beside the homeserver)
  staff                 alice or bob, password {password}
  staff, right here     cargo xtask staff   (in a second terminal)
  readiness             {admin}/readyz
  server's log          {log}

Ctrl-C ends it. The next `cargo xtask up` goes on with the same conversations.",
        page = server::page_url(ports),
        admin = server::admin_url(ports),
        homeserver = ports.homeserver,
    ));
}

/// Where the accounts are kept.
pub(crate) fn accounts_file(layout: &Layout) -> PathBuf {
    layout.dev.join("accounts.json")
}

/// Where a running system says where it is.
pub(crate) fn address_file(layout: &Layout) -> PathBuf {
    layout.dev.join("up.json")
}

fn addresses(ports: Ports) -> Value {
    json!({"homeserver": format!("http://127.0.0.1:{}", ports.homeserver)})
}
