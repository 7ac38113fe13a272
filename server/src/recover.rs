//! `matrix-support-chat recover`: brings rooms and database together again after one of them was restored from a backup.
//!
//! No server may run meanwhile. What is left to do is kept in Postgres, so that a recovery that was interrupted goes on
//! when it is run again. Running it once more changes nothing.

use std::{
    io::{self, Write},
    sync::Arc,
};

use uuid::Uuid;

use crate::{
    config::Config,
    matrix::{
        Failure, Homeserver,
        recovery::{Done, Recovery},
    },
    metrics::Metrics,
    startup::{self, StartupError},
    storage::{
        Db, SyncLock,
        recovery::{self, Restored},
    },
};

/// How many conversations are looked up together.
const BATCH: i64 = 100;

/// The operator's command.
#[derive(Clone, Copy, Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub struct Arguments {
    /// Postgres was restored: look for whatever is owed before it is sent, and store what was said in Matrix since the
    /// backup.
    #[arg(long)]
    postgres_restored: bool,
    /// The homeserver was restored: make rooms again that are gone, send again what they lack, and read them from the
    /// beginning.
    #[arg(long)]
    homeserver_restored: bool,
}

impl Arguments {
    const fn restored(self) -> Restored {
        if self.postgres_restored {
            Restored::Postgres
        } else {
            Restored::Homeserver
        }
    }
}

/// Runs the command, and prints what was done.
pub async fn run(
    config: Config,
    arguments: Arguments,
    out: &mut impl Write,
) -> Result<(), StartupError> {
    let shares = startup::prepare(&config).await?;
    let metrics = Metrics::new()?;
    let homeserver = Homeserver::new(config.matrix.clone(), shares.relay.clone(), metrics);
    let homeserver = Arc::new(homeserver);
    let Some(mut lock) = SyncLock::try_take(&shares.connector)
        .await
        .map_err(io::Error::other)?
    else {
        let problem = "a server is running: stop all servers first";
        return Err(io::Error::other(problem).into());
    };
    tokio::select! {
        done = recover(&config, &shares.relay, homeserver, arguments.restored()) => {
            let (done, failed) = done.map_err(io::Error::other)?;
            report(done, failed, out)?;
        }
        lost = lock.hold() => return Err(io::Error::other(lost).into()),
    }
    Ok(())
}

fn report(done: Done, failed: usize, out: &mut impl Write) -> io::Result<()> {
    let Done {
        new_rooms,
        sent_again,
        read_back,
        unknown,
    } = done;
    writeln!(out, "{new_rooms} rooms are made again.")?;
    writeln!(out, "{sent_again} messages are sent again.")?;
    writeln!(out, "{read_back} messages were read back.")?;
    writeln!(
        out,
        "{unknown} rooms belong to conversations that are not in the database."
    )?;
    if failed == 0 {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "{failed} conversations are left: run the same command again"
    )))
}

/// Goes through all conversations; returns what was done, and how many conversations are left because of a failure of
/// their own.
async fn recover(
    config: &Config,
    db: &Db,
    homeserver: Arc<Homeserver>,
    restored: Restored,
) -> Result<(Done, usize), Failure> {
    // This comes first: from here on a server that is started by mistake sends nothing twice.
    recovery::look_for_owed(db).await?;
    let all = Recovery::new(db.clone(), homeserver, config).await?;
    let mut done = match restored {
        Restored::Postgres => all.find_rooms().await?,
        Restored::Homeserver => Done::default(),
    };
    let mut tx = db.begin().await?;
    recovery::begin(&mut tx, restored).await?;
    tx.commit().await?;
    let (mut failed, mut behind) = (0, Uuid::nil());
    loop {
        let left = recovery::left(db, restored, behind, BATCH).await?;
        let Some(last) = left.last() else {
            break;
        };
        behind = last.session_id;
        for conversation in &left {
            let result = match restored {
                Restored::Postgres => all.read_back(conversation).await,
                Restored::Homeserver => all.make_whole(conversation).await,
            };
            match result {
                Ok(more) => done.add(more),
                Err(failure) if failure.is_rooms_own() => {
                    let session_id = conversation.session_id;
                    tracing::error!(%session_id, %failure, "a conversation is left as it is");
                    failed += 1;
                }
                Err(failure) => return Err(failure),
            }
        }
    }
    if failed == 0 {
        recovery::end(db, restored).await?;
    }
    Ok((done, failed))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct CommandLine {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn parse(words: &[&str]) -> Option<Restored> {
        let words = [&["recover"], words].concat();
        let parsed = CommandLine::try_parse_from(words).ok()?;
        Some(parsed.arguments.restored())
    }

    #[test]
    fn what_was_restored_has_to_be_said_and_is_one_thing() {
        let (postgres, homeserver) = ("--postgres-restored", "--homeserver-restored");
        assert_eq!(parse(&[postgres]), Some(Restored::Postgres));
        assert_eq!(parse(&[homeserver]), Some(Restored::Homeserver));
        assert_eq!(parse(&[]), None);
        assert_eq!(parse(&[postgres, homeserver]), None);
    }

    #[test]
    fn conversations_that_are_left_are_a_failure() {
        let done = Done {
            sent_again: 3,
            ..Done::default()
        };
        let mut out = Vec::new();
        assert!(report(done, 0, &mut out).is_ok());
        assert!(
            String::from_utf8(out)
                .unwrap()
                .contains("3 messages are sent again.")
        );
        assert!(report(done, 1, &mut Vec::new()).is_err());
    }
}
