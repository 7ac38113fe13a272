//! Signals between the two sides that are no messages: read receipts and typing.

use std::time::Duration;

use sqlx::PgExecutor;
use uuid::Uuid;

use super::{presence::GONE_AFTER, sessions::CHANGES};

/// The prefix, before a conversation's id, with which the channel [`CHANGES`] announces that members of the staff are
/// typing. A server of a release that does not know it ignores the notification.
const TYPING: &str = "typing ";
/// The prefix that announces that nobody of them is typing any more.
const QUIET: &str = "quiet ";

/// A notification of [`CHANGES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A poll of the conversation has news.
    Conversation(Uuid),
    /// Whether members of the staff are typing in the conversation.
    StaffTyping(Uuid, bool),
}

impl Change {
    /// Parses a notification.
    #[must_use]
    pub fn read(payload: &str) -> Option<Self> {
        let typing = payload.strip_prefix(TYPING).map(|id| (id, true));
        let quiet = || payload.strip_prefix(QUIET).map(|id| (id, false));
        match typing.or_else(quiet) {
            Some((id, typing)) => Some(Self::StaffTyping(Uuid::parse_str(id).ok()?, typing)),
            None => Some(Self::Conversation(Uuid::parse_str(payload).ok()?)),
        }
    }
}

/// Tells all servers whether members of the staff are typing.
pub async fn tell_typing(
    db: impl PgExecutor<'_>,
    session_id: Uuid,
    typing: bool,
) -> Result<(), sqlx::Error> {
    let payload = format!("{}{session_id}", if typing { TYPING } else { QUIET });
    // The notification need not wait for the disk or a standby.
    sqlx::query!(
        "SELECT set_config('synchronous_commit', 'off', true) AS commit, pg_notify($1, $2) AS told",
        CHANGES,
        payload,
    )
    .fetch_one(db)
    .await?;
    Ok(())
}

/// Moves a conversation's mark on to the newest of these events that is a message of its visitor, and notifies all
/// servers. Returns those of the events that are such messages.
pub async fn read_up_to(
    db: impl PgExecutor<'_>,
    session_id: Uuid,
    event_ids: &[String],
) -> Result<Vec<String>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"WITH event AS (
             -- Those of the events that are messages of this visitor.
             SELECT event_id, seq FROM matrix_events JOIN messages ON messages.id = matrix_events.message_id
             WHERE event_id = ANY($2) AND matrix_events.session_id = $1 AND messages.sender = 'visitor'
         ), moved AS (
             -- The mark moves only forward.
             UPDATE sessions SET read_seq = newest.seq FROM (SELECT max(seq) AS seq FROM event) newest
             WHERE id = $1 AND newest.seq > coalesce(read_seq, 0)
             RETURNING id
         )
         -- Polls have news only if the mark has moved.
         SELECT event_id, (SELECT pg_notify($3, id::text)::text FROM moved) AS told FROM event"#,
        session_id,
        event_ids,
        CHANGES,
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| row.event_id).collect())
}

/// Whether the visitor has sent something that no member of the staff is known to have read.
pub async fn has_unread(db: impl PgExecutor<'_>, session_id: Uuid) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (
               SELECT FROM messages JOIN sessions ON sessions.id = messages.session_id
               WHERE session_id = $1 AND messages.sender = 'visitor' AND seq > coalesce(read_seq, 0)
           ) AS "unread!""#,
        session_id,
    )
    .fetch_one(db)
    .await
}

/// The rooms of open conversations whose visitors are there, those with the latest message first.
pub async fn rooms_with_visitors(
    db: impl PgExecutor<'_>,
    ttl: Duration,
    limit: i64,
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT room_id AS "room_id!" FROM sessions
           WHERE closed_at IS NULL AND NOT emptied AND room_id IS NOT NULL
             AND active_at > now() - make_interval(secs => $1)
             AND seen_at > now() - make_interval(secs => $2)
           ORDER BY active_at DESC LIMIT $3"#,
        ttl.as_secs_f64(),
        GONE_AFTER.as_secs_f64(),
        limit,
    )
    .fetch_all(db)
    .await
}

/// The room of a conversation that has not ended.
pub async fn room_of(
    db: impl PgExecutor<'_>,
    session_id: Uuid,
) -> Result<Option<String>, sqlx::Error> {
    let room = sqlx::query_scalar!(
        "SELECT room_id FROM sessions WHERE id = $1 AND closed_at IS NULL",
        session_id,
    )
    .fetch_optional(db)
    .await?;
    Ok(room.flatten())
}

/// The newest event of the staff whose text is this entry or comes before it.
#[derive(Debug, PartialEq, Eq)]
pub struct Fetched {
    /// Its room.
    pub room_id: String,
    /// The event.
    pub event_id: String,
}

/// The newest event of the staff that a visitor has fetched who asks for what comes after `cursor`.
pub async fn fetched(
    db: impl PgExecutor<'_>,
    session_id: Uuid,
    cursor: Uuid,
) -> Result<Option<Fetched>, sqlx::Error> {
    sqlx::query_as!(
        Fetched,
        r#"SELECT sessions.room_id AS "room_id!", event.event_id
           FROM messages last JOIN sessions ON sessions.id = last.session_id
               JOIN LATERAL (
                   SELECT event_id FROM messages JOIN matrix_events ON matrix_events.message_id = messages.id
                   WHERE messages.session_id = $1 AND messages.sender = 'staff' AND messages.seq <= last.seq
                   ORDER BY messages.seq DESC LIMIT 1
               ) event ON true
           WHERE last.id = $2 AND last.session_id = $1 AND room_id IS NOT NULL AND closed_at IS NULL"#,
        session_id,
        cursor,
    )
    .fetch_optional(db)
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_read_and_nothing_else() {
        let id = Uuid::from_u128(7);
        let read = |text: String| Change::read(&text);
        assert_eq!(read(id.to_string()), Some(Change::Conversation(id)));
        let typing = Change::StaffTyping(id, true);
        assert_eq!(read(format!("{TYPING}{id}")), Some(typing));
        let quiet = Change::StaffTyping(id, false);
        assert_eq!(read(format!("{QUIET}{id}")), Some(quiet));
        for other in ["", "typing", "typing x", "later 1"] {
            assert_eq!(Change::read(other), None, "{other}");
        }
    }
}
