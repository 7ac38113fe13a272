//! `ratings`: how visitors rate their conversations, and the notice in each conversation's room
//! that shows the rating.

use sqlx::PgExecutor;
use uuid::Uuid;

use super::Connection;
use crate::model::{Rated, Rating};

/// A conversation's rating, and the notice that shows it.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The rating.
    pub rated: Rated,
    /// The notice in the room that was asked for, if there is one.
    pub notice: Option<RatingNotice>,
}

/// The notice in a room that shows the rating.
#[derive(Clone, Debug)]
pub struct RatingNotice {
    /// Its event, which later ratings edit.
    pub event_id: String,
    /// A digest of what it shows; `None` if that is not known.
    pub told: Option<Vec<u8>>,
}

/// The effect of [`set`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The rating and its comment were the same before.
    None,
    /// Only the comment has changed.
    Comment,
    /// The rating has changed, or is the first one.
    Rating,
}

/// The conversation's rating, if there is one.
pub async fn find(
    db: impl PgExecutor<'_>,
    session_id: Uuid,
) -> Result<Option<Rating>, sqlx::Error> {
    let rating = sqlx::query_scalar!(
        "SELECT rating FROM ratings WHERE session_id = $1",
        session_id
    )
    .fetch_optional(db)
    .await?;
    Ok(rating.map(|rating| Rating::read(&rating)))
}

/// The conversation's rating, and the notice in this room that shows it.
pub async fn of_room(
    db: impl PgExecutor<'_>,
    session_id: Uuid,
    room_id: &str,
) -> Result<Option<Stored>, sqlx::Error> {
    let row = sqlx::query!(
        "SELECT rating, comment, told, CASE WHEN room_id = $2 THEN event_id END AS event_id
           FROM ratings WHERE session_id = $1",
        session_id,
        room_id,
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| Stored {
        rated: Rated {
            rating: Rating::read(&row.rating),
            comment: row.comment,
        },
        notice: row.event_id.map(|event_id| RatingNotice {
            event_id,
            told: row.told,
        }),
    }))
}

/// Stores a rating, which replaces the one before, and has the desk look at the line again. The
/// caller holds the session's lock.
pub async fn set(
    db: &mut Connection,
    session_id: Uuid,
    rated: &Rated,
) -> Result<Change, sqlx::Error> {
    let earlier = sqlx::query!(
        "SELECT rating, comment FROM ratings WHERE session_id = $1",
        session_id,
    )
    .fetch_optional(&mut *db)
    .await?;
    let change = match earlier {
        Some(earlier) if Rating::read(&earlier.rating) == rated.rating => {
            if earlier.comment == rated.comment {
                return Ok(Change::None);
            }
            Change::Comment
        }
        _ => Change::Rating,
    };
    sqlx::query!(
        "WITH line AS (
             -- A line whose conversation is over is not compared any more unless it is marked, and
             -- the rating has to appear in it.
             UPDATE desk_lines SET is_over = false WHERE session_id = $1
         )
         INSERT INTO ratings (session_id, rating, comment) VALUES ($1, $2, $3)
         ON CONFLICT (session_id) DO UPDATE SET rating = excluded.rating, comment = excluded.comment",
        session_id,
        rated.rating.as_str(),
        rated.comment,
    )
    .execute(db)
    .await?;
    Ok(change)
}

/// Whether a task has to be queued to show the rating. A task that is queued already will do, since
/// it reads the rating when it is sent; it stays unclaimed until the transaction ends. The caller
/// holds the session's lock.
pub async fn is_to_be_queued(db: &mut Connection, session_id: Uuid) -> Result<bool, sqlx::Error> {
    let queued = sqlx::query_scalar!(
        "SELECT id FROM outbox WHERE session_id = $1 AND kind = 'rating' AND attempts = 0 LIMIT 1 FOR UPDATE",
        session_id,
    )
    .fetch_optional(&mut *db)
    .await?;
    if queued.is_some() {
        return Ok(false);
    }
    // A rating alone does not create a room for a session that has none.
    sqlx::query_scalar!(
        r#"SELECT room_id IS NOT NULL OR EXISTS (SELECT FROM outbox WHERE session_id = $1) AS "has_room!"
           FROM sessions WHERE id = $1"#,
        session_id,
    )
    .fetch_one(db)
    .await
}

/// Records what the notice in a room shows. If the room has a notice, that event stays the one to
/// edit.
pub async fn record_told(
    db: impl PgExecutor<'_>,
    session_id: Uuid,
    room_id: &str,
    event_id: &str,
    told: Option<&[u8]>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE ratings SET room_id = $2, told = $4,
             event_id = CASE WHEN room_id = $2 THEN event_id ELSE $3 END
         WHERE session_id = $1",
        session_id,
        room_id,
        event_id,
        told,
    )
    .execute(db)
    .await?;
    Ok(())
}
