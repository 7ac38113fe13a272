//! The server of this project: building it and running it.

use std::path::{Path, PathBuf};

use rustix::process::Signal;

use crate::accounts::{self, Accounts};
use crate::failure::{Context, Result};
use crate::layout::Layout;
use crate::matrix::answers_ok;
use crate::ports::Ports;
use crate::process::{command, line, run_shown};
use crate::progress::step;
use crate::service::Service;

/// How programs are compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Fast to compile.
    Debug,
    /// Fast to run.
    Release,
}

/// Builds the server for development, and gives the program's path.
pub(crate) fn build(layout: &Layout) -> Result<PathBuf> {
    Ok(build_packages(layout, Profile::Debug, "--package server")?.join("matrix-support-chat"))
}

/// Builds the server with the widget in it, which must have been built: it runs on any machine.
pub(crate) fn build_portable(layout: &Layout, profile: Profile) -> Result<PathBuf> {
    let what = "--package server --features embed-widget";
    Ok(build_packages(layout, profile, what)?.join("matrix-support-chat"))
}

/// Lets cargo build, and gives the directory of the programs.
pub(crate) fn build_packages(layout: &Layout, profile: Profile, what: &str) -> Result<PathBuf> {
    let (option, dir) = match profile {
        Profile::Debug => ("", "debug"),
        Profile::Release => ("--release", "release"),
    };
    let mut cargo = line(&format!("cargo build {what} {option}"));
    cargo.current_dir(&layout.root).env("SQLX_OFFLINE", "true");
    step(format_args!("cargo build {what}"), || {
        run_shown(cargo, "building")
    })?;
    Ok(layout.target()?.join(dir))
}

/// The configuration of a server that is started.
pub(crate) struct ServerSpec<'a> {
    pub(crate) program: &'a Path,
    pub(crate) ports: Ports,
    pub(crate) database_url: String,
    pub(crate) homeserver_url: String,
    pub(crate) accounts: &'a Accounts,
    pub(crate) log: &'a Path,
    pub(crate) run_dir: &'a Path,
    /// The page of the admin listener that says when it can be used.
    pub(crate) wait_for: &'static str,
    /// More variables, for tests.
    pub(crate) settings: &'a [(&'a str, &'a str)],
}

/// Runs the server and waits until it is ready. Variables that are not set here are passed on, so
/// `SUPPORT_CHAT_SESSION_TTL=1m cargo xtask up` does what it says.
pub(crate) fn start(layout: &Layout, spec: &ServerSpec<'_>) -> Result<Service> {
    let Ports {
        page, host, admin, ..
    } = spec.ports;
    let origins =
        [page, host].map(|port| format!("http://localhost:{port},http://127.0.0.1:{port}"));
    let mut server = command(spec.program);
    server
        .current_dir(&layout.root)
        .env("DATABASE_URL", &spec.database_url)
        .env("MATRIX_HOMESERVER_URL", &spec.homeserver_url)
        .env("MATRIX_SUPPORT_BOT_MXID", accounts::mxid(accounts::BOT))
        .env(
            "MATRIX_SUPPORT_BOT_PASSWORD",
            spec.accounts.password(accounts::BOT),
        )
        .env(
            "MATRIX_SUPPORT_STAFF_MXIDS",
            accounts::STAFF.map(accounts::mxid).join(","),
        )
        .env("SUPPORT_CHAT_LISTEN", format!("127.0.0.1:{page}"))
        .env("SUPPORT_CHAT_ADMIN_LISTEN", format!("127.0.0.1:{admin}"))
        .env("SUPPORT_CHAT_ALLOWED_ORIGINS", origins.join(","))
        .envs(spec.settings.iter().copied());
    // Meant for another server, these would contradict what is said above.
    for other in [
        "DATABASE_URL_FILE",
        "MATRIX_SUPPORT_BOT_PASSWORD_FILE",
        "MATRIX_SUPPORT_BOT_ACCESS_TOKEN",
        "MATRIX_SUPPORT_BOT_ACCESS_TOKEN_FILE",
    ] {
        server.env_remove(other);
    }
    step(format_args!("server on port {page}"), || {
        let mut service =
            Service::start("server", &mut server, spec.log, spec.run_dir, Signal::TERM)?;
        let page = format!("{}/{}", admin_url(spec.ports), spec.wait_for);
        service.wait_ready(|| Ok(answers_ok(&page)))?;
        Ok(service)
    })
}

/// The address of the page.
pub(crate) fn page_url(ports: Ports) -> String {
    format!("http://localhost:{}", ports.page)
}

/// The address of a website that may embed the widget.
pub(crate) fn host_url(ports: Ports) -> String {
    format!("http://localhost:{}", ports.host)
}

/// The address of health, readiness and metrics.
pub(crate) fn admin_url(ports: Ports) -> String {
    format!("http://127.0.0.1:{}", ports.admin)
}

/// A page of a running server.
pub(crate) fn get(url: &str) -> Result<String> {
    let answer = ureq::get(url).config().proxy(None).build().call();
    let text = answer.and_then(|mut answer| answer.body_mut().read_to_string());
    text.with_context(|| url.to_owned())
}
