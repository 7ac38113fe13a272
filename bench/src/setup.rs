//! The environment of a run, and the sizes of its measurements.

use std::{env, fs, path::PathBuf, time::Duration};

use crate::Result;

/// The environment of a run, from the variables that `cargo xtask bench` sets.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    /// The server's program.
    pub(crate) program: PathBuf,
    /// Two free ports, for the public listener and the admin listener.
    pub(crate) ports: [u16; 2],
    /// The address of a database on a Postgres where databases may be made.
    pub(crate) database_url: String,
    pub(crate) postgres_pid: u32,
    pub(crate) homeserver_url: String,
    pub(crate) synapse_pid_file: PathBuf,
    /// Stops and starts Synapse, and clones rooms in it.
    pub(crate) parts_control: PathBuf,
    pub(crate) bot: Account,
    pub(crate) staff: Account,
    pub(crate) admin: Account,
    /// pgbench, if Postgres has it.
    pub(crate) pgbench: Option<PathBuf>,
    /// The package of the tests in a browser.
    pub(crate) end2end: PathBuf,
    /// The directory of figures and logs.
    pub(crate) output: PathBuf,
    /// The report for people.
    pub(crate) document: PathBuf,
    /// The number of sessions in a large database.
    pub(crate) many_sessions: u32,
    /// How many polls wait at the same time.
    pub(crate) waiters: u32,
    /// The number of rooms of the bot that is in many rooms.
    pub(crate) many_rooms: usize,
    pub(crate) soak: Duration,
    pub(crate) round: Duration,
    pub(crate) rounds: usize,
}

/// A Matrix account.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) mxid: String,
    pub(crate) password: String,
}

impl Setup {
    pub(crate) fn from_env() -> Result<Self> {
        let text = |name: &str| env::var(name).map_err(|_| format!("{name} is not set"));
        let number = |name: &str, default: u32| match env::var(name) {
            Ok(text) => text
                .parse()
                .map_err(|_| format!("{name} must be a number, not `{text}`")),
            Err(_) => Ok(default),
        };
        let port = |name: &str| -> Result<u16> { Ok(text(name)?.parse()?) };
        let account = |prefix: &str| -> Result<Account> {
            Ok(Account {
                mxid: text(&format!("{prefix}_MXID"))?,
                password: text(&format!("{prefix}_PASSWORD"))?,
            })
        };
        Ok(Self {
            program: text("SERVER_PROGRAM")?.into(),
            ports: [port("PUBLIC_PORT")?, port("ADMIN_PORT")?],
            database_url: text("DATABASE_URL")?,
            postgres_pid: text("POSTGRES_PID")?.parse()?,
            homeserver_url: text("HOMESERVER_URL")?,
            synapse_pid_file: text("SYNAPSE_PID_FILE")?.into(),
            parts_control: text("PARTS_CONTROL")?.into(),
            bot: account("BOT")?,
            staff: account("STAFF")?,
            admin: account("ADMIN")?,
            pgbench: env::var_os("PGBENCH").map(PathBuf::from),
            end2end: text("END2END_DIR")?.into(),
            output: text("OUTPUT_DIR")?.into(),
            document: text("DOCUMENT")?.into(),
            many_sessions: number("BENCH_SESSIONS", 1_000_000)?,
            waiters: number("BENCH_WAITERS", 5_000)?,
            many_rooms: usize::try_from(number("BENCH_ROOMS", 10_000)?)?,
            soak: Duration::from_mins(number("BENCH_SOAK_MINUTES", 3)?.into()),
            round: Duration::from_secs(number("BENCH_SECONDS", 3)?.into()),
            rounds: usize::try_from(number("BENCH_ROUNDS", 3)?)?,
        })
    }

    /// The machine and the sizes, for the report.
    pub(crate) fn said(&self) -> String {
        let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let mut models = cpus.lines().filter_map(|it| it.strip_prefix("model name"));
        let model = models
            .next()
            .map(|it| it.trim_start_matches([' ', '\t', ':']));
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        format!(
            "On {cores} cores ({}), in {} rounds of {} s.",
            model.unwrap_or("of unknown make"),
            self.rounds,
            self.round.as_secs(),
        )
    }
}
