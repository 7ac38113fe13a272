//! What Postgres is told on each connection.
//!
//! By `set_config`, and not by the `options` of the start of a connection, which poolers refuse.

use std::{fmt::Write, time::Duration};

/// The settings of a connection that differ between shares.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    /// A statement that takes longer is ended. `None`: never.
    pub(super) statement: Option<Duration>,
    /// A statement that waits longer for a lock is ended.
    pub(super) lock: Duration,
    /// A connection that hears nothing for so long is ended, and with it the locks that it has.
    pub(super) idle: Option<Duration>,
}

impl Settings {
    /// Of a connection that listens.
    pub(super) const LINE: Self = Self {
        statement: Some(Duration::from_secs(3)),
        lock: Duration::from_secs(2),
        idle: None,
    };

    /// One statement that sets all.
    pub(super) fn statement(self) -> String {
        let millis = |limit: Option<Duration>| limit.unwrap_or_default().as_millis().to_string();
        let settings = [
            ("statement_timeout", millis(self.statement)),
            ("lock_timeout", millis(Some(self.lock))),
            ("idle_session_timeout", millis(self.idle)),
            // A server that stopped, or vanished with its host, must not keep its locks.
            ("idle_in_transaction_session_timeout", "5000".to_owned()),
            ("tcp_keepalives_idle", "5".to_owned()),
            ("tcp_keepalives_interval", "2".to_owned()),
            ("tcp_keepalives_count", "2".to_owned()),
            ("tcp_user_timeout", "9000".to_owned()),
            // Planned for each time, the first five times on each connection, a statement takes longer
            // to plan than to run: none of them needs another plan for other values.
            ("plan_cache_mode", "force_generic_plan".to_owned()),
        ];
        let mut statement = String::from("SELECT ");
        for (index, (name, value)) in settings.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            // Writing to a string cannot fail.
            let _ = write!(statement, "{comma}set_config('{name}', '{value}', false)");
        }
        statement
    }
}
