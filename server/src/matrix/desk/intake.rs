//! What came from the desk's room: each command for itself, so that one which Postgres refuses stops neither the
//! others nor the sync.

use std::time::Duration;

use incoming::event::RoomEvent;
use tokio::time;

use super::Counter;
use crate::{
    matrix::{
        Failure,
        ingest::{Obstacle, RoomBatch, Span, kept, savepoint},
        quarantine::{MAX_REFUSALS, wait_after},
        sync::Syncer,
    },
    storage::{
        Connection,
        desk::room::{self as desk_rooms, DeskRoom},
        quarantine::{self, News, Row},
    },
};

/// How long reading the room's history may take.
const READING: Duration = Duration::from_mins(1);

/// Takes in what a sync brought; answers with the reason when something of it is set aside.
pub(in crate::matrix) async fn take_in(
    db: &mut Connection,
    counter: &Counter,
    desk: &DeskRoom,
    batch: &RoomBatch,
    span: Span<'_>,
) -> Result<Option<String>, sqlx::Error> {
    let events = batch
        .events
        .iter()
        .filter(|event| !counter.is_nothing(event));
    let mut refused = Vec::new();
    let mut obstacle = batch.obstacle.clone();
    for event in events {
        if batch.obstacle.is_some() {
            refused.push(event);
        } else if let Some(reason) = take_one(db, counter, desk, event).await? {
            refused.push(event);
            obstacle = Some(Obstacle::without_gap(reason));
        }
    }
    let Some(obstacle) = obstacle else {
        return Ok(None);
    };
    let news = News {
        room_id: &batch.room_id,
        session_id: None,
        reason: &obstacle.reason,
        gap_from: obstacle.gap_from.as_deref(),
        events: refused.into_iter().filter_map(kept).collect(),
        from: span.from,
        to: span.to,
    };
    quarantine::set_aside(db, &news).await?;
    Ok(Some(obstacle.reason))
}

/// Carries out one command; answers with the reason when that is refused, and nothing of it is done.
async fn take_one(
    db: &mut Connection,
    counter: &Counter,
    desk: &DeskRoom,
    event: &RoomEvent,
) -> Result<Option<String>, sqlx::Error> {
    savepoint(db, "SAVEPOINT command").await?;
    match counter.take(db, desk, event).await {
        Ok(()) => {
            savepoint(db, "RELEASE SAVEPOINT command").await?;
            Ok(None)
        }
        // Where the connection is of no use any more, this fails.
        Err(error) => {
            savepoint(db, "ROLLBACK TO SAVEPOINT command").await?;
            Ok(Some(error.to_string()))
        }
    }
}

impl Syncer {
    /// The desk, when this is its room.
    pub(in crate::matrix) async fn desk_in(
        &self,
        room_id: &str,
    ) -> Result<Option<DeskRoom>, sqlx::Error> {
        if !self.desk.is_on() {
            return Ok(None);
        }
        let desk = desk_rooms::get(&self.pool).await?;
        Ok(desk.filter(|desk| desk.room_id == room_id))
    }

    /// Takes up what was set aside first; `false` when it has to wait.
    pub(in crate::matrix) async fn retry_at_desk(
        &self,
        desk: &DeskRoom,
        row: &Row,
    ) -> Result<bool, Failure> {
        let events = match &row.gap_from {
            Some(gap_from) => {
                let read = self.history(&desk.room_id, gap_from, row.gap_to.as_deref());
                match time::timeout(READING, read).await {
                    Ok(Ok(events)) => events,
                    Ok(Err(error)) => return self.put_off_at_desk(row, &error.to_string()).await,
                    Err(_) => return self.put_off_at_desk(row, "it takes too long").await,
                }
            }
            None => RoomEvent::from_json(row.event.as_deref().unwrap_or_default())
                .into_iter()
                .collect(),
        };
        let mut tx = self.pool.begin().await?;
        if !quarantine::lock(&mut tx, &[row.id]).await? {
            // Somebody else was faster.
            return Ok(false);
        }
        let mut refused = None;
        for event in &events {
            let reason = take_one(&mut tx, &self.rules.counter, desk, event).await?;
            refused = refused.or(reason);
        }
        match (refused, &row.gap_from) {
            // What was carried out is known, and not carried out again with the rest.
            (Some(reason), _) => {
                tx.commit().await?;
                return self.put_off_at_desk(row, &reason).await;
            }
            (None, Some(gap_from)) => quarantine::close_gap(&mut *tx, row.id, gap_from).await?,
            (None, None) => drop(quarantine::remove(&mut *tx, &[row.id]).await?),
        }
        tx.commit().await?;
        Ok(true)
    }

    async fn put_off_at_desk(&self, row: &Row, reason: &str) -> Result<bool, Failure> {
        let attempts = row.attempts + 1;
        if attempts < MAX_REFUSALS {
            let wait = wait_after(attempts);
            quarantine::put_off(&self.pool, row.id, attempts, wait, reason).await?;
            return Ok(false);
        }
        tracing::error!(
            id = row.id,
            reason,
            "what was asked for at the desk was given up"
        );
        quarantine::give_up(&self.pool, &[row.id], reason).await?;
        self.metrics.set_aside_given_up.inc();
        Ok(true)
    }
}
