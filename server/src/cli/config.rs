//! `matrix-support-chat config`: shows the configuration that a server with this environment would have.

use std::{collections::BTreeMap, io::Write};

use clap::Subcommand;

use super::CommandError;
use crate::config::{KNOWN, SECRETS};

/// The operator's command.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum Command {
    /// Print every variable that is given, without the values of secrets.
    Print,
}

/// Prints the variables that are given, in the order of the documentation. The value of a secret is never printed.
pub fn print(vars: &BTreeMap<String, String>, out: &mut impl Write) -> Result<(), CommandError> {
    let given = |name: &str| vars.get(name).filter(|value| !value.is_empty());
    for name in KNOWN {
        match (given(name), SECRETS.contains(name)) {
            (Some(_), true) => writeln!(out, "{name}=(hidden)")?,
            (Some(value), false) => writeln!(out, "{name}={}", value.escape_debug())?,
            (None, is_secret) => {
                let file = format!("{name}_FILE");
                match given(&file) {
                    Some(path) if is_secret => writeln!(out, "{file}={}", path.escape_debug())?,
                    _ => writeln!(out, "# {name} is not given")?,
                }
            }
        }
    }
    Ok(())
}
