//! Takes in the events of the desk's room. Each command has a savepoint of its own, so one that
//! Postgres refuses stops neither the other commands nor the sync.

use incoming::event::RoomEvent;

use super::CommandHandler;
use crate::{
    matrix::room_batch::{Obstacle, RoomBatch, Span, kept},
    storage::{
        Connection,
        desk::room::DeskRoom,
        quarantine::{self, News},
        savepoint,
    },
};

/// Takes in the events of one sync. Returns the reason if some of them were set aside.
pub(in crate::matrix) async fn take_in(
    db: &mut Connection,
    commands: &CommandHandler,
    desk: &DeskRoom,
    batch: &RoomBatch,
    span: Span<'_>,
) -> Result<Option<String>, sqlx::Error> {
    let events = batch
        .events
        .iter()
        .filter(|event| !commands.is_nothing(event));
    let mut refused = Vec::new();
    let mut obstacle = batch.obstacle.clone();
    for event in events {
        if batch.obstacle.is_some() {
            refused.push(event);
        } else if let Some(reason) = take_one(db, commands, desk, event).await? {
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

/// Carries out one command. Returns the reason if Postgres refuses it; its effects are then rolled
/// back.
pub(in crate::matrix) async fn take_one(
    db: &mut Connection,
    commands: &CommandHandler,
    desk: &DeskRoom,
    event: &RoomEvent,
) -> Result<Option<String>, sqlx::Error> {
    savepoint(db, "SAVEPOINT command").await?;
    match commands.take(db, desk, event).await {
        Ok(()) => {
            savepoint(db, "RELEASE SAVEPOINT command").await?;
            Ok(None)
        }
        // This fails if the connection itself is broken, and the sync is then repeated.
        Err(error) => {
            savepoint(db, "ROLLBACK TO SAVEPOINT command").await?;
            Ok(Some(error.to_string()))
        }
    }
}
