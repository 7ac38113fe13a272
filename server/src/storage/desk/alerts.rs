//! `desk_alerts`: the faults that staff have to know about, and which of them they were told.

use std::time::Duration;

use chrono::Utc;
use sqlx::PgExecutor;

use crate::storage::Connection;

/// A fault that was absent for this long is reported again when it returns.
const FORGOTTEN_AFTER: Duration = Duration::from_hours(1);
/// A visitor's message that waits longer than this is reported.
const LATE: Duration = Duration::from_mins(2);

/// Errors that a homeserver also returns when it is merely overloaded.
const PASSING: [&str; 5] = [
    "timeout",
    "unreachable",
    "other",
    "M_LIMIT_EXCEEDED",
    "M_UNKNOWN",
];
/// The number of failed invitations after which staff are told, for these errors and for others.
const PASSING_ATTEMPTS: i32 = 5;
const ATTEMPTS: i32 = 2;

/// Whether an invitation that has failed this often, last with this error, will probably not
/// succeed without help.
#[must_use]
pub fn is_lasting(attempts: i32, errcode: &str) -> bool {
    let needed = if PASSING.contains(&errcode) {
        PASSING_ATTEMPTS
    } else {
        ATTEMPTS
    };
    attempts >= needed
}

/// The number of failed attempts to send a mail after which staff are told.
const MAIL_ATTEMPTS: i32 = 3;

/// How long a conversation is reported after all its staff had to be invited again.
const ALONE: Duration = Duration::from_mins(10);

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A member of the staff cannot be invited to conversations.
    Invitation,
    /// No member of the staff is in a conversation's room although the visitor writes: all of them
    /// had to be invited again, or could not be invited at all.
    Nobody,
    /// A visitor's message has not reached the room for some time, or never will.
    Delivery,
    /// Messages of staff cannot be stored, so the visitor does not get them.
    Quarantine,
    /// Replies cannot be mailed to a visitor who has left.
    Mail,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 5] = [
        Self::Invitation,
        Self::Nobody,
        Self::Delivery,
        Self::Quarantine,
        Self::Mail,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Invitation => "invitation",
            Self::Nobody => "nobody",
            Self::Delivery => "delivery",
            Self::Quarantine => "quarantine",
            Self::Mail => "mail",
        }
    }
}

