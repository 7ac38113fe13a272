//! The desk: the one room in which staff see what goes on, with a line for each conversation.
//!
//! The server that follows the homeserver also works at the desk. What a line has to show is read from the
//! conversations, and what is to be said is queued in Postgres, so the work can stop and go on anywhere. No
//! conversation waits for the desk, and none of its failures reaches them.

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

use super::{Failure, homeserver::Homeserver};
use crate::{clock::Ambient, config, metrics::Metrics, staff_texts::DeskTexts, storage::Db};

use members::{Member, Members};
use pace::Pace;

pub(super) use commands::Counter;
pub(super) use intake::{take_in, take_one};

/// How often is looked for something to do.
const TURN: Duration = Duration::from_secs(1);
/// The longest pause after failures.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// How often the desk's memory of old commands is tidied.
const TIDY: Duration = Duration::from_hours(1);

/// The desk of one server. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Desk {
    pool: Db,
    homeserver: Arc<Homeserver>,
    metrics: Metrics,
    config: config::Desk,
    session_ttl: Duration,
    ambient: Ambient,
}

/// What a server knows that works at the desk, and may forget.
#[derive(Debug, Default)]
struct Shift {
    /// When which room was looked at.
    inspected: Option<(String, Instant)>,
    members: Members,
    /// When the homeserver was asked for a desk and did not answer.
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

/// Whether something that is done again and again is due.
fn is_due(last: Option<Instant>, period: Duration) -> bool {
    last.is_none_or(|last| last.elapsed() >= period)
}

impl Desk {
    /// A desk at which nobody works yet.
    #[must_use]
    pub(super) const fn new(
        pool: Db,
        homeserver: Arc<Homeserver>,
        metrics: Metrics,
        config: config::Desk,
        session_ttl: Duration,
        ambient: Ambient,
    ) -> Self {
        Self {
            pool,
            homeserver,
            metrics,
            config,
            session_ttl,
            ambient,
        }
    }

    /// Whether there is to be one.
    pub(super) const fn is_on(&self) -> bool {
        self.config.is_on
    }

    /// What takes in the commands that staff give in it.
    pub(super) fn counter(&self) -> Counter {
        let staff = self.homeserver.config().staff.iter();
        Counter {
            staff: staff.map(ToString::to_string).collect(),
            time_zone: self.config.time_zone,
            texts: self.texts(),
        }
    }

    /// In which words it speaks.
    fn texts(&self) -> &'static DeskTexts {
        DeskTexts::of(self.homeserver.config().answers.language)
    }

    /// Works at the desk, and never ends. Without a desk it does nothing.
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
                    tracing::warn!(%failure, retry_in = ?pause, "not all is done at the desk");
                    pause
                }
            };
            time::sleep(pause).await;
        }
    }

    /// Does what there is to do. What fails keeps nothing else from being done.
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
