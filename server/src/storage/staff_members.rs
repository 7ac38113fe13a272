//! `staff_members`: the members of the staff in each conversation's room, and those who are still to be invited.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::Connection;

/// Another server may repeat an invitation that is not recorded for this long.
pub(crate) const LEASE: Duration = Duration::from_secs(30);
/// The longest wait before somebody is invited again.
pub const LONGEST_DELAY: Duration = Duration::from_hours(1);
/// How much further ahead than any delay a time may lie before it counts as set by a wrong clock.
const CLOCK_MARGIN: Duration = Duration::from_secs(10);
/// No right clock sets `due_at` further ahead.
pub(crate) const LATEST_DUE: Duration = LONGEST_DELAY.saturating_add(CLOCK_MARGIN);
/// No right clock sets `leased_until` further ahead.
pub(crate) const LATEST_LEASE: Duration = LEASE.saturating_add(CLOCK_MARGIN);

/// A person's membership of a conversation's room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Membership {
    /// Still to be invited.
    Wanted,
    /// Invited.
    Invited,
    /// In the room.
    Joined,
    /// They have declined or left, or were removed.
    Left,
}

impl Membership {
    /// The membership with this name in Matrix; `None` for names that mean nothing here.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "invite" => Some(Self::Invited),
            "join" => Some(Self::Joined),
            "leave" | "ban" => Some(Self::Left),
            _ => None,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Wanted => "wanted",
            Self::Invited => "invited",
            Self::Joined => "joined",
            Self::Left => "left",
        }
    }
}

/// Records the people who belong in a new room. For a while only the caller invites those who are still to be invited.
pub async fn begin(
    db: impl PgExecutor<'_>,
    session_id: Uuid,
    members: &[(&str, Membership)],
) -> Result<(), sqlx::Error> {
    let ids: Vec<_> = members.iter().map(|(id, _)| *id).collect();
    let memberships: Vec<_> = members.iter().map(|(_, is)| is.as_str()).collect();
    sqlx::query!(
        "INSERT INTO staff_members (session_id, user_id, membership, leased_until)
         SELECT $1, user_id, membership, now() + make_interval(secs => $4)
         FROM unnest($2::text[], $3::text[]) member (user_id, membership)
         ON CONFLICT (session_id, user_id) DO UPDATE
             SET membership = excluded.membership, leased_until = excluded.leased_until",
        session_id,
        &ids as &[&str],
        &memberships as &[&str],
        LEASE.as_secs_f64(),
    )
    .execute(db)
    .await?;
    Ok(())
}

/// A person who is to be invited, or removed.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The conversation.
    pub session_id: Uuid,
    /// Its room.
    pub room_id: String,
    /// The person.
    pub user_id: String,
    /// The number of attempts that failed.
    pub attempts: i32,
}

/// A statement that claims the people for whom `$condition` is true, as [`Wanted`]. It is a macro and not a function
/// with a parameter, because Postgres plans a statement once, and uses a different index for each condition.
macro_rules! claim_people {
    ($condition:literal, $($argument:expr),* $(,)?) => {
        sqlx::query_as!(
            Wanted,
            r#"WITH due AS MATERIALIZED (
             SELECT session_id, user_id, room_id
             FROM staff_members member JOIN sessions ON sessions.id = session_id
             WHERE "# + $condition + r#"
               -- Neither waiting for another attempt nor claimed by another server.
               AND is_claimable(due_at, delayed_at, leased_until,
                                make_interval(secs => $3), make_interval(secs => $4))
               -- Whoever makes a room invites the staff to it.
               AND room_id IS NOT NULL
             -- Servers that look at the same moment share the rows, and none waits for another.
             ORDER BY due_at LIMIT $1 FOR UPDATE OF member SKIP LOCKED
         )
         -- A lease and no lock: nothing is held while the homeserver is asked.
         UPDATE staff_members SET leased_until = now() + make_interval(secs => $2)
         FROM due
         WHERE staff_members.session_id = due.session_id AND staff_members.user_id = due.user_id
         RETURNING staff_members.session_id, room_id AS "room_id!", staff_members.user_id, attempts"#,
            $($argument),*
        )
    };
}

