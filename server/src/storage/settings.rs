//! Settings of each connection to Postgres.
//!
//! They are set by `set_config`, because poolers refuse them as options at the start of a connection.

use std::{fmt::Write, time::Duration};

/// The settings of a connection that differ between shares.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    /// A statement that takes longer is cancelled. `None` means never.
    pub(super) statement: Option<Duration>,
    /// A statement that waits longer for a lock is cancelled.
    pub(super) lock: Duration,
    /// A connection that gets no statement for this long is closed, which releases its locks.
    pub(super) idle: Option<Duration>,
}

impl Settings {
    /// The settings of a connection that listens.
    pub(super) const DEDICATED: Self = Self {
        statement: Some(Duration::from_secs(3)),
        lock: Duration::from_secs(2),
        idle: None,
    };

    /// One statement that sets everything.
    pub(super) fn statement(self) -> String {
        let millis = |limit: Option<Duration>| limit.unwrap_or_default().as_millis().to_string();
        let settings = [
            ("statement_timeout", millis(self.statement)),
            ("lock_timeout", millis(Some(self.lock))),
            ("idle_session_timeout", millis(self.idle)),
            // A server that has stopped, or has vanished with its machine, must not keep its locks.
            ("idle_in_transaction_session_timeout", "5000".to_owned()),
            ("tcp_keepalives_idle", "5".to_owned()),
            ("tcp_keepalives_interval", "2".to_owned()),
            ("tcp_keepalives_count", "2".to_owned()),
            ("tcp_user_timeout", "9000".to_owned()),
            // Otherwise Postgres would plan a statement for each execution, the first five times on each connection,
            // which takes longer than the execution. No statement needs different plans for different values.
            ("plan_cache_mode", "force_generic_plan".to_owned()),
        ];
        // What a visitor was promised has to be on the disk, and on the standby where there is one. Statements that
        // promise nothing switch this off themselves. A stricter setting of the operator's stays.
        let mut statement = String::from(
            "SELECT set_config('synchronous_commit', \
             CASE current_setting('synchronous_commit') WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, false)",
        );
        for (name, value) in settings {
            // Writing to a string cannot fail.
            let _ = write!(statement, ", set_config('{name}', '{value}', false)");
        }
        statement
    }
}
