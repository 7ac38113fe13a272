//! Tries again to store what was set aside, each room on its own and in its order, with growing
//! pauses. What cannot be stored is given up in the end, so that later events can be stored; it is
//! kept for the operator.

use std::{collections::HashSet, slice, time::Duration};

use futures_util::{StreamExt, stream};
use incoming::{event::RoomEvent, plan::Step};
use tokio::time::{self, Instant};
use uuid::Uuid;

use super::{Failure, Syncer};
use crate::{
    matrix::{conversation::Conversation, ingest::IngestOutcome, room_batch::kept, rules::Rules},
    storage::{
        Connection, Db, matrix_events,
        quarantine::{self, LONGEST_WAIT, Row, is_refusal},
        savepoint,
    },
};

/// How often the syncer looks for rows that are due.
const PERIOD: Duration = Duration::from_secs(1);
/// How often rows are deleted that nobody can ask for any more.
const TIDY_PERIOD: Duration = Duration::from_mins(10);
/// The first wait. It doubles after each attempt.
const FIRST_WAIT: Duration = Duration::from_secs(2);
/// The number of rooms that are tried at the same time.
const ROOMS: usize = 4;
/// The number of rows, or events of a history, that are stored together while the session is locked.
const CHUNK: usize = 100;
/// How long reading a room's history may take.
pub(super) const READING: Duration = Duration::from_mins(1);
/// The number of attempts, over eight minutes, before something that Postgres refuses is given up. Only a repair would
/// change the result.
pub(super) const MAX_REFUSALS: i32 = 8;
/// The number of attempts, over three hours, before something that the homeserver does not give is given up. A
/// homeserver may be repaired.
const MAX_UNREAD: i32 = 42;

impl Syncer {
    /// Tries again what was set aside, and never ends. An error here does not stop the sync.
    pub(super) async fn retry_set_aside(&self) {
        let mut tidied = None;
        loop {
            if let Err(error) = self.retry_due().await {
                tracing::warn!(%error, "events that were set aside cannot be tried again yet");
            }
            if tidied.is_none_or(|at: Instant| at.elapsed() > TIDY_PERIOD) {
                if let Err(error) = quarantine::forget_old(&self.pool).await {
                    tracing::warn!(%error, "events that were given up cannot be deleted yet");
                }
                tidied = Some(Instant::now());
            }
            time::sleep(PERIOD).await;
        }
    }

    async fn retry_due(&self) -> Result<(), sqlx::Error> {
        let limit = i64::try_from(ROOMS).unwrap_or(i64::MAX);
        let rooms = quarantine::due(&self.pool, limit).await?;
        let retry = async |room_id: String| match self.retry(&room_id).await {
            Ok(()) => {}
            Err(failure) => {
                tracing::warn!(room_id, %failure, "a room that was set aside has to wait");
            }
        };
        stream::iter(rooms).for_each_concurrent(ROOMS, retry).await;
        Ok(())
    }

    /// Tries a room's rows until there are none or one has to be put off.
    async fn retry(&self, room_id: &str) -> Result<(), Failure> {
        loop {
            let limit = i64::try_from(CHUNK).unwrap_or(i64::MAX);
            let rows = quarantine::of_room(&self.pool, room_id, limit).await?;
            let Some(first) = rows.first() else {
                tracing::info!(room_id, "nothing of the room is set aside any more");
                return Ok(());
            };
            if let Some(desk) = self.desk_in(room_id).await? {
                if self.retry_at_desk(&desk, first).await? {
                    continue;
                }
                return Ok(());
            }
            let session_id = match first.session_id {
                Some(session_id) => Some(session_id),
                None => match self.find_session(room_id).await {
                    Ok(session_id) => session_id,
                    Err(failure) => return self.put_off_reading(first, &rows, failure).await,
                },
            };
            let Some(session_id) = session_id else {
                tracing::info!(
                    room_id,
                    "events that were set aside belong to no conversation, and are deleted"
                );
                quarantine::remove_room(&self.pool, room_id).await?;
                return Ok(());
            };
            let room = Room {
                id: room_id,
                session_id,
                rules: &self.rules,
                pool: &self.pool,
            };
            let goes_on = match &first.gap_from {
                Some(gap_from) => self.retry_gap(&room, first, gap_from).await?,
                None => self.retry_events(&room, &rows).await?,
            };
            if !goes_on {
                return Ok(());
            }
        }
    }