/// Claims up to `limit` of these people who are still to be invited.
pub async fn claim(
    db: impl PgExecutor<'_>,
    people: &[&str],
    session_ttl: Duration,
    limit: i64,
) -> Result<Vec<Wanted>, sqlx::Error> {
    claim_people!(
        "membership = 'wanted' AND user_id = ANY($7)
               AND needs_staff(session_id, closed_at, active_at, make_interval(secs => $5), $6)",
        limit,
        LEASE.as_secs_f64(),
        LATEST_DUE.as_secs_f64(),
        LATEST_LEASE.as_secs_f64(),
        session_ttl.as_secs_f64(),
        Utc::now(),
        people as &[&str],
    )
    .fetch_all(db)
    .await
}

/// Claims up to `limit` people who are to be removed from open conversations.
pub async fn claim_unwanted(
    db: impl PgExecutor<'_>,
    session_ttl: Duration,
    limit: i64,
) -> Result<Vec<Wanted>, sqlx::Error> {
    claim_people!(
        "unwanted AND membership IN ('invited', 'joined')
               AND closed_at IS NULL AND active_at > least(now(), $6) - make_interval(secs => $5)",
        limit,
        LEASE.as_secs_f64(),
        LATEST_DUE.as_secs_f64(),
        LATEST_LEASE.as_secs_f64(),
        session_ttl.as_secs_f64(),
        Utc::now(),
    )
    .fetch_all(db)
    .await
}

/// Records the result of an invitation. A later membership from the sync takes precedence.
pub async fn record(
    db: impl PgExecutor<'_>,
    session_id: Uuid,
    user_id: &str,
    membership: Membership,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE staff_members SET membership = $3, leased_until = NULL, attempts = 0, last_error = NULL
         WHERE session_id = $1 AND user_id = $2 AND membership = 'wanted'",
        session_id,
        user_id,
        membership.as_str(),
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Records that an invitation or a removal has failed, and when the next attempt is due.
pub async fn postpone(
    db: impl PgExecutor<'_>,
    wanted: &Wanted,
    errcode: &str,
    delay: Duration,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE staff_members SET attempts = attempts + 1, last_error = $3, leased_until = NULL,
             due_at = now() + make_interval(secs => $4), delayed_at = now()
         WHERE session_id = $1 AND user_id = $2 AND (membership = 'wanted' OR unwanted)",
        wanted.session_id,
        wanted.user_id,
        errcode,
        delay.as_secs_f64(),
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Forgets people who were to be invited, if their conversations need nobody any more or they are no longer on the
/// staff.
pub async fn forget_needless(
    db: impl PgExecutor<'_>,
    people: &[&str],
    session_ttl: Duration,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "DELETE FROM staff_members USING sessions
         WHERE membership = 'wanted' AND sessions.id = session_id AND (
             NOT needs_staff(session_id, closed_at, active_at, make_interval(secs => $1), $3)
             OR user_id <> ALL($2)
         )",
        session_ttl.as_secs_f64(),
        people as &[&str],
        Utc::now(),
    )
    .execute(db)
    .await?;
    Ok(())
}

/// A membership that the sync brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed<'a> {
    /// The conversation.
    pub session_id: Uuid,
    /// The person.
    pub user_id: &'a str,
    /// What it is now.
    pub membership: Membership,
    /// Since when, by the homeserver's clock.
    pub since: Option<DateTime<Utc>>,
    /// A text of the visitor's follows it in the room.
    pub visitor_wrote_later: bool,
}

