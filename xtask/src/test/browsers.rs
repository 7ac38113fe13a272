//! The widget and the whole system, with a browser.

use crate::browser::Browsers;
use crate::prelude::*;
use crate::stack::{Stack, UNLIMITED};
use crate::{accounts, hosts, node, parts_ctl, server, widget};

pub(super) fn widget_alone(layout: &Layout, stack: &mut Stack, extra: &[String]) -> Result<()> {
    let browsers = Browsers::ensure(layout)?;
    stack.widget()?;
    widget::check_size(layout)?;
    if extra.is_empty()
        && let Some(chromium) = &browsers.chromium
    {
        widget::test_in_browser(layout, chromium)?;
    }
    let mut playwright = line("npx playwright test --config=widget.config.ts");
    playwright
        .args(extra)
        .current_dir(node::packages(layout, "end2end")?)
        .envs(browsers.variables);
    run_shown(&mut playwright, "the widget's tests")
}

pub(super) fn end_to_end(layout: &Layout, stack: &mut Stack, extra: &[String]) -> Result<()> {
    let browsers = Browsers::ensure(layout)?;
    stack.widget()?;
    let ports = stack.ports;
    hosts::build(layout, &widget::pack(layout)?, &server::page_url(ports))?;
    // A test reads everything that the server says.
    let talkative = [("RUST_LOG", "trace"), ("SUPPORT_CHAT_LOG_FORMAT", "json")];
    let mut server = stack.server("e2e", &[&UNLIMITED, &talkative[..]].concat())?;
    let mut playwright = line("npx playwright test");
    playwright
        .args(extra)
        .current_dir(node::packages(layout, "end2end")?)
        .envs(browsers.variables)
        .env("BASE_URL", server::page_url(ports))
        .env("HOST_URL", server::host_url(ports))
        .env("SERVER_ADMIN_URL", server::admin_url(ports))
        .env("HOMESERVER_URL", &stack.synapse()?.url)
        .env("DATABASE_URL", stack.database("e2e")?)
        .env("SERVER_LOG", &server.log)
        .env("STAFF_ALICE", accounts::mxid(accounts::STAFF[0]))
        .env("STAFF_BOB", accounts::mxid(accounts::STAFF[1]))
        .env(
            "STAFF_PASSWORD",
            stack.accounts.password(accounts::STAFF[0]),
        )
        .env("BOT_MXID", accounts::mxid(accounts::BOT))
        .env("BOT_PASSWORD", stack.accounts.password(accounts::BOT));
    let result = parts_ctl::during(stack.parts()?, &layout.test(), |script| {
        run_shown(playwright.env("PARTS_CTL", script), "end-to-end tests")
    });
    // A server that died explains failures better than the failures do.
    server.check()?;
    result
}
