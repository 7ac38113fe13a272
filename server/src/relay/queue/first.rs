//! Tasks that come before all that their session has queued.

use uuid::Uuid;

use super::{CHANNEL, Task};
use crate::storage::{Connection, sessions::CHANGES};

/// Queues tasks, in this order, before all that the session has queued. A message counts as undelivered again. The caller
/// holds the session's lock.
pub async fn push_first(
    db: &mut Connection,
    session_id: Uuid,
    tasks: &[Task],
) -> Result<(), sqlx::Error> {
    if tasks.is_empty() {
        return Ok(());
    }
    let columns: Vec<_> = tasks.iter().map(Task::columns).collect();
    let kinds: Vec<_> = columns.iter().map(|task| task.kind).collect();
    let messages: Vec<_> = columns.iter().map(|task| task.message_id).collect();
    let bodies: Vec<_> = columns.iter().map(|task| task.body).collect();
    let joins: Vec<_> = columns.iter().map(|task| task.join_event_id).collect();
    let joined: Vec<_> = columns.iter().map(|task| task.joined_user_id).collect();
    sqlx::query!(
        "WITH again AS (
             UPDATE messages SET delivery = 'pending' WHERE id = ANY($3)
         ), gone AS (
             -- Its event is sent again, and is another one then.
             DELETE FROM matrix_events WHERE message_id = ANY($3) AND sender IS NULL
         ), first AS (
             SELECT coalesce(min(position), nextval(pg_get_serial_sequence('outbox', 'position'))) AS position
             FROM outbox WHERE session_id = $1
         ), queued AS (
             INSERT INTO outbox (position, session_id, kind, message_id, body, join_event_id, joined_user_id)
                 OVERRIDING SYSTEM VALUE
             SELECT first.position - cardinality($2::text[]) + place - 1, $1,
                 kind, message_id, body, join_event_id, joined_user_id
             FROM first, unnest($2::text[], $3::uuid[], $4::text[], $5::text[], $6::text[])
                 WITH ORDINALITY task (kind, message_id, body, join_event_id, joined_user_id, place)
         )
         SELECT pg_notify($7, $1::text) AS changed, pg_notify($8, $1::text) AS queued",
        session_id,
        &kinds as &[&str],
        &messages as &[Option<Uuid>],
        &bodies as &[Option<&str>],
        &joins as &[Option<&str>],
        &joined as &[Option<&str>],
        CHANGES,
        CHANNEL,
    )
    .fetch_one(db)
    .await?;
    Ok(())
}
