//! `ratings`: what visitors say of their conversations, and the event that tells each conversation's room of it.

use sqlx::PgExecutor;
use uuid::Uuid;

use super::Connection;
use crate::model::{Rated, Rating};

/// A conversation's rating, and how far its room knows it.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The rating.
    pub rated: Rated,
    /// The notice of the room that was asked about, when there is one.
    pub notice: Option<RatingNotice>,
}

/// The notice of a room.
#[derive(Clone, Debug)]
pub struct RatingNotice {
    /// The event that is edited.
    pub event_id: String,
    /// A digest of what it says now; `None` when that is not known.
    pub told: Option<Vec<u8>>,
}

/// What was changed by [`set`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing: it was the same before.
    None,
    /// Only the comment.
    Comment,
    /// The rating itself, or it is the first one.
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

/// The conversation's rating, if there is one, and what this room was told of it.
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

/// Stores the rating in the place of the one before. The desk's line is looked at again. The caller holds the session's
/// lock.
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

/// Whether a rating of the session can be told, and no queued task will tell it yet: such a task reads the rating when it
/// is sent. Until the transaction ends, none that is queued is claimed. The caller holds the session's lock.
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
    // A session without a room, and without one that is to be made, gets none for a rating.
    sqlx::query_scalar!(
        r#"SELECT room_id IS NOT NULL OR EXISTS (SELECT FROM outbox WHERE session_id = $1) AS "has_room!"
           FROM sessions WHERE id = $1"#,
        session_id,
    )
    .fetch_one(db)
    .await
}

/// Records what a room was told. The room's first event stays the one that is edited.
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
