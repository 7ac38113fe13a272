//! `clock`: the newest time that was ever seen.
//!
//! Postgres' clock may be wrong for a while, and so may a server's. Nothing ends, and nothing is deleted, before it is
//! time by both; what is deleted must be old by this third clock too, which no wrong clock moves far.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

/// How far one run of the housekeeping may move it: further than the minute that has passed since the last one, so
/// that it catches up, by and by, after a time without a server.
const STEP: Duration = Duration::from_mins(10);

/// Moves it on towards `own`, the server's time, and Postgres' time: the earlier of both, or a step.
pub async fn advance(db: impl PgExecutor<'_>, own: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE clock SET newest =
             greatest(newest, least(clock_timestamp(), $1, newest + make_interval(secs => $2)))",
        own,
        STEP.as_secs_f64(),
    )
    .execute(db)
    .await?;
    Ok(())
}
