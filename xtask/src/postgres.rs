//! A private Postgres: the system's binaries, or those that a Python wheel carries.
//!
//! Only on 127.0.0.1, with a random password. Postgres's own single-user mode makes the
//! databases, so no client program is needed.

mod binaries;

use std::process::Command;

use rustix::process::Signal;

use crate::prelude::*;
use crate::service::Service;

use binaries::Binaries;

/// The role that owns everything.
const ROLE: &str = "support_chat";

/// A Postgres; ends when dropped.
pub(crate) struct Postgres {
    binaries: Binaries,
    port: u16,
    password: String,
    pub(crate) service: Service,
    /// A standby, once one was started.
    standby: Option<Service>,
    standby_dir: PathBuf,
    run_dir: PathBuf,
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
        let data = dir.join("data");
        let major = files::read_if_there(&data.join("PG_VERSION"))?;
        let binaries = Binaries::find(layout, major.and_then(|it| it.trim().parse().ok()))?;
        files::create_private_dir(dir)?;
        let password = files::kept_secret(&dir.join("password"))?;
        let what = format!("Postgres {} on port {port}", binaries.major);
        let service = step(what, || {
            if !data.exists() {
                initialise(&binaries, dir, databases)?;
            }
            serve(&binaries, dir, run_dir, port, "Postgres")
        })?;
        Ok(Self {
            binaries,
            port,
            password,
            service,
            standby: None,
            standby_dir: dir.join("standby"),
            run_dir: run_dir.to_owned(),
        })
    }

    /// Starts a standby, made from a copy of this one first if there is none.
    pub(crate) fn start_standby(&mut self, port: u16) -> Result<()> {
        if let Some(standby) = &mut self.standby {
            return standby.run();
        }
        let dir = &self.standby_dir;
        files::create_private_dir(dir)?;
        let mut copy = program_alone(&self.binaries, dir, "pg_basebackup")?;
        copy.args("--pgdata=data --write-recovery-conf --checkpoint=fast --no-password".split(' '))
            .arg(format!("--dbname={}", self.connection_string()));
        run_logged(copy, "copying Postgres", &dir.join("pg_basebackup.log"))?;
        let standby = serve(&self.binaries, dir, &self.run_dir, port, "Standby")?;
        self.standby = Some(standby);
        Ok(())
    }

    /// Kills the standby.
    pub(crate) fn kill_standby(&mut self) {
        if let Some(standby) = &mut self.standby {
            standby.kill();
        }
    }

    /// Ends it at once and without saving anything (an `immediate` shutdown): it has to recover when
    /// it is run again.
    pub(crate) fn kill(&mut self) {
        self.service.end_with(Signal::QUIT);
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

    /// One of the programs that came with it, or that is on the path.
    pub(crate) fn program(&self, name: &str) -> Option<PathBuf> {
        let beside = which(self.binaries.dir.join(name));
        beside.or_else(|_| which(name)).ok()
    }
}

fn serve(
    binaries: &Binaries,
    dir: &Path,
    run_dir: &Path,
    port: u16,
    name: &'static str,
) -> Result<Service> {
    let data = dir.join("data");
    let mut postgres = program_alone(binaries, dir, "postgres")?;
    postgres
        .args(["-clisten_addresses=127.0.0.1", "-cunix_socket_directories="])
        .args(["-cmax_connections=200", "-clog_destination=stderr"])
        .args(["-clogging_collector=off", &format!("-cport={port}"), "-D"])
        .arg(&data);
    let log = dir.join("postgres.log");
    // Shuts Postgres down fast: sessions are ended, and data is safe.
    let stop = Signal::INT;
    Service::start(name, postgres, log, run_dir, stop, move |pid| {
        is_ready(&data, pid)
    })
}

