//! `recoveries` and `recovery_rooms`: what `matrix-support-chat recover` has yet to do, and the changes that it makes
//! where a room and the database differ.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::{Connection, sessions::CHANGES};

/// The part that was restored from a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restored {
    /// The database.
    Postgres,
    /// The homeserver.
    Homeserver,
}

impl Restored {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Homeserver => "homeserver",
        }
    }
}

/// Has whatever is owed looked for in its room before it is sent: a second attempt looks for the first one's event.
pub async fn look_for_owed(db: impl PgExecutor<'_>) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "WITH desk AS (UPDATE desk_messages SET attempts = greatest(attempts, 1))
         UPDATE outbox SET attempts = greatest(attempts, 1), leased_until = NULL"
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Begins a recovery, or goes on with one that was interrupted. After a restore of the homeserver everything is read from
/// the beginning, since the position belongs to a history that is gone.
pub async fn begin(db: &mut Connection, restored: Restored) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "WITH begun AS (
             INSERT INTO recoveries (restored) VALUES ($1) ON CONFLICT DO NOTHING RETURNING restored
         )
         INSERT INTO recovery_rooms (restored, session_id)
         SELECT restored, id FROM begun, sessions WHERE room_id IS NOT NULL AND NOT emptied",
        restored.as_str(),
    )
    .execute(&mut *db)
    .await?;
    if restored == Restored::Homeserver {
        sqlx::query!("UPDATE sync_position SET since = NULL, synced_at = NULL")
            .execute(db)
            .await?;
    }
    Ok(())
}

/// A conversation whose room has yet to be compared with the database.
#[derive(Clone, Debug)]
pub struct Left {
    /// The conversation.
    pub session_id: Uuid,
    /// Its room.
    pub room_id: String,
}

/// Up to `limit` conversations that are left, in the order of their ids, behind this one.
pub async fn left(
    db: impl PgExecutor<'_>,
    restored: Restored,
    behind: Uuid,
    limit: i64,
) -> Result<Vec<Left>, sqlx::Error> {
    sqlx::query_as!(
        Left,
        r#"SELECT session_id, room_id AS "room_id!" FROM recovery_rooms JOIN sessions ON id = session_id
           WHERE restored = $1 AND room_id IS NOT NULL AND session_id > $2 ORDER BY session_id LIMIT $3"#,
        restored.as_str(),
        behind,
        limit,
    )
    .fetch_all(db)
    .await
}

/// Records that a conversation is as it has to be, in the transaction that has changed it.
pub async fn done(
    db: &mut Connection,
    restored: Restored,
    session_id: Uuid,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "DELETE FROM recovery_rooms WHERE restored = $1 AND session_id = $2",
        restored.as_str(),
        session_id,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Ends the recovery.
pub async fn end(db: impl PgExecutor<'_>, restored: Restored) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "DELETE FROM recoveries WHERE restored = $1",
        restored.as_str()
    )
    .execute(db)
    .await?;
    Ok(())
}

/// A visitor's message that a room is said to have.
#[derive(Clone, Debug)]
pub struct Delivered {
    /// The message.
    pub id: Uuid,
    /// Its place in the conversation.
    pub seq: i64,
    /// The event that it became; `None` when that is not known.
    pub event_id: Option<String>,
}

/// The visitor's messages that the database calls delivered, in their order.
pub async fn delivered(
    db: impl PgExecutor<'_>,
    session_id: Uuid,
) -> Result<Vec<Delivered>, sqlx::Error> {
    sqlx::query_as!(
        Delivered,
        r#"SELECT id, seq, event_id AS "event_id?" FROM messages
               LEFT JOIN matrix_events ON message_id = id AND matrix_events.sender IS NULL
           WHERE messages.session_id = $1 AND delivery = 'delivered' ORDER BY seq"#,
        session_id,
    )
    .fetch_all(db)
    .await
}

/// A text of staff that the visitor was shown.
#[derive(Clone, Debug)]
pub struct Shown {
    /// Its place in the conversation.
    pub seq: i64,
    /// Its event.
    pub event_id: String,
    /// Who wrote it.
    pub sender: Option<String>,
    /// The text.
    pub body: String,
}

/// The texts of staff behind this place in the conversation, in their order, without those that were told again.
pub async fn shown_after(
    db: impl PgExecutor<'_>,
    session_id: Uuid,
    seq: i64,
    limit: i64,
) -> Result<Vec<Shown>, sqlx::Error> {
    sqlx::query_as!(
        Shown,
        "SELECT seq, event_id, matrix_events.sender, body FROM messages
             JOIN matrix_events ON message_id = messages.id
         WHERE messages.session_id = $1 AND messages.sender = 'staff' AND NOT removed AND seq > $2
           AND retold_at IS NULL
         ORDER BY seq LIMIT $3",
        session_id,
        seq,
        limit,
    )
    .fetch_all(db)
    .await
}

/// Records that the conversation's room is told again of these events, which the homeserver has lost.
pub async fn set_retold(db: &mut Connection, event_ids: &[String]) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE matrix_events SET retold_at = now() WHERE event_id = ANY($1)",
        event_ids,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The events besides the messages that a conversation has on the homeserver.
#[derive(Clone, Debug, Default)]
pub struct Notices {
    /// Who the visitor is, in this room.
    pub details: Option<String>,
    /// How the visitor rates it, in this room.
    pub rating: Option<String>,
    /// The room of its line in the desk.
    pub line_room: Option<String>,
    /// That line.
    pub line: Option<String>,
}

