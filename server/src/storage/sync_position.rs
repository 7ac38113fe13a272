//! `sync_position`: how far `/sync` was read.

use std::collections::HashSet;

use sqlx::PgExecutor;

/// The position; `None` before the first sync.
pub async fn get(db: impl PgExecutor<'_>) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!("SELECT since FROM sync_position")
        .fetch_one(db)
        .await
}

/// What a sync has to know about earlier ones.
#[derive(Debug, Default)]
pub struct Before {
    /// Those of its events that were recorded before.
    pub events: HashSet<String>,
    /// Those of its rooms that have rows in quarantine that wait.
    pub waiting_rooms: HashSet<String>,
}

/// Moves the position on from `from` to `to`, and returns what was known before of the events and rooms of this sync;
/// `None` when another server has moved on already, so that this server's answer must be dropped. A sync without events
/// need not wait for the disk: if Postgres forgets it in a crash, the same empty answer comes again.
pub async fn advance(
    db: impl PgExecutor<'_>,
    from: Option<&str>,
    to: &str,
    event_ids: &[String],
    room_ids: &[String],
) -> Result<Option<Before>, sqlx::Error> {
    let moved = sqlx::query!(
        r#"UPDATE sync_position SET since = $2, synced_at = now()
         WHERE since IS NOT DISTINCT FROM $1
         RETURNING ARRAY(SELECT event_id FROM matrix_events WHERE event_id = ANY($3)) AS "known!",
             ARRAY(SELECT DISTINCT room_id FROM quarantine
                   WHERE room_id = ANY($4) AND given_up_at IS NULL) AS "waiting!",
             CASE WHEN cardinality($3::text[]) = 0 AND cardinality($4::text[]) = 0
                  THEN set_config('synchronous_commit', 'off', true) END AS commit"#,
        from,
        to,
        event_ids,
        room_ids,
    )
    .fetch_optional(db)
    .await?;
    Ok(moved.map(|moved| Before {
        events: moved.known.into_iter().collect(),
        waiting_rooms: moved.waiting.into_iter().collect(),
    }))
}

/// Seconds since a server last had an answer to `/sync`; `None` before the first one. An answer that lies in the future,
/// because Postgres' clock was set back since, counts as equally long ago: the next one says what is true.
pub async fn age_seconds(db: impl PgExecutor<'_>) -> Result<Option<f64>, sqlx::Error> {
    sqlx::query_scalar!(
        "SELECT abs(extract(epoch FROM now() - synced_at))::float8 FROM sync_position"
    )
    .fetch_one(db)
    .await
}
