//! The widget and the whole system, with a browser.

use crate::browser::Browsers;
use crate::mail_server::{self, MailServer};
use crate::ports::Ports;
use crate::prelude::*;
use crate::stack::{Stack, UNLIMITED};
use crate::{accounts, node, parts_control, server, widget};

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
    build_hosts(layout, &widget::pack(layout)?, &server::page_url(ports))?;
    // A test reads the server's log.
    let talkative = [("RUST_LOG", "trace"), ("SUPPORT_CHAT_LOG_FORMAT", "json")];
    let mail_server = mail_server::start(layout, &stack.run_dir, ports.mail)?;
    let mailing = mail_server
        .as_ref()
        .map(|mail_server| mail_settings(mail_server, ports));
    let mailing = mailing.iter().flatten();
    let mailing: Vec<_> = mailing
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let settings = [&UNLIMITED, &talkative[..], &mailing].concat();
    let mut server = stack.server("e2e", &settings)?;
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
    if let Some(mail_server) = &mail_server {
        playwright.env("MAIL_SERVER_MAILDIR", mail_server.maildir());
    }
    let result = parts_control::during(stack.parts()?, &layout.test(), |script| {
        run_shown(playwright.env("PARTS_CONTROL", script), "end-to-end tests")
    });
    // A server that has died explains the tests' failures best.
    server.check()?;
    result
}

/// The server mails soon, by this mail server.
fn mail_settings(mail_server: &MailServer, ports: Ports) -> [(&'static str, String); 5] {
    [
        ("SUPPORT_CHAT_SMTP_URL", mail_server.url.clone()),
        (
            "SUPPORT_CHAT_MAIL_FROM",
            "Support <support@example.org>".to_owned(),
        ),
        ("SUPPORT_CHAT_PUBLIC_URL", server::page_url(ports)),
        ("SUPPORT_CHAT_MAIL_AFTER", "1s".to_owned()),
        (
            "SSL_CERT_FILE",
            mail_server.certificate().display().to_string(),
        ),
    ]
}

/// Installs the package into each website of `end2end/hosts` like its users, and lets the site check and build itself
/// with its script `ready`.
fn build_hosts(layout: &Layout, package: &Path, api_url: &str) -> Result<()> {
    for name in ["vue", "react", "svelte", "nuxt"] {
        let site = node::packages(layout, &format!("end2end/hosts/{name}"))?;
        step(format_args!("the site `{name}`"), || {
            // The package has the version of the previous run but other contents, which no lock file could know.
            files::remove_dir(&site.join("node_modules/@webdevelop-pro"))?;
            let mut install = line("npm install --no-save --no-audit --no-fund");
            let log = layout.logs().join(format!("host-{name}-install.log"));
            install.arg(package).current_dir(&site);
            run_logged(install, "installing the packed widget", &log)?;
            let mut ready = line("npm run --silent ready");
            ready
                .current_dir(&site)
                .env("PACKAGE", package)
                .env("VITE_MATRIX_CHAT_API_URL", api_url)
                .env("NUXT_PUBLIC_CHAT_API_URL", api_url);
            run_shown(ready, "checking and building the site")
        })?;
    }
    Ok(())
}
