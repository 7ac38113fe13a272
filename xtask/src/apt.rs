//! Programs from Debian's packages, where this is a Debian and we may install them.

use std::path::{Path, PathBuf};

use crate::failure::{Failure, Result, bail, fail};
use crate::files;
use crate::layout::{Layout, find_on_path};
use crate::process::{command, output_of, run_logged};
use crate::progress::{note, step};

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

/// A program that is on the path, in the cache, or in one of Debian's packages. Where none of that is so,
/// it says what is not checked; in CI that is a failure.
pub(crate) fn program(
    layout: &Layout,
    package: &str,
    program: &str,
    not_checked: &str,
) -> Result<Option<PathBuf>> {
    let runs = |path: &PathBuf| output_of(command(path).arg("--version")).is_some();
    let cached = layout.tools_bin().join(program);
    let system = PathBuf::from(format!("/usr/sbin/{program}"));
    let known = [find_on_path(&[program]), Some(system), Some(cached.clone())];
    if let Some(found) = known.into_iter().flatten().find(runs) {
        return Ok(Some(found));
    }
    let _lock = layout.lock_cache()?;
    // The package is not installed: that would start a service.
    let taken = step(format_args!("{program} from Debian"), || {
        take(layout, package, program, &cached)?;
        if runs(&cached) {
            Ok(())
        } else {
            fail("it does not run here")
        }
    });
    match taken {
        Ok(()) => Ok(Some(cached)),
        Err(Failure::Message(reason)) if std::env::var_os("CI").is_none() => {
            note(format!("{not_checked}: there is no {program} ({reason})"));
            Ok(None)
        }
        Err(failure) => Err(failure),
    }
}

/// Downloads a package into a directory. Only root can ask first which there are.
fn download(package: &str, dir: &Path, log: &Path) -> Result<()> {
    if find_on_path(&["apt-get"]).is_none() {
        bail!("this is no Debian, whose package {package} has it");
    }
    if is_possible() {
        apt_get(&["update"], log)?;
    }
    let mut apt_get = command("apt-get");
    apt_get.args(["download", package]).current_dir(dir);
    run_logged(&mut apt_get, &format!("apt-get download {package}"), log)
}

/// Takes a program out of its package, without installing that. Libraries that it lacks are installed.
pub(crate) fn take(layout: &Layout, package: &str, program: &str, to: &Path) -> Result<()> {
    let dir = layout.cache.join(format!("download-{program}"));
    files::remove_dir(&dir)?;
    files::create_private_dir(&dir)?;
    let log = layout.logs().join(format!("download-{program}.log"));
    download(package, &dir, &log)?;
    let is_package = |path: &PathBuf| path.extension().is_some_and(|it| it == "deb");
    let Some(archive) = files::list(&dir).into_iter().find(is_package) else {
        bail!("apt-get downloaded nothing");
    };
    let mut unpack = command("dpkg-deb");
    unpack.arg("--extract").arg(&archive).arg(&dir);
    run_logged(&mut unpack, "dpkg-deb", &log)?;
    files::create_private_dir(&layout.tools_bin())?;
    let taken = ["usr/bin", "usr/sbin"]
        .map(|bin| dir.join(bin).join(program))
        .into_iter()
        .find(|path| path.is_file());
    let Some(taken) = taken else {
        bail!("{package} has no {program}");
    };
    std::fs::rename(taken, to)?;
    if output_of(command(to).arg("--version")).is_none() && is_possible() {
        let depends = output_of(
            command("dpkg-deb")
                .arg("--field")
                .arg(archive)
                .arg("Depends"),
        );
        install(&libraries(&depends.unwrap_or_default()), &log)?;
    }
    files::remove_dir(&dir)
}

/// The libraries among what a package depends on: unlike its other dependencies, they start nothing.
fn libraries(depends: &str) -> Vec<&str> {
    depends
        .split(',')
        .filter_map(|dependency| dependency.split_whitespace().next())
        .filter(|package| package.starts_with("lib"))
        .collect()
}

fn apt_get(args: &[&str], log: &Path) -> Result<()> {
    let mut apt_get = command("apt-get");
    apt_get.args(args).env("DEBIAN_FRONTEND", "noninteractive");
    run_logged(&mut apt_get, &format!("apt-get {}", args.join(" ")), log)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_told_from_services() {
        let depends =
            "lsb-base, adduser, libc-ares2 (>= 1.11.0), libevent-2.1-7 (>= 2.1.8) | other\n";
        assert_eq!(libraries(depends), ["libc-ares2", "libevent-2.1-7"]);
    }
}
