//! `session_starts`: how many conversations began in the last hour, on all servers together.
//!
//! Counting is one function of the database (migration 0006), called as a statement of its own: the lock
//! that orders the counts is held only while Postgres executes it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

/// The scopes in which new sessions are counted, from the narrowest to the widest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One client address (IPv6: a /64).
    Address,
    /// An IPv6 /56.
    NearNetwork,
    /// An IPv6 /48 or an IPv4 /24.
    WideNetwork,
    /// All addresses together.
    All,
}

impl Scope {
    /// The scopes in the order of [`Bounds`].
    pub const EACH: [Self; 4] = [
        Self::Address,
        Self::NearNetwork,
        Self::WideNetwork,
        Self::All,
    ];
}

/// A session that is about to begin. Addresses and networks are keyed hashes.
#[derive(Clone, Copy, Debug)]
pub struct Start<'a> {
    /// Identifies the request: repetitions count once.
    pub request: &'a [u8],
    /// The client's address.
    pub address: &'a [u8],
    /// Its /56; IPv6 only.
    pub near_network: Option<&'a [u8]>,
    /// Its /48; IPv4: its /24.
    pub wide_network: Option<&'a [u8]>,
}

/// The limits per hour, in the order of [`Scope::EACH`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// At this number, the next one is refused.
    pub refuse_at: [Option<i64>; 4],
    /// The numbers by which the pressure is measured, and so the point at which a proof of work is required.
    pub limits: [Option<i64>; 4],
}

/// A valid proof of work, which may have been used before.
#[derive(Clone, Copy, Debug)]
pub struct Proof<'a> {
    /// The challenge that was solved.
    pub challenge: &'a [u8],
    /// When it expires.
    pub expires_at: DateTime<Utc>,
    /// The pressure from which on it is too little work.
    pub good_below: f64,
}

/// The decision about a new session.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    /// It was counted.
    Counted {
        /// Whether the proof was needed, and so is used up.
        by_proof: bool,
    },
    /// There are too many sessions.
    Refused {
        /// The scope of the limit.
        by: Scope,
        /// How long until one more is allowed; at most an hour.
        wait: Duration,
    },
    /// A proof is needed, and there was no valid one.
    ProofRequired {
        /// The number of sessions, as a multiple of the nearest limit.
        pressure: f64,
    },
}

/// Counts one more session, or returns why it is refused. A repetition has the same result as the first attempt.
pub async fn count(
    db: impl PgExecutor<'_>,
    start: Start<'_>,
    bounds: Bounds,
    proof_from: f64,
    proof: Option<Proof<'_>>,
) -> Result<Outcome, sqlx::Error> {
    let counted = sqlx::query!(
        r#"SELECT outcome AS "outcome!", refused_by, wait_seconds, pressure
           FROM count_session_start($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"#,
        start.request,
        start.address,
        start.near_network,
        start.wide_network,
        &bounds.refuse_at as &[Option<i64>],
        &bounds.limits as &[Option<i64>],
        proof_from,
        proof.map(|proof| proof.challenge),
        proof.map(|proof| proof.expires_at),
        proof.map(|proof| proof.good_below),
        Utc::now(),
    )
    .fetch_one(db)
    .await?;
    let pressure = counted.pressure.unwrap_or_default();
    Ok(match counted.outcome.as_str() {
        "refused" => Outcome::Refused {
            by: counted
                .refused_by
                .and_then(|place| usize::try_from(place).ok()?.checked_sub(1))
                .and_then(|index| Scope::EACH.get(index).copied())
                .unwrap_or(Scope::All),
            wait: Duration::from_secs_f64(counted.wait_seconds.unwrap_or_default().max(0.0)),
        },
        "proof_required" => Outcome::ProofRequired { pressure },
        _ => Outcome::Counted {
            by_proof: pressure >= proof_from,
        },
    })
}

/// Records that an attempt has failed after it was counted. With the last attempt the count is taken back; a proof
/// remains used.
pub async fn take_back(db: impl PgExecutor<'_>, start: Start<'_>) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"SELECT take_back_session_start($1, $2) AS "done!: ()""#,
        start.request,
        start.address,
    )
    .fetch_one(db)
    .await?;
    Ok(())
}
