//! `cargo xtask bench` runs this. It measures the release build of the server, each figure together
//! with its own limit.
//!
//! A figure and its limit are measured in the same run, in alternating rounds, and their medians
//! are compared. A slow or busy machine thus affects both.
#![expect(
    clippy::print_stdout,
    reason = "a terminal program speaks on standard output"
)]

mod load;
mod report;
mod sections;
mod setup;
mod system;

use std::{env, process::ExitCode};

use report::Report;
use sections::SECTIONS;
use setup::{Account, Setup};

type Error = Box<dyn std::error::Error + Send + Sync>;
type Result<T, E = Error> = std::result::Result<T, E>;

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
    let named: Vec<String> = env::args().skip(1).collect();
    if let Some(unknown) = named.iter().find(|it| !SECTIONS.contains(&it.as_str())) {
        let known = SECTIONS.join(", ");
        return Err(format!("nothing is called `{unknown}`: there are {known}").into());
    }
    let (mut report, mut failed) = (Report::default(), Vec::new());
    for section in SECTIONS {
        if named.is_empty() || named.iter().any(|it| it == section) {
            println!("\n== {section} ==");
            // The results of the other sections are still useful.
            if let Err(error) = sections::measure(section, &setup, &mut report).await {
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
