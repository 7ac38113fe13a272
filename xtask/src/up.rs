//! `cargo xtask up`: the whole system on this machine, until Ctrl-C.

use std::time::Duration;

use serde_json::json;

use crate::accounts::{self, Accounts};
use crate::interruption::interrupted;
use crate::ports::Ports;
use crate::prelude::*;
use crate::service::Service;
use crate::stack::Stack;
use crate::{node, python, server};

/// Builds and runs everything.
pub(crate) fn run(layout: &Layout, port_offset: u16) -> Result<()> {
    watch_signals()?;
    node::ensure(layout)?;
    // Anything that is missing is named before something takes long.
    let ports = Ports::with_offset(port_offset);
    let mut stack = Stack::for_development(layout, ports)?;
    python::find()?;

    // The logs are of this run only.
    for log in [
        layout.logs().join("server.log"),
        layout.dev.join("synapse/synapse.log"),
    ] {
        let _ = fs::remove_file(log);
    }
    // Downloads come before builds, because builds take long and a failed download should be
    // reported early.
    stack.postgres()?;
    stack.synapse()?;
    stack.widget()?;
    let mut server = stack.server("support_chat", &[])?;
    let homeserver = format!("http://127.0.0.1:{}", ports.homeserver);
    let addresses = json!({"homeserver": homeserver});
    files::write_private(&address_file(layout), &addresses.to_string())?;
    introduce(layout, ports, &stack.accounts, &server.log);
    let result = watch(&mut stack, &mut server);
    note("ending");
    // A part ends before the parts that it needs.
    drop(server);
    drop(stack);
    // `cargo xtask staff` must not find a system that has ended.
    let _ = fs::remove_file(address_file(layout));
    result
}

/// Returns when somebody asks for the end; fails when a part ends by itself.
fn watch(stack: &mut Stack, server: &mut Service) -> Result<()> {
    while !interrupted() {
        stack.postgres()?.service.check()?;
        stack.synapse()?.service.check()?;
        server.check()?;
        std::thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}

fn introduce(layout: &Layout, ports: Ports, accounts: &Accounts, log: &Path) {
    let log = log.strip_prefix(&layout.root).unwrap_or(log).display();
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
        password = accounts.password(accounts::STAFF[0]),
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
