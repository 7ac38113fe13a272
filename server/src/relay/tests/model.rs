//! A model of what Postgres keeps for the relay. Each of its methods does what one statement or transaction does.

mod agreement;
mod queue;
mod sessions;
mod staff;
mod store;

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::{sync::mpsc, time::Instant};
use uuid::Uuid;

use crate::{
    relay::queue::{Claim, Task},
    storage::{
        RoomAsked, details_notices::DetailsNotice, sessions::Subject, staff_members::Membership,
    },
};

pub(super) use store::{DatabaseFate, ModelStore};

/// The tables.
#[derive(Clone, Debug, Default)]
struct Tables {
    sessions: BTreeMap<Uuid, Session>,
    outbox: Vec<Row>,
    last_position: i64,
    /// The events that were sent, with the session.
    sent: HashMap<String, Uuid>,
    details: HashMap<Uuid, (String, String, Option<Vec<u8>>)>,
    former_rooms: BTreeMap<String, FormerRoom>,
    staff: Vec<String>,
    members: BTreeMap<(Uuid, String), Member>,
}

#[derive(Clone, Debug)]
struct Session {
    subject: Subject,
    is_open: bool,
    messages: Vec<Message>,
}

/// A visitor's message.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) id: Uuid,
    pub(super) body: String,
    pub(super) delivery: &'static str,
    at: DateTime<Utc>,
}

/// A row of the outbox.
#[derive(Clone, Debug)]
struct Row {
    id: Uuid,
    position: i64,
    session_id: Uuid,
    task: Task,
    attempts: i32,
    due_at: DateTime<Utc>,
    delayed_at: Option<DateTime<Utc>>,
    leased_until: Option<DateTime<Utc>>,
    room_asked_at: Option<DateTime<Utc>>,
    room_asked_own: Option<DateTime<Utc>>,
}

#[derive(Clone, Debug)]
struct Member {
    membership: Membership,
    attempts: i32,
    due_at: DateTime<Utc>,
    delayed_at: Option<DateTime<Utc>>,
    leased_until: Option<DateTime<Utc>>,
}

/// A room that a session no longer uses.
#[derive(Clone, Debug)]
struct FormerRoom {
    session_id: Uuid,
    left_at: DateTime<Utc>,
    /// Somebody except the bot was in it.
    was_seen: bool,
}

/// A database server.
#[derive(Debug)]
pub(super) struct Database {
    tables: Tables,
    /// What is on the disk, if that is less than the tables: a crash returns to it.
    on_disk: Option<Tables>,
    listeners: Vec<mpsc::UnboundedSender<Uuid>>,
    began: Instant,
    clock_is_ahead: TimeDelta,
    stands_still_at: Option<DateTime<Utc>>,
    ids_made: u128,
}

impl Database {
    pub(super) fn new() -> Self {
        Self {
            tables: Tables::default(),
            on_disk: None,
            listeners: Vec::new(),
            began: Instant::now(),
            clock_is_ahead: TimeDelta::zero(),
            stands_still_at: None,
            ids_made: 0,
        }
    }

    /// Sets the clock forwards or backwards.
    pub(super) fn step_clock(&mut self, by: TimeDelta) {
        self.clock_is_ahead += by;
    }

    /// Postgres crashes and starts again: transactions that did not wait for the disk are lost.
    pub(super) fn crash(&mut self) {
        if let Some(tables) = self.on_disk.take() {
            self.tables = tables;
        }
        self.listeners.clear();
    }

    /// Everything that was done until now is on the disk.
    fn flush(&mut self) {
        self.on_disk = None;
    }

    /// What is done next may be lost in a crash, until [`flush`](Self::flush).
    fn begin_unflushed(&mut self) {
        if self.on_disk.is_none() {
            self.on_disk = Some(self.tables.clone());
        }
    }

    fn now(&self) -> DateTime<Utc> {
        let runs = || self.true_time() + self.clock_is_ahead;
        self.stands_still_at.unwrap_or_else(runs)
    }

