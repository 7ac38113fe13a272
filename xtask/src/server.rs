//! This project's server: how it is built, and its addresses.

use crate::ports::Ports;
use crate::prelude::*;

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

/// Builds the server with the widget embedded, which must have been built before. It runs on any machine.
pub(crate) fn build_portable(layout: &Layout, profile: Profile) -> Result<PathBuf> {
    let what = "--package server --features embed-widget";
    Ok(build_packages(layout, profile, what)?.join("matrix-support-chat"))
}

/// Runs cargo, and returns the directory of the programs.
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
