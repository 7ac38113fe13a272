//! What a sync brought, stored with its position in one transaction.
//!
//! One room's fault stops no other: a room whose news Postgres refuses, or whose news cannot all be read, is set
//! aside in the same transaction, and tried again for itself (`quarantine`).

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use incoming::{
    event::RoomEvent,
    plan::{Planner, Step},
};
use uuid::Uuid;

use super::{
    conversation::Conversation,
    desk::{self, Counter},
    inviter,
    staff_texts::StaffTexts,
};
use crate::{
    config::{CannedReplies, HistoryVisibility},
    storage::{
        Connection, Db,
        desk::room::DeskRoom,
        quarantine::{self, KeptEvent, is_refusal},
        staff_members, sync_position,
    },
};

/// Why news wait that nothing is wrong with.
pub(super) const FIRST_COME: &str = "what was set aside before comes first";

/// A room's news.
#[derive(Debug)]
pub(super) struct RoomBatch {
    pub(super) room_id: String,
    /// Whose room it is, where that is known.
    pub(super) session_id: Option<Uuid>,
    /// The desk, when it is its room.
    pub(super) desk: Option<DeskRoom>,
    /// Oldest first.
    pub(super) events: Vec<RoomEvent>,
    /// Why they cannot be taken in yet.
    pub(super) obstacle: Option<Obstacle>,
}

/// What keeps a room's news from being taken in.
#[derive(Clone, Debug)]
pub(super) struct Obstacle {
    pub(super) reason: String,
    /// Where the history ends that comes before the news and was not read.
    pub(super) gap_from: Option<String>,
}

/// By what rules events are taken in.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) bot: String,
    pub(super) planner: Planner,
    pub(super) history_visibility: HistoryVisibility,
    pub(super) session_ttl: std::time::Duration,
    /// By which commands in the desk are.
    pub(super) counter: Counter,
    /// In which words staff are answered.
    pub(super) texts: &'static StaffTexts,
    pub(super) canned: CannedReplies,
    /// After how long replies are mailed that nobody has fetched, where they are.
    pub(super) mail_after: Option<std::time::Duration>,
}

/// What came of a sync, or of what had been set aside.
#[derive(Debug, Default)]
pub(super) struct IngestOutcome {
    /// The conversations that may show something new.
    pub(super) changed: Vec<Uuid>,
    /// When the texts, edits among them, were written that visitors are shown now.
    pub(super) staff_texts: Vec<DateTime<Utc>>,
    /// The rooms that were set aside, and why.
    pub(super) set_aside: Vec<(String, String)>,
    /// Rooms whose session is not there any more.
    pub(super) ownerless: Vec<String>,
    /// How many events were given up.
    pub(super) given_up: u64,
}

/// The positions of a sync.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span<'a> {
    pub(super) from: Option<&'a str>,
    pub(super) to: &'a str,
}

/// Stores everything and moves the position on; `None`, storing nothing, when another server did so first.
pub(super) async fn store(
    pool: &Db,
    rules: &Rules,
    batches: &[RoomBatch],
    span: Span<'_>,
) -> Result<Option<IngestOutcome>, sqlx::Error> {
    let mut rooms = batches.iter();
    // As when the homeserver waited in vain.
    if inviter::moves(&rules.bot, batches).is_empty()
        && rooms.all(|room| room.obstacle.is_none() && is_nothing(rules, room))
    {
        let moved = sync_position::advance(pool, span.from, span.to, &[], &[]).await?;
        return Ok(moved.map(|_| IngestOutcome::default()));
    }
    match store_all(pool, rules, batches, span, false).await {
        // Savepoints cost round trips, so they are set only where they are needed.
        Err(error) if is_refusal(&error) => store_all(pool, rules, batches, span, true).await,
        result => result,
    }
}

fn is_nothing(rules: &Rules, room: &RoomBatch) -> bool {
    let mut events = room.events.iter();
    match room.desk {
        Some(_) => events.all(|event| rules.counter.is_nothing(event)),
        None => events.all(|event| rules.planner.is_nothing(event)),
    }
}

