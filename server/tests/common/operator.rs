//! An operator at the command line.

use std::iter;

use clap::Parser;
use server::{cli, config::Config};

#[derive(Parser)]
struct CommandLine {
    #[command(subcommand)]
    command: cli::Command,
}

/// Carries out a command line; what it prints, or what is printed and why it fails.
pub(crate) async fn operate(config: &Config, line: &str) -> Result<String, (String, String)> {
    let words = iter::once("matrix-support-chat").chain(line.split_whitespace());
    let parsed = CommandLine::try_parse_from(words).expect("a command line");
    let mut out = Vec::new();
    let result = cli::run(config, parsed.command, &mut out).await;
    let out = String::from_utf8(out).expect("UTF-8");
    match result {
        Ok(()) => Ok(out),
        Err(error) => Err((out, error.to_string())),
    }
}
