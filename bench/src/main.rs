//! `cargo xtask bench` runs this: the release build of the server, each figure beside its own limit.
//!
//! A limit is measured in the same run, in alternating rounds, and medians are compared: a machine that
//! is slow, or busy with something else, is so for both.
#![expect(
    clippy::print_stdout,
    reason = "a terminal program speaks on standard output"
)]

mod conversations;
mod footprint;
mod growth;
mod load;
mod polls;
mod posts;
mod relay;
mod report;
mod server;

use std::{env, error::Error, path::PathBuf, process::ExitCode, time::Duration};

use report::Report;
use server::{Database, Server};

type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

/// Where everything is: the variables that `cargo xtask bench` sets.
#[derive(Clone, Debug)]
struct Setup {
    /// The server's program.
    program: PathBuf,
    /// Two free ports: the public listener's and the admin listener's.
    ports: [u16; 2],
    /// A database of a Postgres where databases may be made.
    database_url: String,
    homeserver_url: String,
    bot: Account,
    staff: Account,
    /// Where Postgres has one.
    pgbench: Option<PathBuf>,
    /// Where figures and logs go.
    output: PathBuf,
    /// The report for people.
    document: PathBuf,
    /// How many sessions "many" are.
    many_sessions: u32,
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
            homeserver_url: text("HOMESERVER_URL")?,
            bot: account("BOT")?,
            staff: account("STAFF")?,
            pgbench: env::var_os("PGBENCH").map(PathBuf::from),
            output: text("OUTPUT_DIR")?.into(),
            document: text("DOCUMENT")?.into(),
            many_sessions: number("BENCH_SESSIONS", 100_000)?,
            round: Duration::from_secs(number("BENCH_SECONDS", 3)?.into()),
            rounds: usize::try_from(number("BENCH_ROUNDS", 5)?)?,
        })
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

async fn run() -> Result<()> {
    let setup = Setup::from_env()?;
    let mut report = Report::default();
    // Without a homeserver: what Synapse does meanwhile would be most of what is measured.
    let database = Database::make(&setup, "bench_few").await?;
    footprint::start(&setup, &database, &mut report).await?;
    let server = Server::start(&setup, &database, None).await?;
    footprint::idle(&server, &mut report)?;
    let few = conversations::store(&server, &database, 20_000, 2, 20_000).await?;
    polls::nothing_new(&setup, &server, &few, &mut report).await?;
    footprint::polled(&server, &mut report)?;
    polls::one_message(&setup, &server, &database, &few, &mut report).await?;
    posts::against_pgbench(&setup, &server, &database, &few, &mut report).await?;
    growth::measure(&setup, server, database, &mut report).await?;
    relay::measure(&setup, &mut report).await?;
    report.write(&setup)?;
    Ok(())
}
