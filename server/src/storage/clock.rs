//! `clock`: the newest time that any server has seen.
//!
//! Postgres' clock may be wrong for a while, and so may a server's. Nothing ends and nothing is deleted before it is
//! due by both clocks. What is deleted must also be old by this third clock, which a wrong clock can move only a
//! little.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

/// How far one run of the housekeeping may move the clock. It is more than the minute between two runs, so that the
/// clock catches up after a time without servers.
const STEP: Duration = Duration::from_mins(10);

/// Moves the clock on, by one step at most, to the earlier of `own`, the server's time, and Postgres' time.
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
