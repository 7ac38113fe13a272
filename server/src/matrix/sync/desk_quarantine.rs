//! Tries again what was set aside of the desk's room, in its order. A command that Postgres refuses is given up alone.

use incoming::event::RoomEvent;
use tokio::time;

use super::{
    Failure, Syncer,
    quarantine::{MAX_REFUSALS, READING, wait_after},
};
use crate::{
    matrix::desk::take_one,
    storage::{
        desk::room::{self as desk_rooms, DeskRoom},
        quarantine::{self, Row},
    },
};

impl Syncer {
    /// The desk, if this is its room.
    pub(super) async fn desk_in(&self, room_id: &str) -> Result<Option<DeskRoom>, sqlx::Error> {
        if !self.desk.is_on() {
            return Ok(None);
        }
        let desk = desk_rooms::get(&self.pool).await?;
        Ok(desk.filter(|desk| desk.room_id == room_id))
    }

    /// Tries the first row again; `false` when it has to wait.
    pub(super) async fn retry_at_desk(&self, desk: &DeskRoom, row: &Row) -> Result<bool, Failure> {
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
            // Another server was faster.
            return Ok(false);
        }
        let mut refused = None;
        for event in &events {
            let reason = take_one(&mut tx, &self.rules.commands, desk, event).await?;
            refused = refused.or(reason);
        }
        match (refused, &row.gap_from) {
            // Events that were handled are known, and are not handled again with the rest.
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
        tracing::error!(id = row.id, reason, "commands at the desk were given up");
        quarantine::give_up(&self.pool, &[row.id], reason).await?;
        self.metrics.set_aside_given_up.inc();
        Ok(true)
    }
}
