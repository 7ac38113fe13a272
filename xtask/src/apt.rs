//! Programs from Debian's packages, where this is a Debian and we may install them.

use std::path::Path;

use crate::failure::{Result, fail};
use crate::layout::{Layout, find_on_path};
use crate::process::{command, run_logged};

/// Whether packages can be installed here.
pub(crate) fn is_possible() -> bool {
    rustix::process::geteuid().is_root() && find_on_path(&["apt-get"]).is_some()
}

/// Makes sure of programs, each with the package that has it.
pub(crate) fn ensure(layout: &Layout, programs: &[(&str, &str)]) -> Result<()> {
    let missing: Vec<&str> = programs
        .iter()
        .filter(|(program, _)| find_on_path(&[program]).is_none())
        .map(|(_, package)| *package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    if is_possible() {
        return install(&missing, &layout.logs().join("apt.log"));
    }
    fail(format!(
        "missing on this machine: {} (Debian's packages)",
        missing.join(", ")
    ))
}

/// Installs packages.
pub(crate) fn install(packages: &[&str], log: &Path) -> Result<()> {
    apt_get(&["update"], log)?;
    let install = ["install", "-y", "--no-install-recommends"];
    apt_get(&[&install, packages].concat(), log)
}

/// Downloads a package into a directory, without installing it. Only root can ask first which there are.
pub(crate) fn download(package: &str, dir: &Path, log: &Path) -> Result<()> {
    if find_on_path(&["apt-get"]).is_none() {
        return fail(format!("this is no Debian, whose package {package} has it"));
    }
    if is_possible() {
        apt_get(&["update"], log)?;
    }
    let mut apt_get = command("apt-get");
    apt_get.args(["download", package]).current_dir(dir);
    run_logged(&mut apt_get, &format!("apt-get download {package}"), log)
}

fn apt_get(args: &[&str], log: &Path) -> Result<()> {
    let mut apt_get = command("apt-get");
    apt_get.args(args).env("DEBIAN_FRONTEND", "noninteractive");
    run_logged(&mut apt_get, &format!("apt-get {}", args.join(" ")), log)
}