    /// `false` when the room has to wait.
    async fn retry_gap(&self, room: &Room<'_>, row: &Row, gap_from: &str) -> Result<bool, Failure> {
        let read = self.history(room.id, gap_from, row.gap_to.as_deref());
        let events = match time::timeout(READING, read).await {
            Ok(Ok(events)) => events,
            Ok(Err(error)) => {
                self.put_off_reading(row, slice::from_ref(row), error.into())
                    .await?;
                return Ok(false);
            }
            Err(_) => {
                self.put_off_reading(row, slice::from_ref(row), Failure::TimedOut)
                    .await?;
                return Ok(false);
            }
        };
        let mut taken_in = IngestOutcome::default();
        let mut goes_on = true;
        for events in events.chunks(CHUNK) {
            let part_of = |event| Entry {
                row,
                is_all_of_row: false,
                event,
            };
            let entries: Vec<_> = events.iter().map(part_of).collect();
            goes_on = room.take_up(row, &entries, &mut taken_in).await?;
            if !goes_on {
                break;
            }
        }
        if goes_on {
            quarantine::close_gap(&self.pool, row.id, gap_from).await?;
        }
        self.tell(&taken_in);
        Ok(goes_on)
    }

    /// `false` when the room has to wait.
    async fn retry_events(&self, room: &Room<'_>, rows: &[Row]) -> Result<bool, Failure> {
        // These are the rows up to the next part of the history.
        let rows = rows.iter().take_while(|row| row.gap_from.is_none());
        let mut events = Vec::new();
        for row in rows {
            match RoomEvent::from_json(row.event.as_deref().unwrap_or_default()) {
                Ok(event) => events.push((row, event)),
                Err(error) => {
                    // The server has not written this row.
                    quarantine::give_up(&self.pool, &[row.id], &error.to_string()).await?;
                    return Ok(true);
                }
            }
        }
        let all_of = |(row, event)| Entry {
            row,
            is_all_of_row: true,
            event,
        };
        let entries: Vec<_> = events
            .iter()
            .map(|(row, event)| all_of((*row, event)))
            .collect();
        let Some(first) = entries.first() else {
            return Ok(true);
        };
        let mut taken_in = IngestOutcome::default();
        let goes_on = room.take_up(first.row, &entries, &mut taken_in).await?;
        self.tell(&taken_in);
        Ok(goes_on)
    }

    /// Puts rows off that the homeserver does not give. It may be out of reach altogether, which does not count against
    /// the room.
    async fn put_off_reading(
        &self,
        first: &Row,
        rows: &[Row],
        failure: Failure,
    ) -> Result<(), Failure> {
        let attempts = first.attempts + i32::from(failure.is_rooms_own());
        let reason = failure.to_string();
        if attempts < MAX_UNREAD {
            let wait = wait_after(attempts);
            quarantine::put_off(&self.pool, first.id, attempts, wait, &reason).await?;
            return Ok(());
        }
        let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
        tracing::error!(
            ?ids,
            reason,
            "events that the homeserver does not return were given up"
        );
        quarantine::give_up(&self.pool, &ids, &reason).await?;
        let given_up = u64::try_from(ids.len()).unwrap_or_default();
        self.metrics.set_aside_given_up.inc_by(given_up);
        Ok(())
    }
}

/// A room that is tried again.
struct Room<'a> {
    id: &'a str,
    session_id: Uuid,
    rules: &'a Rules,
    pool: &'a Db,
}

/// An event that is tried again.
struct Entry<'a> {
    row: &'a Row,
    /// Otherwise the row describes a part of the history.
    is_all_of_row: bool,
    event: &'a RoomEvent,
}