/// Records memberships; the last one of each person and conversation counts. People whom the bot has not invited are
/// ignored. If nobody is left in a room, and the visitor has written since, everybody is wanted again: when the visitor
/// wrote, the last member of the staff still seemed to be there.
pub async fn observe(db: &mut Connection, observed: &[Observed<'_>]) -> Result<(), sqlx::Error> {
    if observed.is_empty() {
        return Ok(());
    }
    let left: Vec<_> = observed
        .iter()
        .filter(|of| of.membership == Membership::Left)
        .collect();
    let gone: Vec<_> = left.iter().map(|of| of.session_id).collect();
    if !gone.is_empty() {
        // Whoever stores a message holds this lock, too: a message is either seen below or finds that nobody is there.
        sqlx::query!(
            r#"SELECT id FROM sessions WHERE id = ANY($1) ORDER BY id FOR UPDATE"#,
            &gone,
        )
        .fetch_all(&mut *db)
        .await?;
    }
    let sessions: Vec<_> = observed.iter().map(|of| of.session_id).collect();
    let people: Vec<_> = observed.iter().map(|of| of.user_id).collect();
    let memberships: Vec<_> = observed.iter().map(|of| of.membership.as_str()).collect();
    sqlx::query!(
        // A membership from the sync is newer than any attempt to invite, so its claim and its
        // error are cleared.
        "UPDATE staff_members SET membership = seen.membership, leased_until = NULL, last_error = NULL
         FROM (
             -- The last membership of each person in each conversation.
             SELECT DISTINCT ON (session_id, user_id) * FROM unnest($1::uuid[], $2::text[], $3::text[])
                 WITH ORDINALITY seen (session_id, user_id, membership, n)
             ORDER BY session_id, user_id, n DESC
         ) seen
         WHERE staff_members.session_id = seen.session_id AND staff_members.user_id = seen.user_id
           AND staff_members.membership <> seen.membership",
        &sessions,
        &people as &[&str],
        &memberships as &[&str],
    )
    .execute(&mut *db)
    .await?;
    if gone.is_empty() {
        return Ok(());
    }
    let times: Vec<_> = left.iter().map(|of| of.since).collect();
    let wrote_later: Vec<_> = left.iter().map(|of| of.visitor_wrote_later).collect();
    // The room's own order counts first. What is still to be sent comes later, too. What was sent meanwhile is told by the
    // clocks alone, which may differ. A homeserver's clock that is ahead cannot tell, so the last minute counts.
    sqlx::query!(
        "UPDATE staff_members SET membership = 'wanted', attempts = 0, due_at = now(), delayed_at = now(),
             wanted_again_at = now()
         FROM (
             -- `missed`: open conversations that somebody has left, in which the visitor wrote
             -- afterwards ...
             SELECT DISTINCT gone.session_id
             FROM unnest($1::uuid[], $2::timestamptz[], $3::bool[]) gone (session_id, since, wrote_later)
                 JOIN sessions ON sessions.id = gone.session_id AND closed_at IS NULL
             WHERE (
                 wrote_later
                 -- ... or has written something that the room will get later ...
                 OR EXISTS (SELECT FROM outbox WHERE session_id = gone.session_id AND kind = 'message')
                 -- ... or wrote after the person left, by the clocks ...
                 OR EXISTS (
                     SELECT FROM messages
                     WHERE session_id = gone.session_id AND sender = 'visitor'
                       AND messages.created_at > CASE WHEN gone.since > now() + interval '5 seconds'
                                                      THEN now() - interval '1 minute' ELSE gone.since END
                 )
             -- ... and in which no member of the staff is left.
             ) AND NOT EXISTS (
                 SELECT FROM staff_members
                 WHERE session_id = gone.session_id AND membership IN ('joined', 'invited')
             )
         ) missed
         WHERE staff_members.session_id = missed.session_id AND membership = 'left'",
        &gone,
        &times as &[Option<DateTime<Utc>>],
        &wrote_later,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The number of people who are missing.
#[derive(Clone, Copy, Debug)]
pub struct Missing {
    /// Invitations that have yet to succeed.
    pub invitations: i64,
    /// Conversations whose rooms have no member of the staff, not even an invited one.
    pub conversations: i64,
}

/// Counts the people who are missing in conversations that need staff.
pub async fn missing(
    db: impl PgExecutor<'_>,
    session_ttl: Duration,
) -> Result<Missing, sqlx::Error> {
    sqlx::query_as!(
        Missing,
        r#"SELECT coalesce(sum(wanted), 0)::bigint AS "invitations!",
               count(*) FILTER (WHERE present = 0) AS "conversations!"
           FROM (
               -- The numbers of each conversation that needs staff.
               SELECT count(*) FILTER (WHERE membership = 'wanted') AS wanted,
                   count(*) FILTER (WHERE membership IN ('invited', 'joined')) AS present
               FROM sessions JOIN staff_members ON staff_members.session_id = sessions.id
               WHERE NOT emptied AND needs_staff(sessions.id, closed_at, active_at, make_interval(secs => $1), $2)
               GROUP BY sessions.id
           ) conversation"#,
        session_ttl.as_secs_f64(),
        Utc::now(),
    )
    .fetch_one(db)
    .await
}

/// The people whose last invitation the homeserver refused, and its errcode.
pub async fn refused(db: impl PgExecutor<'_>) -> Result<Vec<(String, String)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT DISTINCT ON (user_id) user_id, last_error AS "last_error!" FROM staff_members
           WHERE membership = 'wanted' AND last_error IS NOT NULL ORDER BY user_id, delayed_at DESC"#
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.user_id, row.last_error))
        .collect())
}
