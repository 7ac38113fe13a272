//! The queue: the tasks for the homeserver, one row of `outbox` for each.
//!
//! A task is queued ([`push`], [`push_message`]) in the transaction that it follows from. A server claims tasks
//! ([`claim`]), carries them out, and records how they ended ([`finish`]).
//!
//! Only the first row of a session can be claimed, and it is deleted when it has been sent. The server that ends it can
//! claim those behind it, and sends them one after the other. That keeps a session's order. A claim is a lease and not
//! a lock, so no lock is held across the network. It is short and is renewed while the send is under way, so that
//! another server soon takes over what a dead one left. A lease that has expired does no harm: the row's id is the
//! Matrix transaction, and the homeserver makes one event of it.

mod claim;
mod finish;
mod first;
mod lost_room;
pub mod operator;
mod push;
mod task;

use std::time::Duration;

use sqlx::PgExecutor;

use crate::storage::claimable::{CLOCK_MARGIN, LONGEST_DELAY};

pub use claim::{claim, give_back, renew, retry, set_room_asked, yield_turn};
pub use finish::{End, Finished, Outcome, finish};
pub use first::push_first;
pub use lost_room::{Replaced, begin_new_room, replace_room};
pub use push::{Pushed, push, push_if_idle, push_message, push_or_claim};
pub use task::{Claim, Lane, Task};

/// Another server may take over a claim that was not renewed for this long.
pub(super) const LEASE: Duration = Duration::from_secs(6);
/// How often a claim is to be renewed: a renewal may fail, and the next one still comes in time.
pub const RENEWAL: Duration = Duration::from_millis(1500);
/// No right clock sets `due_at` further ahead.
pub(super) const LATEST_DUE: Duration = LONGEST_DELAY.saturating_add(CLOCK_MARGIN);
/// No right clock sets `leased_until` further ahead.
pub(super) const LATEST_LEASE: Duration = LEASE.saturating_add(CLOCK_MARGIN);

/// The channel that says which session has something to send.
pub const CHANNEL: &str = "support_chat_outbox";

/// How many tasks wait, and for how long the oldest message has waited.
#[derive(Clone, Copy, Debug)]
pub struct Backlog {
    /// All tasks.
    pub tasks: i64,
    /// The age of the oldest visitor's message among them; 0 when there is none. A time that lies in the future, because
    /// Postgres' clock was set back since, counts as equally long ago.
    pub oldest_message_seconds: f64,
}

/// Counts the tasks that wait.
pub async fn backlog(db: impl PgExecutor<'_>) -> Result<Backlog, sqlx::Error> {
    sqlx::query_as!(
        Backlog,
        r#"SELECT count(*) AS "tasks!",
               coalesce(abs(extract(epoch FROM now() - min(messages.created_at))), 0)::float8
                   AS "oldest_message_seconds!"
           FROM outbox LEFT JOIN messages ON messages.id = outbox.message_id"#
    )
    .fetch_one(db)
    .await
}