impl Room<'_> {
    /// Takes events in, one by one; `false` when one of them is refused and has to wait, and with it those behind it.
    async fn take_up(
        &self,
        first: &Row,
        entries: &[Entry<'_>],
        taken_in: &mut IngestOutcome,
    ) -> Result<bool, sqlx::Error> {
        match self.try_take_up(entries, taken_in).await {
            // Postgres refuses not one event but everything that the room needs.
            Err(error) if is_refusal(&error) => {
                let reason = error.to_string();
                let mut db = self.pool.acquire().await?;
                if may_wait(&mut db, first, &reason).await? {
                    return Ok(false);
                }
                quarantine::give_up(&mut db, &[first.id], &reason).await?;
                taken_in.given_up += 1;
                Ok(false)
            }
            result => result,
        }
    }

    async fn try_take_up(
        &self,
        entries: &[Entry<'_>],
        taken_in: &mut IngestOutcome,
    ) -> Result<bool, sqlx::Error> {
        let mut rows: Vec<_> = entries.iter().map(|entry| entry.row.id).collect();
        rows.dedup();
        let mut tx = self.pool.begin().await?;
        if !quarantine::lock(&mut tx, &rows).await? {
            // Another server was faster.
            return Ok(false);
        }
        let conversation = Conversation::lock(&mut tx, self.rules, self.session_id).await?;
        let Some(mut conversation) = conversation else {
            quarantine::remove_room(&mut *tx, self.id).await?;
            tx.commit().await?;
            taken_in.ownerless.push(self.id.to_owned());
            return Ok(false);
        };
        let ids: Vec<_> = entries
            .iter()
            .map(|entry| entry.event.event_id.clone())
            .collect();
        let known = matrix_events::known(&mut *tx, &ids).await?;
        let mut known: HashSet<_> = known.into_iter().collect();
        let mut taken = IngestOutcome::default();
        let mut done = Vec::new();
        let mut goes_on = true;
        for entry in entries {
            let step = self.rules.planner.step(entry.event);
            let step = step.filter(|_| known.insert(entry.event.event_id.clone()));
            let refusal = match step {
                Some(step) => {
                    self.take(&mut tx, &mut conversation, entry, &step, &mut taken)
                        .await?
                }
                None => None,
            };
            match refusal {
                None if entry.is_all_of_row => done.push(entry.row.id),
                None => {}
                Some(reason) if may_wait(&mut tx, entry.row, &reason).await? => {
                    goes_on = false;
                    break;
                }
                Some(reason) => {
                    self.give_up(&mut tx, entry, &reason).await?;
                    taken.given_up += 1;
                }
            }
        }
        quarantine::remove(&mut *tx, &done).await?;
        tx.commit().await?;
        taken.changed.push(self.session_id);
        taken_in.extend(taken);
        Ok(goes_on)
    }

    /// Takes one event in; returns the reason if Postgres refuses it.
    async fn take(
        &self,
        db: &mut Connection,
        conversation: &mut Conversation,
        entry: &Entry<'_>,
        step: &Step,
        taken_in: &mut IngestOutcome,
    ) -> Result<Option<String>, sqlx::Error> {
        savepoint(db, "SAVEPOINT event").await?;
        let before = *conversation;
        let taken = conversation.take(db, self.rules, entry.event, step);
        match taken.await {
            Ok(is_shown) => {
                savepoint(db, "RELEASE SAVEPOINT event").await?;
                let written_at = entry.event.written_at().filter(|_| is_shown);
                taken_in.staff_texts.extend(written_at);
                Ok(None)
            }
            Err(error) if is_refusal(&error) => {
                savepoint(db, "ROLLBACK TO SAVEPOINT event").await?;
                *conversation = before;
                Ok(Some(error.to_string()))
            }
            Err(error) => Err(error),
        }
    }

    /// Gives up one event.
    async fn give_up(
        &self,
        db: &mut Connection,
        entry: &Entry<'_>,
        reason: &str,
    ) -> Result<(), sqlx::Error> {
        let event_id = &entry.event.event_id;
        tracing::error!(room_id = self.id, event_id, reason, "an event was given up");
        if entry.is_all_of_row {
            return quarantine::give_up(db, &[entry.row.id], reason).await;
        }
        let Some(event) = kept(entry.event) else {
            return Ok(());
        };
        quarantine::insert_given_up(db, self.id, self.session_id, &event, reason).await
    }
}

/// Puts a refused row off, unless it was refused too often.
async fn may_wait(db: &mut Connection, row: &Row, reason: &str) -> Result<bool, sqlx::Error> {
    let attempts = row.attempts + 1;
    let may_wait = attempts < MAX_REFUSALS;
    if may_wait {
        quarantine::put_off(db, row.id, attempts, wait_after(attempts), reason).await?;
    }
    Ok(may_wait)
}

/// How long to wait after this many attempts.
pub(super) fn wait_after(attempts: i32) -> Duration {
    let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or(0);
    let factor = 2_u32.saturating_pow(doublings);
    FIRST_WAIT.saturating_mul(factor).min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_attempt_waits_longer_and_none_too_long() {
        let waits: Vec<_> = [0, 1, 2, 3, 8, 9, 100].map(wait_after).to_vec();
        let seconds: Vec<_> = waits.iter().map(Duration::as_secs).collect();
        assert_eq!(seconds, [2, 2, 4, 8, 256, 300, 300]);
        let all = |attempts: i32| (1..attempts).map(wait_after).sum::<Duration>();
        assert!(all(MAX_REFUSALS) < Duration::from_mins(10));
        assert!((2..5).contains(&(all(MAX_UNREAD).as_secs() / 3600)));
    }
}
