//! `cargo xtask bench` runs this: the release build of the server, each figure beside its own limit.
//!
//! A limit is measured in the same run, in alternating rounds, and medians are compared: a machine that
//! is slow, or busy with something else, is so for both.
#![expect(
    clippy::print_stdout,
    reason = "a terminal program speaks on standard output"
)]

mod capacity;
mod conversations;
mod creation;
mod footprint;
mod growth;
mod joined;
mod load;
mod matrix;
mod overload;
mod panel;
mod pgbench;
mod plot;
mod polls;
mod posts;
mod processes;
mod relay;
mod report;
mod rooms;
mod rounds;
mod server;
mod signals;
mod soak;
mod visitor;
mod waits;

use std::{env, fs, path::PathBuf, process::ExitCode, time::Duration};

use report::Report;
use server::{Database, Server};

type Error = Box<dyn std::error::Error + Send + Sync>;
type Result<T, E = Error> = std::result::Result<T, E>;

/// Where everything is: the variables that `cargo xtask bench` sets.
#[derive(Clone, Debug)]
struct Setup {
    /// The server's program.
    program: PathBuf,
    /// Two free ports: the public listener's and the admin listener's.
    ports: [u16; 2],
    /// A database of a Postgres where databases may be made.
    database_url: String,
    postgres_pid: u32,
    homeserver_url: String,
    synapse_pid_file: PathBuf,
    /// Stops and starts Synapse, and clones rooms in it.
    parts_ctl: PathBuf,
    bot: Account,
    staff: Account,
    admin: Account,
    /// Where Postgres has one.
    pgbench: Option<PathBuf>,
    /// What runs in a browser.
    end2end: PathBuf,
    /// Where figures and logs go.
    output: PathBuf,
    /// The report for people.
    document: PathBuf,
    /// How many sessions "many" are.
    many_sessions: u32,
    /// How many polls wait at the same time.
    waiters: u32,
    /// How many rooms "many" are.
    many_rooms: usize,
    soak: Duration,
    round: Duration,
    rounds: usize,
}

/// A Matrix account.
#[derive(Clone, Debug)]
struct Account {
    mxid: String,
    password: String,
}

impl Setup {
    fn from_env() -> Result<Self> {
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
            parts_ctl: text("PARTS_CTL")?.into(),
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

    /// On what, and how, it was measured.
    fn said(&self) -> String {
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

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What is measured, in this order. Each needs nothing of the others; `joined` leaves many rooms behind.
const SECTIONS: [&str; 9] = [
    "requests", "memory", "waits", "growth", "relay", "overload", "soak", "joined", "panel",
];

async fn run() -> Result<()> {
    let setup = Setup::from_env()?;
    let named: Vec<String> = env::args().skip(1).collect();
    if let Some(unknown) = named.iter().find(|it| !SECTIONS.contains(&it.as_str())) {
        let known = SECTIONS.join(", ");
        return Err(format!("nothing is called `{unknown}`: there are {known}").into());
    }
    let (mut report, mut failed) = (Report::default(), Vec::new());
    for section in SECTIONS {
        if named.is_empty() || named.iter().any(|it| it == section) {
            println!("\n== {section} ==");
            // What the others measure is worth having.
            if let Err(error) = measure(section, &setup, &mut report).await {
                println!("error: {error}");
                failed.push(section);
            }
        }
    }
    report.write(&setup, &failed, named.is_empty())?;
    if failed.is_empty() {
        return Ok(());
    }
    Err(format!("not measured to the end: {}", failed.join(", ")).into())
}

async fn measure(section: &str, setup: &Setup, report: &mut Report) -> Result<()> {
    match section {
        "requests" => requests(setup, report).await,
        "memory" => footprint::many(setup, report).await,
        "waits" => waits::measure(setup, report).await,
        "growth" => growth::measure(setup, report).await,
        "relay" => relay::measure(setup, report).await,
        "joined" => joined::measure(setup, report).await,
        "overload" => overload::measure(setup, report).await,
        "soak" => soak::measure(setup, report).await,
        "panel" => panel::measure(setup, report).await,
        _ => Ok(()),
    }
}

/// Without a homeserver: what Synapse does meanwhile would be most of what is measured.
async fn requests(setup: &Setup, report: &mut Report) -> Result<()> {
    let database = Database::make(setup, "bench_requests").await?;
    footprint::start(setup, &database, report).await?;
    let server = Server::start(setup, &database, None).await?;
    report.bound("memory, idle", server.resident_mib()?, " MiB", 40.0);
    let conversations = conversations::store(&server, &database, 20_000, 2, 20_000).await?;
    polls::nothing_new(setup, &server, &conversations, report).await?;
    let polled = "memory, 10,000 open sessions polled";
    report.bound(polled, server.resident_mib()?, " MiB", 60.0);
    polls::one_message(setup, &server, &database, &conversations, report).await?;
    polls::by_connections(setup, &server, &conversations, report).await?;
    // From here on no session is quiet.
    posts::against_pgbench(setup, &server, &database, &conversations, report).await?;
    creation::against_pgbench(setup, &server, &database, report).await?;
    server.stop().await
}
