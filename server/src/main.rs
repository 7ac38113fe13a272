//! The command line: it reads the configuration, and builds and runs what was asked for.

use std::{collections::BTreeMap, env, fmt::Display, io, process::ExitCode};

use clap::{Parser, Subcommand};
use server::{
    cli::{self, CommandError},
    config::{self, Config, ConfigError, Log},
    doctor, logging, recover,
    startup::{self, Application, StartupError},
};
use tokio_util::sync::CancellationToken;

/// A request makes a few dozen small allocations on one thread, which another thread often frees.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The exit status of a wrong configuration; clap gives a wrong command line the same one.
const USAGE: u8 = 2;

/// A support chat for a website, answered from Matrix.
#[derive(Debug, Parser)]
#[command(
    name = "matrix-support-chat",
    version,
    after_help = "The configuration is environment variables: see docs/reference/configuration.md.",
    args_conflicts_with_subcommands = true
)]
struct CommandLine {
    /// Check the configuration, and do nothing else.
    #[arg(long)]
    check_config: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Migrate the database and serve until SIGTERM; this is also what happens without a command.
    Serve,
    /// Migrate the database, and do nothing else.
    Migrate {
        /// Say which migrations would run and which locks they would take, and run none.
        #[arg(long)]
        plan: bool,
    },
    /// Write something as a visitor, answer it in Matrix, and report whether the answer came back.
    Canary,
    /// Bring rooms and database together again after one of them was restored from a backup. Stop all servers first.
    Recover(recover::Arguments),
    /// Show the configuration.
    #[command(subcommand)]
    Config(cli::config::Command),
    /// Try everything that the configuration names, and say what is wrong and what to do about it.
    Doctor(doctor::Doctor),
    /// Ask the server of this machine whether it lives; the exit status says it.
    Healthcheck(cli::healthcheck::Healthcheck),
    #[command(flatten)]
    Administer(cli::Command),
}

#[tokio::main]
async fn main() -> ExitCode {
    let CommandLine {
        check_config: only_check,
        command,
    } = CommandLine::parse();
    if only_check {
        return check_config();
    }
    match command {
        None | Some(Command::Serve) => serve().await,
        Some(Command::Migrate { plan: false }) => migrate().await,
        Some(Command::Migrate { plan: true }) => plan().await,
        Some(Command::Canary) => canary().await,
        Some(Command::Recover(arguments)) => {
            with_config(async |config| {
                recover::run(config, arguments, &mut std::io::stdout()).await
            })
            .await
        }
        Some(Command::Config(cli::config::Command::Print)) => {
            ended(cli::config::print(&vars(), &mut io::stdout()))
        }
        Some(Command::Doctor(asked)) => examine(&asked).await,
        Some(Command::Healthcheck(asked)) => healthcheck(&asked).await,
        Some(Command::Administer(command)) => administer(command).await,
    }
}

async fn serve() -> ExitCode {
    with_config(async |config| {
        let shutdown = CancellationToken::new();
        let application = Application::build(config).await?;
        cancel_on_signal(&shutdown)?;
        application.run_until_stopped(shutdown).await
    })
    .await
}

async fn migrate() -> ExitCode {
    with_config(async |config| {
        startup::prepare(&config).await?;
        tracing::info!("the database is migrated");
        Ok(())
    })
    .await
}

async fn plan() -> ExitCode {
    run_with_config(logging::init_beside_output, async |config| {
        cli::plan::run(&config, &mut io::stdout()).await
    })
    .await
}

async fn administer(command: cli::Command) -> ExitCode {
    run_with_config(logging::init_beside_output, async |config| {
        cli::run(&config, command, &mut io::stdout()).await
    })
    .await
}

async fn examine(asked: &doctor::Doctor) -> ExitCode {
    run_with_config(logging::init_beside_output, async |config| {
        doctor::run(&config, asked, &mut io::stdout()).await
    })
    .await
}

async fn healthcheck(asked: &cli::healthcheck::Healthcheck) -> ExitCode {
    match read_config(cli::healthcheck::address) {
        None => ExitCode::from(USAGE),
        Some(address) => ended(cli::healthcheck::run(address, asked, &mut io::stdout()).await),
    }
}

async fn with_config(run: impl AsyncFnOnce(Config) -> Result<(), StartupError>) -> ExitCode {
    run_with_config(logging::init, run).await
}

async fn run_with_config<E: Display>(
    start_logging: impl FnOnce(&Log),
    run: impl AsyncFnOnce(Config) -> Result<(), E>,
) -> ExitCode {
    let Some(config) = read_config(Config::from_vars) else {
        return ExitCode::from(USAGE);
    };
    start_logging(&config.log);
    match run(config).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// The exit status of a command that logs nothing.
#[expect(clippy::print_stderr, reason = "the command has no logging")]
fn ended(result: Result<(), CommandError>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn canary() -> ExitCode {
    let Some(config) = read_config(config::Canary::from_vars) else {
        return ExitCode::from(USAGE);
    };
    logging::init(&config.log);
    match server::canary::run(&config).await {
        Ok(trip) => {
            tracing::info!(to_staff = ?trip.to_staff, to_visitor = ?trip.to_visitor, "the answer came back");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            tracing::error!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn check_config() -> ExitCode {
    match read_config(Config::from_vars) {
        Some(_) => say("The configuration is valid."),
        None => ExitCode::from(USAGE),
    }
}

#[expect(
    clippy::print_stderr,
    reason = "logging is configured by what is being read"
)]
fn read_config<T>(
    from_vars: impl FnOnce(BTreeMap<String, String>) -> Result<T, Vec<ConfigError>>,
) -> Option<T> {
    from_vars(vars())
        .map_err(|errors| errors.iter().for_each(|error| eprintln!("{error}")))
        .ok()
}

/// The environment. The server has no variable that is not Unicode.
fn vars() -> BTreeMap<String, String> {
    env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

fn cancel_on_signal(shutdown: &CancellationToken) -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let shutdown = shutdown.clone();
    tokio::spawn(async move {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        tracing::info!("stopping");
        shutdown.cancel();
    });
    Ok(())
}

#[expect(
    clippy::print_stdout,
    reason = "the answer to a question on the command line"
)]
fn say(text: &str) -> ExitCode {
    println!("{text}");
    ExitCode::SUCCESS
}
