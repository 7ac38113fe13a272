//! Configuration, build, run.

use std::{collections::BTreeMap, env, process::ExitCode};

use server::{
    config::{self, Config, ConfigError},
    quarantine,
    startup::{self, Application, StartupError},
    storage::Shares,
    telemetry,
};
use tokio_util::sync::CancellationToken;

/// A request is a few dozen small allocations on one thread, often freed on another.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The exit status of a wrong command line or configuration.
const USAGE: u8 = 2;

const HELP: &str = "\
matrix-support-chat: a support chat for a website, answered from Matrix

Usage: matrix-support-chat [serve | migrate | canary | quarantine | --check-config | --version | --help]

  serve            migrate the database and serve until SIGTERM; so without arguments too
  migrate          migrate the database, and no more
  canary           say something as a visitor, answer it in Matrix, and tell whether it came back
  quarantine       list what came from rooms and could not be taken in; `quarantine retry ID…` or
                   `retry all` has it tried again, `drop ID…` throws it away
  --check-config   say whether the configuration is valid

The configuration is environment variables: see docs/operations.md.";

#[tokio::main]
async fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let argument = arguments.next();
    let rest: Vec<_> = arguments.collect();
    if argument.as_deref() == Some("quarantine") {
        return match quarantine::Command::parse(&rest) {
            Ok(command) => quarantine(command).await,
            Err(problem) => usage(&problem),
        };
    }
    if !rest.is_empty() {
        return usage("too many arguments");
    }
    match argument.as_deref() {
        None | Some("serve") => serve().await,
        Some("migrate") => migrate().await,
        Some("canary") => canary().await,
        Some("--check-config") => check_config(),
        Some("--version") => say(concat!("matrix-support-chat ", env!("CARGO_PKG_VERSION"))),
        Some("--help" | "-h") => say(HELP),
        Some(other) => usage(&format!("unknown argument `{other}`")),
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

async fn quarantine(command: quarantine::Command) -> ExitCode {
    with_config(async |config| {
        let shares = Shares::new(&config.database);
        quarantine::run(&shares.relay, &command, &mut std::io::stdout()).await?;
        Ok(())
    })
    .await
}

async fn with_config(run: impl AsyncFnOnce(Config) -> Result<(), StartupError>) -> ExitCode {
    let Some(config) = read_config(Config::from_vars) else {
        return ExitCode::from(USAGE);
    };
    telemetry::init(&config.log);
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
    telemetry::init(&config.log);
    match server::canary::run(&config).await {
        Ok(trip) => {
            tracing::info!(to_staff = ?trip.to_staff, to_visitor = ?trip.to_visitor, "it came back");
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
    // A variable that is not Unicode is none of ours.
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

#[expect(
    clippy::print_stderr,
    reason = "a wrong command line is answered there"
)]
fn usage(problem: &str) -> ExitCode {
    eprintln!("{problem}\n\n{HELP}");
    ExitCode::from(USAGE)
}