/// The events besides the messages that the database knows of.
pub async fn notices(
    db: impl PgExecutor<'_>,
    session_id: Uuid,
    room_id: &str,
) -> Result<Notices, sqlx::Error> {
    sqlx::query_as!(
        Notices,
        "SELECT (SELECT event_id FROM details_notices WHERE session_id = $1 AND room_id = $2) AS details,
             (SELECT event_id FROM ratings WHERE session_id = $1 AND room_id = $2) AS rating,
             (SELECT room_id FROM desk_lines WHERE session_id = $1) AS line_room,
             (SELECT event_id FROM desk_lines WHERE session_id = $1) AS line",
        session_id,
        room_id,
    )
    .fetch_one(db)
    .await
}

/// Forgets events that are gone, so that they are sent again.
pub async fn forget(
    db: &mut Connection,
    session_id: Uuid,
    event_ids: &[String],
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "WITH rating AS (
             UPDATE ratings SET room_id = NULL, event_id = NULL, told = NULL
             WHERE session_id = $1 AND event_id = ANY($2)
         ), line AS (
             DELETE FROM desk_lines WHERE session_id = $1 AND event_id = ANY($2)
         )
         DELETE FROM details_notices WHERE session_id = $1 AND event_id = ANY($2)",
        session_id,
        event_ids,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The people whose membership of the conversation's room is known.
pub async fn people(db: impl PgExecutor<'_>, session_id: Uuid) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar!(
        "SELECT user_id FROM staff_members WHERE session_id = $1",
        session_id
    )
    .fetch_all(db)
    .await
}

/// The transactions of what the conversation has queued.
pub async fn owed(db: impl PgExecutor<'_>, session_id: Uuid) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar!("SELECT id FROM outbox WHERE session_id = $1", session_id)
        .fetch_all(db)
        .await
}

/// Stores a visitor's text that the room has and the database has lost. Its time is believed between that of the entry
/// before it and now. The caller holds the session's lock.
pub async fn restore_text(
    db: &mut Connection,
    session_id: Uuid,
    event_id: &str,
    body: &str,
    written_at: Option<DateTime<Utc>>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "WITH written AS (
             SELECT least(greatest($5, active_at), clock_timestamp()) AS at FROM sessions WHERE id = $2
         ), session AS (
             UPDATE sessions SET last_seq = last_seq + 1, active_at = greatest(active_at, written.at)
             FROM written WHERE id = $2 RETURNING last_seq
         ), message AS (
             INSERT INTO messages (id, session_id, seq, sender, body, created_at, delivery)
             SELECT $1, $2, last_seq, 'visitor', $4, date_trunc('milliseconds', written.at), 'delivered'
             FROM session, written RETURNING id
         ), event AS (
             INSERT INTO matrix_events (event_id, session_id, message_id) SELECT $3, $2, id FROM message
         )
         SELECT pg_notify($6, $2::text)",
        Uuid::new_v4(),
        session_id,
        event_id,
        body,
        written_at,
        CHANGES,
    )
    .fetch_one(db)
    .await?;
    Ok(())
}

/// Drops what the conversation has queued only now, and its room has since long: answers to these events, recaps for
/// these joins, and notices with these texts that came after `after`.
pub async fn drop_said(
    db: &mut Connection,
    session_id: Uuid,
    after: &[Uuid],
    answered: &[String],
    joins: &[String],
    notices: &[String],
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "DELETE FROM outbox
         WHERE session_id = $1 AND id <> ALL($2)
           AND (answers_event_id = ANY($3) OR join_event_id = ANY($4)
                OR kind = 'notice' AND answers_event_id IS NULL AND body = ANY($5))",
        session_id,
        after,
        answered,
        joins,
        notices,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// A conversation that the database knows.
#[derive(Clone, Debug)]
pub struct Known {
    /// Its room, if it has one.
    pub room_id: Option<String>,
}

/// Looks a conversation up.
pub async fn known(
    db: impl PgExecutor<'_>,
    session_id: Uuid,
) -> Result<Option<Known>, sqlx::Error> {
    sqlx::query_as!(
        Known,
        "SELECT room_id FROM sessions WHERE id = $1",
        session_id
    )
    .fetch_optional(db)
    .await
}

/// Gives a conversation the room that it had got since the backup, in place of the one that the database knows. Returns
/// whether the room is still to be completed by a task that is queued. The caller holds the session's lock.
pub async fn adopt_room(
    db: &mut Connection,
    session_id: Uuid,
    room_id: &str,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"WITH former AS (
             INSERT INTO former_rooms (room_id, session_id)
             SELECT room_id, id FROM sessions WHERE id = $1 AND room_id IS NOT NULL ON CONFLICT DO NOTHING
         ), staff AS (
             -- Who is in the lost room says nothing about this one.
             DELETE FROM staff_members WHERE session_id = $1
         )
         UPDATE sessions SET room_id = $2 WHERE id = $1
         RETURNING EXISTS (SELECT FROM outbox WHERE session_id = $1 AND kind = 'create_room') AS "queued!""#,
        session_id,
        room_id,
    )
    .fetch_one(db)
    .await
}

/// Has the line in the desk looked at again, whatever it shows.
pub async fn look_at_line(db: &mut Connection, session_id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE desk_lines SET is_over = false, shown = NULL WHERE session_id = $1",
        session_id,
    )
    .execute(db)
    .await?;
    Ok(())
}
