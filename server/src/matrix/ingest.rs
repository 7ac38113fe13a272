//! Stores the events of a sync and its position in one transaction.
//!
//! A fault in one room does not stop the others: a room whose events Postgres refuses, or cannot all be read, is set
//! aside in the same transaction, and tried again on its own (`sync::quarantine`).

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use incoming::{event::RoomEvent, plan::Step};
use uuid::Uuid;

use super::{
    conversation::Conversation,
    desk,
    room_batch::{FIRST_COME, Obstacle, RoomBatch, Span, kept},
    rules::Rules,
};
use crate::storage::{
    Connection, Db,
    quarantine::{self, is_refusal},
    savepoint,
    staff_members::{self, Membership, Observed},
    sync_position,
};

/// The result of a sync, or of trying again what was set aside.
#[derive(Debug, Default)]
pub(super) struct IngestOutcome {
    /// The conversations whose visitors may see something new.
    pub(super) changed: Vec<Uuid>,
    /// When the texts and edits that visitors see now were written.
    pub(super) staff_texts: Vec<DateTime<Utc>>,
    /// The rooms that were set aside, and why.
    pub(super) set_aside: Vec<(String, String)>,
    /// Rooms whose session no longer exists.
    pub(super) ownerless: Vec<String>,
    /// The number of events that were given up.
    pub(super) given_up: u64,
}

/// Stores everything and moves the position on; `None`, storing nothing, when another server has done so first.
pub(super) async fn store(
    pool: &Db,
    rules: &Rules,
    batches: &[RoomBatch],
    span: Span<'_>,
) -> Result<Option<IngestOutcome>, sqlx::Error> {
    let mut rooms = batches.iter();
    // There is nothing to store, as after a sync that brought no news.
    if moves(&rules.bot, batches).is_empty()
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
        Some(_) => events.all(|event| rules.commands.is_nothing(event)),
        None => events.all(|event| rules.planner.is_nothing(event)),
    }
}

/// With `isolated`, each room's events are stored behind a savepoint of their own.
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
    // This comes first: two servers with the same answer wait for each other here, and one of them drops it.
    let before = sync_position::advance(&mut *tx, from, to, &event_ids, &room_ids).await?;
    let Some(mut before) = before else {
        return Ok(None);
    };
    let mut taken_in = IngestOutcome::default();
    for batch in batches {
        if let Some(desk) = &batch.desk {
            let set_aside = desk::take_in(&mut tx, &rules.commands, desk, batch, span).await?;
            let set_aside = set_aside.map(|reason| (batch.room_id.clone(), reason));
            taken_in.set_aside.extend(set_aside);
            continue;
        }
        let news = since_return(&rules.bot, &batch.events);
        let steps = new_steps(rules, news, &mut before.events);
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
    // This comes last, because a transaction that stores a message also locks the session first.
    staff_members::observe(&mut tx, &moves(&rules.bot, batches)).await?;
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

impl IngestOutcome {
    pub(super) fn extend(&mut self, other: Self) {
        self.changed.extend(other.changed);
        self.staff_texts.extend(other.staff_texts);
        self.set_aside.extend(other.set_aside);
        self.ownerless.extend(other.ownerless);
        self.given_up += other.given_up;
    }
}

/// The steps for the events that were not handled before. Events without a meaning must not make a visitor wait.
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

/// The events since the bot came back to the room, or all. A room to which the bot comes back is new to the sync, which then
/// brings much of what was said in it long ago. The bot is invited only to rooms that were archived.
fn since_return<'a>(bot: &str, events: &'a [RoomEvent]) -> &'a [RoomEvent] {
    let return_of = |event: &RoomEvent| event.accepts_invitation_of(bot);
    let began = events.iter().rposition(return_of).unwrap_or_default();
    &events[began..]
}

/// The steps for a room's new events.
struct NewSteps<'a> {
    room_id: &'a str,
    session_id: Uuid,
    steps: &'a [(&'a RoomEvent, Step)],
}

impl NewSteps<'_> {
    /// Takes the steps. With `isolated`, an error of Postgres is returned and nothing is done.
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

/// The people who have come, gone or been invited by anybody except the bot.
fn moves<'a>(bot: &str, batches: &'a [RoomBatch]) -> Vec<Observed<'a>> {
    let mut moves = Vec::new();
    for batch in batches {
        let Some(session_id) = batch.session_id else {
            continue;
        };
        let events = since_return(bot, &batch.events);
        for (n, event) in events.iter().enumerate() {
            // The bot's own invitations are recorded when they are made.
            let is_move = event.event_type == "m.room.member" && event.sender != bot;
            let user_id = event.state_key.as_deref().filter(|_| is_move);
            let membership = event.str_at("/membership").and_then(Membership::named);
            if let (Some(user_id), Some(membership)) = (user_id, membership) {
                let mut later = events[n + 1..].iter();
                moves.push(Observed {
                    session_id,
                    user_id,
                    membership,
                    since: event.written_at(),
                    visitor_wrote_later: later.any(|event| is_visitors_text(bot, event)),
                });
            }
        }
    }
    moves
}

/// Whether the event is a visitor's text: what the bot says of its own as an `m.text` answers or replaces something.
pub(super) fn is_visitors_text(bot: &str, event: &RoomEvent) -> bool {
    event.sender == bot
        && event.event_type == "m.room.message"
        && event.str_at("/msgtype") == Some("m.text")
        && event.refers_to().is_none()
        && event.str_at("/m.relates_to/rel_type").is_none()
}