fn initialise(binaries: &Binaries, dir: &Path, databases: &[&str]) -> Result<()> {
    // The directory is renamed when it is complete, so an interrupted start leaves nothing
    // incomplete.
    let new = dir.join("data.new");
    files::remove_dir(&new)?;
    let mut initdb = program_alone(binaries, dir, "initdb")?;
    initdb
        .args("--auth=scram-sha-256 --encoding=UTF8 --locale=C --username".split(' '))
        .args([ROLE, "--pgdata", "data.new", "--pwfile", "password"]);
    run_logged(initdb, "initdb", &dir.join("initdb.log"))?;

    let input = dir.join("create.sql");
    let create = |name: &&str| format!("CREATE DATABASE \"{name}\";\n\n");
    files::write_private(&input, &databases.iter().map(create).collect::<String>())?;
    let mut single = program_alone(binaries, dir, "postgres")?;
    // A semicolon before an empty line ends a command (`-j`).
    single
        .args("--single -j -c exit_on_error=on -D data.new postgres".split(' '))
        .stdin(fs::File::open(&input)?.into_file());
    let log = dir.join("create.log");
    run_logged(single, "making the databases", &log)?;
    let said = fs::read_to_string(&log)?;
    if let Some(complaint) = said.lines().find(|line| line.contains("FATAL:")) {
        bail!("making the databases failed: {complaint}");
    }
    Ok(fs::rename(&new, dir.join("data"))?)
}

/// Prepares a program to run under an account that may run it, because Postgres refuses to run as
/// root. The unprivileged account keeps root's right to reach the files.
fn program_alone(binaries: &Binaries, dir: &Path, name: &str) -> Result<Command> {
    let program = binaries.dir.join(name);
    let mut alone = if rustix::process::geteuid().is_root() {
        let passwd = fs::read_to_string("/etc/passwd")?;
        let (user, group) = unprivileged_account(&passwd)
            .context("Postgres refuses to run as root: run this as an ordinary user")?;
        // Postgres requires that it owns its files.
        let mut chown = line(&format!("chown --recursive {user}:{group} data"));
        output_of(chown.current_dir(dir));
        let reach = "+dac_override,+dac_read_search";
        let mut setpriv = line(&format!(
            "setpriv --reuid={user} --regid={group} --clear-groups --inh-caps={reach} --ambient-caps={reach} --"
        ));
        setpriv.arg(program);
        setpriv
    } else {
        command(program)
    };
    alone.current_dir(dir);
    Ok(alone)
}

/// The user and group of the account `postgres`, or of `nobody`.
fn unprivileged_account(passwd: &str) -> Option<(&str, &str)> {
    ["postgres:", "nobody:"].iter().find_map(|wanted| {
        let line = passwd.lines().find(|line| line.starts_with(wanted))?;
        let mut ids = line.split(':').skip(2);
        Some((ids.next()?, ids.next()?))
    })
}

/// Whether the server with this process id says in the last line of its lock file that it is ready. `pg_ctl --wait`
/// looks there too.
fn is_ready(data: &Path, pid: u32) -> bool {
    let text = fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
    let mut lines = text.lines().map(str::trim);
    let is_its = lines.next() == Some(&pid.to_string());
    is_its && matches!(lines.nth(6), Some("ready" | "standby"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_without_privileges_is_chosen() {
        let passwd = "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65533::/:/sbin/nologin\n";
        assert_eq!(unprivileged_account(passwd), Some(("65534", "65533")));
        let with_postgres = format!("{passwd}postgres:x:105:113::/var/lib/postgresql:/bin/sh\n");
        assert_eq!(unprivileged_account(&with_postgres), Some(("105", "113")));
        assert_eq!(unprivileged_account("root:x:0:0::/root:/bin/sh"), None);
    }

    #[test]
    fn readiness_is_that_of_the_very_process() {
        let dir = tempfile::tempdir().unwrap();
        let write = |status: &str| {
            let text = format!("42\n/data\n1790000000\n5432\n\n127.0.0.1\n  1 2\n{status}\n");
            fs::write(dir.path().join("postmaster.pid"), text).unwrap();
        };
        write("starting");
        assert!(!is_ready(dir.path(), 42));
        write("ready   ");
        assert!(is_ready(dir.path(), 42));
        assert!(!is_ready(dir.path(), 43));
    }
}
