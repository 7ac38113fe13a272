//! Programs from Debian's packages, on a Debian where this user may install them.

use crate::prelude::*;
use crate::process::runs;

/// Whether packages can be installed here.
pub(crate) fn is_possible() -> bool {
    rustix::process::geteuid().is_root() && which("apt-get").is_ok()
}

/// Runs the search, if necessary after installing these packages; `None` where they cannot be installed.
pub(crate) fn find_or_install<T>(
    layout: &Layout,
    packages: &str,
    find: impl Fn() -> Option<T>,
) -> Result<Option<T>> {
    let mut found = find();
    if found.is_none() && is_possible() {
        step(format_args!("{packages} from Debian"), || {
            install(layout, packages)
        })?;
        found = find();
    }
    Ok(found)
}

fn install(layout: &Layout, packages: &str) -> Result<()> {
    let log = layout.logs().join("apt.log");
    apt_get("update", Path::new("/"), &log)?;
    let install = format!("install -y --no-install-recommends {packages}");
    apt_get(&install, Path::new("/"), &log)
}

/// A program from the path, the cache, or one of Debian's packages. Without any of these, a note says what is not
/// checked; in CI that is a failure.
pub(crate) fn program(
    layout: &Layout,
    package: &str,
    program: &str,
    not_checked: &str,
) -> Result<Option<PathBuf>> {
    let cached = layout.tools_bin().join(program);
    let known = [
        which(program).unwrap_or_default(),
        Path::new("/usr/sbin").join(program),
        cached.clone(),
    ];
    if let Some(found) = known.into_iter().find(|path| runs(path)) {
        return Ok(Some(found));
    }
    let taken = take(layout, package, program, &cached);
    if std::env::var_os("CI").is_some() {
        taken?;
    } else if let Err(reason) = optional(taken)? {
        note(format!("{not_checked}: there is no {program} ({reason})"));
        return Ok(None);
    }
    Ok(Some(cached))
}

/// Extracts a program from its package. The package is not installed, since that could start a
/// service; the libraries that the program lacks are installed.
pub(crate) fn take(layout: &Layout, package: &str, program: &str, to: &Path) -> Result<()> {
    let _lock = layout.lock_cache()?;
    step(format_args!("{program} from Debian"), || {
        which("apt-get").with_context(|| format!("no Debian, whose package {package} has it"))?;
        let dir = layout.cache.join(format!("download-{program}"));
        files::remove_dir(&dir)?;
        files::create_private_dir(&dir)?;
        let log = layout.logs().join(format!("download-{program}.log"));
        if is_possible() {
            apt_get("update", &dir, &log)?;
        }
        apt_get(&format!("download {package}"), &dir, &log)?;
        let archive = files::list(&dir).pop().context("nothing was downloaded")?;
        let mut unpack = line("dpkg-deb --extract");
        run_logged(unpack.arg(&archive).arg(&dir), "dpkg-deb", &log)?;
        files::create_private_dir(&layout.tools_bin())?;
        let taken = ["usr/bin", "usr/sbin"].map(|bin| dir.join(bin).join(program));
        let taken = taken.iter().find(|path| path.is_file());
        std::fs::rename(taken.with_context(|| format!("not in {package}"))?, to)?;
        if !runs(to) && is_possible() {
            let mut ask = line("dpkg-deb --field");
            let depends = output_of(ask.arg(archive).arg("Depends")).unwrap_or_default();
            install(layout, &libraries(&depends).join(" "))?;
        }
        if !runs(to) {
            bail!("it does not run here");
        }
        files::remove_dir(&dir)
    })
}

/// The libraries among what a package depends on: unlike its other dependencies, they start nothing.
fn libraries(depends: &str) -> Vec<&str> {
    depends
        .split(',')
        .filter_map(|dependency| dependency.split_whitespace().next())
        .filter(|package| package.starts_with("lib"))
        .collect()
}

fn apt_get(words: &str, dir: &Path, log: &Path) -> Result<()> {
    let words = format!("apt-get {words}");
    let mut apt_get = line(&words);
    apt_get
        .current_dir(dir)
        .env("DEBIAN_FRONTEND", "noninteractive");
    run_logged(apt_get, &words, log)
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
