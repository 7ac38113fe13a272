//! `matrix-support-chat migrate --plan`: says what migrating would do.

use std::io::Write;

use super::CommandError;
use crate::{config::Config, storage};

/// Writes the migrations that have not run, and the lock that each statement takes.
pub async fn run(config: &Config, out: &mut impl Write) -> Result<(), CommandError> {
    let planned = storage::plan(&config.database).await?;
    if planned.is_empty() {
        writeln!(
            out,
            "The schema is that of this release: nothing would be done."
        )?;
        return Ok(());
    }
    for migration in &planned {
        writeln!(out, "{:04} {}", migration.version, migration.description)?;
        for step in &migration.steps {
            writeln!(out, "  {}: {}", step.does, step.lock)?;
        }
    }
    writeln!(
        out,
        "\nEach migration is one transaction and keeps its locks to its end. It waits 10 s for a lock, and then fails and \
         changes nothing.\nServers of the release before go on running on the newer schema."
    )?;
    Ok(())
}
