//! The desk: one room in which staff see all conversations, with a line for each.
//!
//! The server that follows the homeserver's sync also runs the desk. The content of each line is
//! derived from its conversation, and messages are queued in Postgres, so any server can take over
//! at any time. Conversations never wait for the desk and are not affected by its failures.

mod alerts;
mod commands;
mod edits;
mod intake;
mod lines;
mod members;
mod messages;
mod pace;
mod room;
mod say;
mod stats;

use std::{sync::Arc, time::Duration};

use tokio::time::{self, Instant};

use super::{Failure, archiver::Archiver, homeserver::Homeserver};
use crate::{clock::Ambient, config, metrics::Metrics, staff_texts::DeskTexts, storage::Db};

use members::{Member, Members};
use pace::Pace;

pub(super) use commands::CommandHandler;
pub(super) use intake::{take_in, take_one};

/// The pause between two turns.
const TURN: Duration = Duration::from_secs(1);
/// The longest pause after failures.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// How often records of old commands are deleted.
const TIDY: Duration = Duration::from_hours(1);

/// What the desk says of a command that an operator has carried out on a conversation.
pub(crate) fn administered(language: config::StaffLanguage, command: &str, code: &str) -> String {
    DeskTexts::of(language).administered(command, code)
}

/// The desk of one server. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Desk {
    pool: Db,
    homeserver: Arc<Homeserver>,
    metrics: Metrics,
    config: config::Desk,
    session_ttl: Duration,
    ambient: Ambient,
    archiver: Archiver,
}

/// What the server that runs the desk keeps in memory. All of it may be lost at any time.
#[derive(Debug, Default)]
struct Shift {
    /// The room that was inspected last, and when.
    inspected: Option<(String, Instant)>,
    members: Members,
    /// When the homeserver was last asked to create a desk, while its answer is unknown.
    asked: Option<Instant>,
    pace: Pace,
    looked_at_all: Option<Instant>,
    looked_for_alerts: Option<Instant>,
    tidied: Option<Instant>,
}

impl Shift {
    fn see(&mut self, room_id: &str, members: Vec<Member>) {
        self.inspected = Some((room_id.to_owned(), Instant::now()));
        self.members.see(members);
    }
}

/// Whether a periodic task is due.
fn is_due(last: Option<Instant>, period: Duration) -> bool {
    last.is_none_or(|last| last.elapsed() >= period)
}

impl Desk {
    /// The desk, not running yet.
    #[must_use]
    pub(super) const fn new(
        pool: Db,
        homeserver: Arc<Homeserver>,
        metrics: Metrics,
        config: config::Desk,
        session_ttl: Duration,
        ambient: Ambient,
        archiver: Archiver,
    ) -> Self {
        Self {
            pool,
            homeserver,
            metrics,
            config,
            session_ttl,
            ambient,
            archiver,
        }
    }

    /// Whether the configuration enables the desk.
    pub(super) const fn is_on(&self) -> bool {
        self.config.is_on
    }

    /// The desk's texts in the configured language.
    fn texts(&self) -> &'static DeskTexts {
        DeskTexts::of(self.homeserver.config().answers.language)
    }

    /// Runs the desk. This never returns; if the desk is disabled, it does nothing.
    pub(super) async fn work(&self) {
        if !self.config.is_on {
            return std::future::pending().await;
        }
        let mut shift = Shift::default();
        let mut failures = 0_u32;
        loop {
            let pause = match self.turn(&mut shift).await {
                Ok(()) => {
                    failures = 0;
                    TURN
                }
                Err(failure) => {
                    let pause = (TURN * 2_u32.pow(failures.min(10))).min(LONGEST_PAUSE);
                    failures += 1;
                    tracing::warn!(%failure, retry_in = ?pause, "some of the desk's tasks have failed");
                    pause
                }
            };
            time::sleep(pause).await;
        }
    }

    /// Runs each task once. A failure of one does not prevent the others.
    async fn turn(&self, shift: &mut Shift) -> Result<(), Failure> {
        let Some(desk) = self.settle(shift).await? else {
            return Ok(());
        };
        let members = self.keep_members(&desk, shift).await;
        let lines = self.look_at_lines(&desk, shift).await;
        let alerts = self.look_for_alerts(&desk, shift).await;
        let said = self.say_what_is_queued(&desk).await;
        let edited = self.edit_lines(&desk, shift).await;
        let tidied = self.tidy(shift).await;
        members
            .and(lines)
            .and(alerts)
            .and(said)
            .and(edited)
            .and(tidied)
    }
}
