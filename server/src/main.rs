//! The command line: it reads the configuration, and builds and runs what was asked for.

use std::{collections::BTreeMap, env, process::ExitCode};

use clap::{Parser, Subcommand};
use server::{
    config::{self, Config, ConfigError},
    logging, quarantine_command, recover,
    startup::{self, Application, StartupError},
    storage::Shares,
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
    Migrate,
    /// Write something as a visitor, answer it in Matrix, and report whether the answer came back.
    Canary,
    /// Bring rooms and database together again after one of them was restored from a backup. Stop all servers first.
    Recover(recover::Arguments),
    /// List the events of rooms that could not be stored, try them again, or throw them away.
    Quarantine {
        #[command(subcommand)]
        command: Option<quarantine_command::Command>,
    },
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
        Some(Command::Migrate) => migrate().await,
        Some(Command::Canary) => canary().await,
        Some(Command::Recover(arguments)) => {
            with_config(async |config| {
                recover::run(config, arguments, &mut std::io::stdout()).await
            })
            .await
        }
        Some(Command::Quarantine { command }) => {
            quarantine(command.unwrap_or(quarantine_command::Command::List)).await
        }
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

async fn quarantine(command: quarantine_command::Command) -> ExitCode {
    with_config(async |config| {
        let shares = Shares::new(&config.database);
        quarantine_command::run(&shares.relay, &command, &mut std::io::stdout()).await?;
        Ok(())
    })
    .await
}

async fn with_config(run: impl AsyncFnOnce(Config) -> Result<(), StartupError>) -> ExitCode {
    let Some(config) = read_config(Config::from_vars) else {
        return ExitCode::from(USAGE);
    };
    logging::init(&config.log);
    match run(config).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
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
    // The server has no variable that is not Unicode.
    let vars = env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    from_vars(vars)
        .map_err(|errors| errors.iter().for_each(|error| eprintln!("{error}")))
        .ok()
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