/// Each room's news are stored for themselves when they are to be `isolated`.
async fn store_all(
    pool: &Db,
    rules: &Rules,
    batches: &[RoomBatch],
    span: Span<'_>,
    isolated: bool,
) -> Result<Option<IngestOutcome>, sqlx::Error> {
    let events = batches.iter().flat_map(|batch| &batch.events);
    let event_ids: Vec<_> = events.map(|event| event.event_id.clone()).collect();
    let rooms = batches.iter();
    let room_ids: Vec<_> = rooms.map(|batch| batch.room_id.clone()).collect();
    let Span { from, to } = span;
    let mut tx = pool.begin().await?;
    // First: two servers with the same answer wait for each other here, and one of them drops it.
    let before = sync_position::advance(&mut *tx, from, to, &event_ids, &room_ids).await?;
    let Some(mut before) = before else {
        return Ok(None);
    };
    let mut taken_in = IngestOutcome::default();
    for batch in batches {
        if let Some(desk) = &batch.desk {
            let set_aside = desk::take_in(&mut tx, &rules.counter, desk, batch, span).await?;
            let set_aside = set_aside.map(|reason| (batch.room_id.clone(), reason));
            taken_in.set_aside.extend(set_aside);
            continue;
        }
        let steps = new_steps(rules, &batch.events, &mut before.events);
        if steps.is_empty() && batch.obstacle.is_none() {
            continue;
        }
        let waits = before.waiting_rooms.contains(&batch.room_id);
        let obstacle = match (&batch.obstacle, batch.session_id) {
            (Some(obstacle), _) => Some(obstacle.clone()),
            (None, _) if waits => Some(Obstacle::without_gap(FIRST_COME.to_owned())),
            (None, Some(session_id)) => {
                let room = NewSteps {
                    room_id: &batch.room_id,
                    session_id,
                    steps: &steps,
                };
                room.take_in(&mut tx, rules, isolated, &mut taken_in)
                    .await?
            }
            (None, None) => None,
        };
        if let Some(obstacle) = obstacle {
            set_aside(&mut tx, batch, &steps, &obstacle, span).await?;
            if !waits {
                let room_id = batch.room_id.clone();
                taken_in.set_aside.push((room_id, obstacle.reason));
            }
        }
    }
    // Last: whoever stores a message locks the session first, too.
    staff_members::observe(&mut tx, &inviter::moves(&rules.bot, batches)).await?;
    tx.commit().await?;
    Ok(Some(taken_in))
}

async fn set_aside(
    db: &mut Connection,
    batch: &RoomBatch,
    steps: &[(&RoomEvent, Step)],
    obstacle: &Obstacle,
    span: Span<'_>,
) -> Result<(), sqlx::Error> {
    let news = quarantine::News {
        room_id: &batch.room_id,
        session_id: batch.session_id,
        reason: &obstacle.reason,
        gap_from: obstacle.gap_from.as_deref(),
        events: steps.iter().filter_map(|(event, _)| kept(event)).collect(),
        from: span.from,
        to: span.to,
    };
    quarantine::set_aside(db, &news).await
}

impl Obstacle {
    /// One that has nothing to do with what was before.
    pub(super) fn without_gap(reason: String) -> Self {
        Self {
            reason,
            gap_from: None,
        }
    }
}

impl IngestOutcome {
    pub(super) fn extend(&mut self, other: Self) {
        self.changed.extend(other.changed);
        self.staff_texts.extend(other.staff_texts);
        self.set_aside.extend(other.set_aside);
        self.ownerless.extend(other.ownerless);
        self.given_up += other.given_up;
    }
}

/// What is to be done about the events that were not taken in before: what means nothing is no reason to
/// make a visitor wait.
fn new_steps<'a>(
    rules: &Rules,
    events: &'a [RoomEvent],
    known: &mut HashSet<String>,
) -> Vec<(&'a RoomEvent, Step)> {
    let mut steps = Vec::new();
    for event in events {
        if known.contains(&event.event_id) {
            continue;
        }
        if let Some(step) = rules.planner.step(event) {
            known.insert(event.event_id.clone());
            steps.push((event, step));
        }
    }
    steps
}

/// The event as it is kept in quarantine.
pub(super) fn kept(event: &RoomEvent) -> Option<KeptEvent> {
    Some(KeptEvent {
        event_id: event.event_id.clone(),
        json: event.to_json().ok()?,
    })
}

pub(super) async fn savepoint(
    db: &mut Connection,
    statement: &'static str,
) -> Result<(), sqlx::Error> {
    sqlx::query(statement).execute(db).await?;
    Ok(())
}

/// What is to be done about a room's new events.
struct NewSteps<'a> {
    room_id: &'a str,
    session_id: Uuid,
    steps: &'a [(&'a RoomEvent, Step)],
}

impl NewSteps<'_> {
    /// Does it. When it is to be `isolated`, answers with what Postgres has against it, and nothing of it is
    /// done.
    async fn take_in(
        &self,
        db: &mut Connection,
        rules: &Rules,
        isolated: bool,
        taken_in: &mut IngestOutcome,
    ) -> Result<Option<Obstacle>, sqlx::Error> {
        if !isolated {
            self.take_all(db, rules, taken_in).await?;
            return Ok(None);
        }
        let mut taken = IngestOutcome::default();
        savepoint(db, "SAVEPOINT room").await?;
        match self.take_all(db, rules, &mut taken).await {
            Ok(()) => {
                savepoint(db, "RELEASE SAVEPOINT room").await?;
                taken_in.extend(taken);
                Ok(None)
            }
            Err(error) if is_refusal(&error) => {
                savepoint(db, "ROLLBACK TO SAVEPOINT room").await?;
                Ok(Some(Obstacle::without_gap(error.to_string())))
            }
            Err(error) => Err(error),
        }
    }

    async fn take_all(
        &self,
        db: &mut Connection,
        rules: &Rules,
        taken_in: &mut IngestOutcome,
    ) -> Result<(), sqlx::Error> {
        let Some(mut conversation) = Conversation::lock(db, rules, self.session_id).await? else {
            taken_in.ownerless.push(self.room_id.to_owned());
            return Ok(());
        };
        taken_in.changed.push(self.session_id);
        for (event, step) in self.steps {
            if conversation.take(db, rules, event, step).await? {
                taken_in.staff_texts.extend(event.written_at());
            }
        }
        Ok(())
    }
}
