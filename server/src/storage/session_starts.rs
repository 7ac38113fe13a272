//! `session_starts`: how many conversations began in the last hour, on all servers together.

use std::time::Duration;

use super::Connection;
use crate::config::Limit;

/// The advisory lock that makes counting and adding one step; the number says nothing.
const LOCK: i64 = 0x7375_7070_6f72_7461;

/// Too many have begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TooMany {
    /// After this long one more will do.
    pub wait: Duration,
    /// Of all addresses together, and not only of this one.
    pub overall: bool,
}

/// Counts one more beginning; or, when that would be too many, says so.
pub async fn take(
    db: &mut Connection,
    address_digest: &[u8],
    per_address: Limit,
    overall: Limit,
) -> Result<Option<TooMany>, sqlx::Error> {
    if per_address.is_none() && overall.is_none() {
        return Ok(None);
    }
    sqlx::query!("SELECT pg_advisory_xact_lock($1)", LOCK)
        .fetch_one(&mut *db)
        .await?;
    sqlx::query!(
        "DELETE FROM session_starts WHERE started_at <= clock_timestamp() - interval '1 hour'"
    )
    .execute(&mut *db)
    .await?;
    let mut longest = None;
    for (limit, address) in [(per_address, Some(address_digest)), (overall, None)] {
        let Some(limit) = limit else { continue };
        // With the limit reached, the oldest that still counts has to turn an hour old first.
        let spared = i64::from(limit.get()) - 1;
        // Two statements: one for both would have one plan for both.
        let seconds = match address {
            Some(digest) => {
                sqlx::query_scalar!(
                    "SELECT extract(epoch FROM started_at + interval '1 hour' - clock_timestamp())::float8
                     FROM session_starts WHERE address_digest = $1
                     ORDER BY started_at DESC OFFSET $2 LIMIT 1",
                    digest,
                    spared,
                )
                .fetch_optional(&mut *db)
                .await?
            }
            None => {
                sqlx::query_scalar!(
                    "SELECT extract(epoch FROM started_at + interval '1 hour' - clock_timestamp())::float8
                     FROM session_starts ORDER BY started_at DESC OFFSET $1 LIMIT 1",
                    spared,
                )
                .fetch_optional(&mut *db)
                .await?
            }
        };
        let wait = seconds.flatten();
        longest = longest.max(wait.map(|seconds| TooMany {
            wait: Duration::from_secs_f64(seconds.max(0.0)),
            overall: address.is_none(),
        }));
    }
    if longest.is_some() {
        return Ok(longest);
    }
    sqlx::query!(
        "INSERT INTO session_starts (address_digest) VALUES ($1)",
        address_digest
    )
    .execute(db)
    .await?;
    Ok(None)
}
