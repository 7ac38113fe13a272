//! Python environments in the cache.

use std::path::{Path, PathBuf};

use crate::failure::{Result, bail, fail};
use crate::files;
use crate::interruption::interrupted;
use crate::layout::Layout;
use crate::process::{command, output_of, run_logged};
use crate::progress::step;

/// The oldest Python that Synapse runs on.
const OLDEST: (u32, u32) = (3, 10);

/// Makes sure of a Python environment with these requirements in it, and gives its directory.
pub(crate) fn environment(layout: &Layout, name: &str, requirements: &str) -> Result<PathBuf> {
    let venv = layout.cache.join(format!("python-{name}"));
    // Written last: an environment whose making was interrupted has none.
    let stamp = venv.join("complete");
    let complete = files::read_if_there(&stamp)?.as_deref() == Some(requirements);
    if complete && output_of(command(venv.join("bin/python")).arg("--version")).is_some() {
        return Ok(venv);
    }
    let python = find()?;
    files::remove_dir(&venv)?;
    let log = layout.logs().join(format!("python-{name}.log"));
    let made = run_logged(
        command(&python).args(["-m", "venv"]).arg(&venv),
        "making a Python environment",
        &log,
    );
    if made.is_err() && !interrupted() {
        bail!(
            "Python cannot make an environment: install its venv module (on Debian and Ubuntu: \
             apt-get install python3-venv); details: {}",
            log.display()
        );
    }
    let wanted: Vec<&str> = requirements
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    run_logged(
        command(venv.join("bin/python"))
            .args([
                "-m",
                "pip",
                "install",
                "--disable-pip-version-check",
                "--no-input",
            ])
            .args(["--progress-bar", "off"])
            .args(&wanted),
        &format!(
            "installing {} from PyPI (is the network up?)",
            wanted.join(" ")
        ),
        &log,
    )?;
    files::write_private(&stamp, requirements)?;
    Ok(venv)
}

/// Synapse, in the version that its requirements file names.
pub(crate) fn synapse(layout: &Layout) -> Result<PathBuf> {
    let requirements = include_str!("../synapse-requirements.txt");
    let _lock = layout.lock_cache()?;
    step("Synapse from PyPI", || {
        environment(layout, "synapse", requirements)
    })
}

/// A Python that is new enough.
pub(crate) fn find() -> Result<PathBuf> {
    const NAMES: [&str; 7] = [
        "python3",
        "python",
        "python3.14",
        "python3.13",
        "python3.12",
        "python3.11",
        "python3.10",
    ];
    for name in NAMES {
        let mut ask = command(name);
        ask.args([
            "-c",
            "import sys; print(sys.version_info[0], sys.version_info[1])",
        ]);
        if output_of(&mut ask).and_then(|text| parse_version(&text)) >= Some(OLDEST) {
            return Ok(PathBuf::from(name));
        }
    }
    fail("no Python 3.10 or newer found: install one (on Debian and Ubuntu: python3, python3-venv)")
}

fn parse_version(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.trim().split_once(' ')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// The packages installed into an environment.
pub(crate) fn site_packages(venv: &Path) -> Option<PathBuf> {
    files::list(&venv.join("lib"))
        .into_iter()
        .map(|dir| dir.join("site-packages"))
        .find(|dir| dir.is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn python_versions_compare_as_numbers() {
        assert!(parse_version("3 9\n") < Some(OLDEST));
        assert!(parse_version("3 10\n") >= Some(OLDEST));
        assert!(parse_version("4 0") >= Some(OLDEST));
        assert!(parse_version("no python") < Some(OLDEST));
    }
}