/// The subjects that have this fault now: user ids for [`Kind::Invitation`], and the codes of
/// conversations for the others.
pub async fn current(
    db: impl PgExecutor<'_>,
    kind: Kind,
    session_ttl: Duration,
) -> Result<Vec<String>, sqlx::Error> {
    let ttl = session_ttl.as_secs_f64();
    match kind {
        // Errors of an overloaded homeserver are not reported at once.
        Kind::Invitation => {
            sqlx::query_scalar!(
                "SELECT DISTINCT user_id FROM staff_members JOIN sessions ON sessions.id = session_id
                 WHERE membership = 'wanted' AND last_error IS NOT NULL
                   -- Faults that often pass by themselves need more attempts.
                   AND attempts >= CASE WHEN last_error = ANY($3) THEN $4::int ELSE $5::int END
                   -- Only conversations that still need staff count.
                   AND needs_staff(session_id, closed_at, active_at, make_interval(secs => $1), $2)",
                ttl,
                Utc::now(),
                &PASSING as &[&str],
                PASSING_ATTEMPTS,
                ATTEMPTS,
            )
            .fetch_all(db)
            .await
        }
        Kind::Nobody => {
            sqlx::query_scalar!(
                r#"SELECT coalesce(code, '') AS "code!" FROM sessions
                   WHERE closed_at IS NULL AND NOT emptied AND room_id IS NOT NULL
                     AND active_at > now() - make_interval(secs => $1)
                     -- Nobody has joined, and either all have left and were invited again lately,
                     -- or nobody could be invited at all.
                     AND EXISTS (
                         SELECT FROM staff_members WHERE session_id = sessions.id
                         HAVING count(*) > 0 AND NOT bool_or(membership = 'joined') AND (
                             max(wanted_again_at) > now() - make_interval(secs => $2)
                             OR NOT bool_or(membership = 'invited') AND min(attempts) >= $3::int
                         )
                     )
                     -- The visitor wrote last.
                     AND (SELECT sender = 'visitor' FROM messages
                          WHERE session_id = sessions.id ORDER BY seq DESC LIMIT 1)"#,
                ttl,
                ALONE.as_secs_f64(),
                ATTEMPTS,
            )
            .fetch_all(db)
            .await
        }
        Kind::Delivery => {
            sqlx::query_scalar!(
                r#"SELECT coalesce(code, '') AS "code!" FROM sessions
                   WHERE id IN (
                       -- Messages that wait to be relayed.
                       SELECT messages.session_id FROM outbox JOIN messages ON messages.id = outbox.message_id
                       WHERE messages.created_at < now() - make_interval(secs => $1)
                       UNION
                       -- Messages that the homeserver has refused for good.
                       SELECT session_id FROM messages JOIN sessions ON sessions.id = session_id
                       WHERE active_at > now() - interval '1 hour' AND NOT emptied AND delivery = 'failed'
                   )"#,
                LATE.as_secs_f64(),
            )
            .fetch_all(db)
            .await
        }
        Kind::Quarantine => {
            sqlx::query_scalar!(
                r#"SELECT DISTINCT coalesce(code, '') AS "code!"
                   FROM quarantine LEFT JOIN sessions ON sessions.id = session_id
                   -- Most obstacles pass within seconds, so those are not reported.
                   WHERE given_up_at IS NULL AND set_aside_at < now() - interval '30 seconds'
                      OR given_up_at > now() - interval '1 hour'"#,
            )
            .fetch_all(db)
            .await
        }
        Kind::Mail => {
            sqlx::query_scalar!(
                r#"SELECT coalesce(code, '') AS "code!" FROM sessions
                   WHERE id IN (
                       -- Mails that are still being tried ...
                       SELECT session_id FROM mails WHERE attempts >= $1::int
                       UNION
                       -- ... and addresses that the mail server has refused lately.
                       SELECT session_id FROM mail_addresses WHERE failed_at > now() - interval '1 hour'
                   )"#,
                MAIL_ATTEMPTS,
            )
            .fetch_all(db)
            .await
        }
    }
}

/// Records the subjects that have this fault now. Returns those that staff have yet to be told
/// about, unless an alert of this kind was posted within `pause`.
pub async fn news(
    db: &mut Connection,
    kind: Kind,
    subjects: &[String],
    pause: Duration,
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query!(
        // A time in the future was set by a wrong clock, so it is deleted as well.
        "DELETE FROM desk_alerts
         WHERE kind = $1 AND (seen_at < now() - make_interval(secs => $2) OR seen_at > now() + interval '1 minute')",
        kind.as_str(),
        FORGOTTEN_AFTER.as_secs_f64(),
    )
    .execute(&mut *db)
    .await?;
    sqlx::query!(
        "UPDATE desk_alerts SET seen_at = now() WHERE kind = $1 AND subject = ANY($2)",
        kind.as_str(),
        subjects,
    )
    .execute(&mut *db)
    .await?;
    sqlx::query_scalar!(
        // Subjects that were reported before cause a conflict and are not returned. During the
        // pause nothing is inserted, so the next call reports it.
        "INSERT INTO desk_alerts (kind, subject)
         SELECT $1, subject FROM unnest($2::text[]) subject
         WHERE NOT EXISTS (SELECT FROM desk_alerts
                           WHERE kind = $1 AND told_at > now() - make_interval(secs => $3))
         ON CONFLICT DO NOTHING RETURNING subject",
        kind.as_str(),
        subjects,
        pause.as_secs_f64(),
    )
    .fetch_all(db)
    .await
}
