//! The widget and the whole system, with a browser.

use crate::browser::Browsers;
use crate::failure::Result;
use crate::layout::Layout;
use crate::process::{command, run_shown};
use crate::progress::step;
use crate::server::{self, ServerSpec};
use crate::stack::{E2E_DATABASE, TestStack};
use crate::{hosts, node, parts_ctl, synapse, widget};

pub(super) fn widget_alone(layout: &Layout, stack: &mut TestStack, extra: &[String]) -> Result<()> {
    let end2end = layout.root.join("end2end");
    step("end-to-end test packages", || node::ci(layout, &end2end))?;
    let browsers = Browsers::ensure(layout, &end2end)?;
    stack.widget()?;
    widget::check_size(layout)?;
    if extra.is_empty()
        && let Some(chromium) = &browsers.chromium
    {
        widget::test_in_browser(layout, chromium)?;
    }
    let mut playwright = command("npx");
    playwright
        .args(["playwright", "test", "--config=widget.config.ts"])
        .args(extra)
        .current_dir(&end2end);
    browsers.tell(&mut playwright);
    run_shown(&mut playwright, "the widget's tests")
}

pub(super) fn end_to_end(layout: &Layout, stack: &mut TestStack, extra: &[String]) -> Result<()> {
    let end2end = layout.root.join("end2end");
    step("end-to-end test packages", || node::ci(layout, &end2end))?;
    let browsers = Browsers::ensure(layout, &end2end)?;
    stack.widget()?;
    let ports = stack.ports;
    let package = widget::pack(layout)?;
    hosts::build(layout, &package, &server::page_url(ports))?;
    let program = server::build(layout)?;

    let dir = layout.test();
    let database_url = stack.postgres()?.url(E2E_DATABASE);
    let homeserver_url = stack.synapse()?.url();
    let log = dir.join("server.log");
    let spec = ServerSpec {
        program: &program,
        ports,
        database_url: database_url.clone(),
        homeserver_url: homeserver_url.clone(),
        accounts: &stack.accounts,
        log: log.clone(),
        run_dir: &stack.run_dir,
        wait_for: "readyz",
        // All visitors come from one address, and a test reads everything the server says.
        settings: &[
            ("RUST_LOG", "trace"),
            ("SUPPORT_CHAT_LOG_FORMAT", "json"),
            ("SUPPORT_CHAT_SESSIONS_PER_IP_PER_HOUR", "0"),
            ("SUPPORT_CHAT_SESSIONS_PER_HOUR", "0"),
            ("SUPPORT_CHAT_REQUESTS_PER_IP_PER_MINUTE", "0"),
        ],
    };
    let mut server = server::start(layout, &spec)?;

    let mut playwright = command("npx");
    playwright
        .args(["playwright", "test"])
        .args(extra)
        .current_dir(&end2end)
        .env("BASE_URL", server::page_url(ports))
        .env("HOST_URL", server::host_url(ports))
        .env("SERVER_ADMIN_URL", server::admin_url(ports))
        .env("HOMESERVER_URL", &homeserver_url)
        .env("DATABASE_URL", &database_url)
        .env("SERVER_LOG", &log)
        .env("STAFF_ALICE", synapse::mxid(synapse::STAFF[0]))
        .env("STAFF_BOB", synapse::mxid(synapse::STAFF[1]))
        .env("STAFF_PASSWORD", stack.accounts.staff_password())
        .env("BOT_MXID", synapse::mxid(synapse::BOT))
        .env("BOT_PASSWORD", stack.accounts.bot_password());
    browsers.tell(&mut playwright);
    let result = parts_ctl::during(stack.parts()?, &dir, |script| {
        run_shown(playwright.env("PARTS_CTL", script), "end-to-end tests")
    });
    // A server that died explains failures better than the failures do.
    server.check()?;
    result
}
