//! A private Postgres: the system's binaries, or those that a Python wheel carries.
//!
//! Only on 127.0.0.1, with a random password. Postgres's own single-user mode makes the
//! databases, so no client program is needed.

mod account;
mod binaries;

use std::path::{Path, PathBuf};

use fs_err as fs;
use rustix::process::Signal;

use crate::failure::{Context, Result, bail};
use crate::files;
use crate::layout::{Layout, find_on_path, is_executable};
use crate::process::run_logged;
use crate::progress::step;
use crate::service::{Service, ServiceSpec};

use account::Account;
use binaries::Binaries;

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

/// The version that made this data directory.
fn major_of(data: &Path) -> Result<Option<u32>> {
    let text = files::read_if_there(&data.join("PG_VERSION"))?;
    Ok(text.and_then(|text| text.trim().parse().ok()))
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
