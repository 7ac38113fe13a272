//! `matrix_events`: which events were sent or handled, and the entry that shows them now.

use std::collections::HashSet;

use sqlx::PgConnection;
use uuid::Uuid;

/// Records an event.
pub async fn insert(
    db: &mut PgConnection,
    event_id: &str,
    session_id: Uuid,
    sender: &str,
    message_id: Option<Uuid>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO matrix_events (event_id, session_id, sender, message_id)
         VALUES ($1, $2, $3, $4) ON CONFLICT (event_id) DO NOTHING",
        event_id,
        session_id,
        sender,
        message_id,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Those of the events that were recorded.
pub async fn known(
    db: &mut PgConnection,
    event_ids: &[String],
) -> Result<HashSet<String>, sqlx::Error> {
    let known = sqlx::query_scalar!(
        "SELECT event_id FROM matrix_events WHERE event_id = ANY($1)",
        event_ids,
    )
    .fetch_all(db)
    .await?;
    Ok(known.into_iter().collect())
}

/// The entry that shows a staff event's text now, and who sent the event; `None` when there is
/// nothing to change.
pub async fn shown_by(
    db: &mut PgConnection,
    event_id: &str,
    session_id: Uuid,
) -> Result<Option<(Uuid, Option<String>)>, sqlx::Error> {
    let row = sqlx::query!(
        "SELECT messages.id, matrix_events.sender
         FROM matrix_events JOIN messages ON messages.id = message_id
         WHERE event_id = $1 AND matrix_events.session_id = $2
           AND messages.sender = 'staff' AND NOT removed",
        event_id,
        session_id,
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| (row.id, row.sender)))
}

/// From now on the event's text is shown by another entry.
pub async fn point_to(
    db: &mut PgConnection,
    event_id: &str,
    message_id: Uuid,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE matrix_events SET message_id = $2 WHERE event_id = $1",
        event_id,
        message_id,
    )
    .execute(db)
    .await?;
    Ok(())
}
