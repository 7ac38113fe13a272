//! The data for polls: `messages`, with columns of `sessions` and `outbox`.

use std::time::Duration;

use chrono::Utc;
use sqlx::PgExecutor;
use uuid::Uuid;

use super::{
    messages::Row,
    sessions::{Columns, Session},
};
use crate::model::{Entry, Marks};

/// A poll.
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    /// The conversation.
    pub session_id: Uuid,
    /// The cursor: the last message that the client has.
    pub after: Option<Uuid>,
}

/// The largest answer to a poll.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Entries.
    pub entries: i64,
    /// Bytes. The entry that reaches this number is still read.
    pub bytes: i64,
    /// The bytes that each entry counts for besides its text.
    pub entry_bytes: i64,
}

/// The data for the answer to a poll, at one instant.
#[derive(Debug)]
pub struct Poll {
    /// The conversation.
    pub session: Session,
    /// How far the visitor's messages have been delivered and read.
    pub marks: Marks,
    /// Whether the cursor is a message of the session.
    pub knows_cursor: bool,
    /// The entries after the cursor, oldest first, up to the limits.
    pub entries: Vec<Entry>,
    /// Whether there are more entries after the last one.
    pub more: bool,
}

/// Reads the data for several polls in one statement, in the order of the polls; `None` where there is no such session.
pub async fn poll(
    db: impl PgExecutor<'_>,
    asks: &[Ask],
    session_ttl: Duration,
    limits: Limits,
) -> Result<Vec<Option<Poll>>, sqlx::Error> {
    let session_ids: Vec<_> = asks.iter().map(|ask| ask.session_id).collect();
    let cursors: Vec<_> = asks.iter().map(|ask| ask.after).collect();
    // A session without messages after the cursor is one row too. No seq is greater than NULL. Postgres counts
    // the bytes of a text without reading it.
    let rows = sqlx::query!(
        r#"SELECT ask.n AS "n!", session.closed_at,
               extract(epoch FROM session.active_at - least(now(), $7))::float8 + $3 AS "seconds_left!",
               ARRAY(SELECT token_hash FROM session_tokens WHERE session_id = session.id)
                   AS "token_hashes!",
               (ask.after IS NULL OR seen.id IS NOT NULL) AS "knows_cursor!",
               delivered.id AS "delivered?", read.id AS "read?",
               message.id AS "id?", message.sender AS "sender?", message.body AS "body?",
               message.created_at AS "created_at?", message.delivery AS "delivery?",
               message.replaces AS "replaces?", message.removed AS "removed?",
               coalesce(message.available > message.place, false) AS "more!"
           FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY ask (session_id, after, n)
           JOIN sessions session ON session.id = ask.session_id
           LEFT JOIN messages seen ON seen.id = ask.after AND seen.session_id = session.id
           -- `read`: the visitor's last message that staff have read.
           LEFT JOIN messages read ON read.session_id = session.id AND read.seq = session.read_seq
           -- `delivered`: the visitor's last message before the first one that has failed or is
           -- still queued. If there is neither, that is the session's last message.
           LEFT JOIN LATERAL (
               SELECT id FROM messages
               WHERE session_id = session.id AND sender = 'visitor' AND seq < coalesce(least(
                   session.failed_seq,
                   (SELECT min(queued.seq) FROM outbox JOIN messages queued ON queued.id = outbox.message_id
                    WHERE outbox.session_id = session.id)
               ), session.last_seq + 1)
               ORDER BY seq DESC LIMIT 1
           ) delivered ON true
           -- `message`: the entries after the cursor. One entry more than the limit is read, to
           -- tell whether more follow.
           LEFT JOIN LATERAL (
               SELECT * FROM (
                   SELECT page.*, count(*) OVER () AS available,
                       row_number() OVER (ORDER BY seq) AS place,
                       -- The size of the entries before this one. The first entry is always
                       -- selected, whatever its size.
                       sum(octet_length(body) + $6::int8) OVER (
                           ORDER BY seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
                       ) AS bytes_before
                   FROM (
                       SELECT * FROM messages
                       WHERE session_id = session.id
                         -- After an unknown cursor, `seen.seq` is NULL and no entry is selected.
                         AND seq > CASE WHEN ask.after IS NULL THEN 0 ELSE seen.seq END
                       ORDER BY seq LIMIT $4::int8 + 1
                   ) page
               ) counted
               WHERE place <= $4 AND coalesce(bytes_before, 0) < $5::int8
           ) message ON true
           ORDER BY ask.n, message.seq"#,
        &session_ids,
        &cursors as &[Option<Uuid>],
        session_ttl.as_secs_f64(),
        limits.entries,
        limits.bytes,
        limits.entry_bytes,
        Utc::now(),
    )
    .fetch_all(db)
    .await?;
    let mut polls: Vec<Option<Poll>> = asks.iter().map(|_| None).collect();
    for row in rows {
        // Ordinality counts from one.
        let index = usize::try_from(row.n).unwrap_or_default().wrapping_sub(1);
        let Some(poll) = polls.get_mut(index) else {
            continue;
        };
        let poll = poll.get_or_insert_with(|| Poll {
            session: Session::from(Columns {
                closed_at: row.closed_at,
                seconds_left: row.seconds_left,
                token_hashes: row.token_hashes,
            }),
            marks: Marks {
                delivered: row.delivered,
                seen: row.read,
            },
            knows_cursor: row.knows_cursor,
            entries: Vec::new(),
            more: false,
        });
        if let (Some(id), Some(sender), Some(body), Some(created_at), Some(removed)) =
            (row.id, row.sender, row.body, row.created_at, row.removed)
        {
            poll.entries.push(Entry::from(Row {
                id,
                sender,
                body,
                created_at,
                delivery: row.delivery,
                replaces: row.replaces,
                removed,
            }));
            poll.more = row.more;
        }
    }
    Ok(polls)
}
