//! This project's server: how it is built, and its addresses.

use crate::layout::path_with;
use crate::ports::Ports;
use crate::prelude::*;
use crate::tools;

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

/// Builds the server with the widget embedded, which must have been built before. The program carries the list of its
/// crates.
pub(crate) fn build_portable(layout: &Layout, profile: Profile) -> Result<PathBuf> {
    build_for_use(layout, profile, "build", &[])
}

/// The same, with the C library inside, so that it needs no file besides itself.
pub(crate) fn build_static(layout: &Layout, profile: Profile) -> Result<PathBuf> {
    let link = ["-Ctarget-feature=+crt-static", "-Cstrip=symbols"];
    // Only the last step differs: what the program is linked from is compiled once.
    build_for_use(layout, profile, "rustc --bin matrix-support-chat", &link)
}

fn build_for_use(
    layout: &Layout,
    profile: Profile,
    command: &str,
    link: &[&str],
) -> Result<PathBuf> {
    tools::get(layout, &tools::CARGO_AUDITABLE)?;
    let what = format!("auditable {command} --package server --features embed-widget");
    let dir = run_cargo(layout, profile, &what, link)?;
    Ok(dir.join("matrix-support-chat"))
}

/// Builds packages, and returns the directory of the programs.
pub(crate) fn build_packages(layout: &Layout, profile: Profile, what: &str) -> Result<PathBuf> {
    run_cargo(layout, profile, &format!("build {what}"), &[])
}

/// Runs cargo, and returns the directory of the programs. Cargo finds its tools in the cache.
fn run_cargo(layout: &Layout, profile: Profile, words: &str, extra: &[&str]) -> Result<PathBuf> {
    let (option, dir) = match profile {
        Profile::Debug => ("", "debug"),
        Profile::Release => ("--release", "release"),
    };
    let mut cargo = line(&format!("cargo {words} {option}"));
    if !extra.is_empty() {
        cargo.arg("--").args(extra);
    }
    cargo
        .current_dir(&layout.root)
        .env("SQLX_OFFLINE", "true")
        .env("PATH", path_with(&layout.tools_bin())?);
    step(format_args!("cargo {words}"), || {
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