    /// Stops the clock, and sets it to this time.
    fn stand_still_at(&mut self, at: DateTime<Utc>) {
        self.stands_still_at = Some(at);
    }

    /// The time of a clock that is right.
    pub(super) fn true_time(&self) -> DateTime<Utc> {
        let passed = TimeDelta::from_std(self.began.elapsed()).unwrap_or(TimeDelta::MAX);
        DateTime::from_timestamp(1_800_000_000, 0).expect("it is a time") + passed
    }

    fn new_id(&mut self) -> Uuid {
        self.ids_made += 1;
        Uuid::from_u128(0x5eed_0000_0000_4000_8000_0000_0000_0000 + self.ids_made)
    }

    fn notify(&mut self, session_id: Uuid) {
        self.listeners
            .retain(|listener| listener.send(session_id).is_ok());
    }

    fn listen(&mut self) -> mpsc::UnboundedReceiver<Uuid> {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.listeners.push(sender);
        receiver
    }
}

impl Tables {
    /// The task of a row, as a claim returns it.
    fn claim_of(&self, row: &Row, now: DateTime<Utc>) -> Claim {
        let session = &self.sessions[&row.session_id];
        let text = match row.task {
            Task::Message(id) => {
                let message = session.messages.iter().find(|message| message.id == id);
                message.map(|message| message.body.clone())
            }
            _ => None,
        };
        let ago = |at: DateTime<Utc>| (now - at).as_seconds_f64();
        Claim {
            id: row.id,
            position: row.position,
            attempts: row.attempts,
            room_asked: row
                .room_asked_at
                .map(|at| RoomAsked::new(ago(at), row.room_asked_own)),
            task: row.task.clone(),
            text,
            subject: session.subject.clone(),
        }
    }

    fn rows_of(&self, session_id: Uuid) -> Vec<usize> {
        let rows = 0..self.outbox.len();
        let mut rows: Vec<_> = rows
            .filter(|n| self.outbox[*n].session_id == session_id)
            .collect();
        rows.sort_by_key(|n| self.outbox[*n].position);
        rows
    }
}

/// The function `is_claimable` of the schema.
fn is_claimable(
    (due_at, delayed_at, leased_until): (
        DateTime<Utc>,
        Option<DateTime<Utc>>,
        Option<DateTime<Utc>>,
    ),
    now: DateTime<Utc>,
    longest_delay: TimeDelta,
    longest_lease: TimeDelta,
) -> bool {
    let is_due = due_at <= now
        || due_at > now + longest_delay
        || delayed_at.is_some_and(|at| at > now + TimeDelta::seconds(5));
    let is_free = leased_until.is_none_or(|until| until <= now || until > now + longest_lease);
    is_due && is_free
}

impl Database {
    /// The visitor's messages in a session, with their deliveries.
    pub(super) fn messages(&self, session_id: Uuid) -> Vec<Message> {
        self.tables.sessions[&session_id].messages.clone()
    }

    /// The session's room.
    pub(super) fn room_of(&self, session_id: Uuid) -> Option<String> {
        self.tables.sessions[&session_id].subject.room_id.clone()
    }

    /// A person's membership of the session's room, if it is recorded.
    pub(super) fn membership(&self, session_id: Uuid, user_id: &str) -> Option<Membership> {
        let member = self.tables.members.get(&(session_id, user_id.to_owned()));
        member.map(|member| member.membership)
    }

    /// The tasks that are still to be done.
    pub(super) fn queued(&self) -> usize {
        self.tables.outbox.len()
    }

    pub(super) fn details_of(&self, session_id: Uuid, room_id: &str) -> Option<DetailsNotice> {
        let (room, event_id, told) = self.tables.details.get(&session_id)?;
        (room == room_id).then(|| DetailsNotice {
            event_id: event_id.clone(),
            told: told.clone(),
        })
    }
}
