//! The connections of one server, divided into shares.
//!
//! Each share is a pool of its own, so that writes that wait for a lock or for the disk cannot take the connections
//! that polls and the relay need.

use std::time::Duration;

use sqlx::postgres::PgConnectOptions;

use super::{Connector, Db, Gate, db::Timing, pool::pool, settings::Settings};
use crate::config::Database;

/// The connections of all shares together. With two listeners, and the connection that holds the lock of the sync, a
/// server has 20.
pub const MAX_CONNECTIONS: u32 = READS + WRITES + RELAY;
const READS: u32 = 5;
const WRITES: u32 = 7;
const RELAY: u32 = 5;

/// How long a visitor's write may take from its request to its commit, and how long the commit may take. With the time
/// for finding out whether the commit took effect, a visitor gets an answer within 5 s.
const WRITES_WHOLE: Duration = Duration::from_secs(3);
const WRITES_COMMIT: Duration = Duration::from_millis(1_500);

/// The shares. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Shares {
    /// Polls, and other reads.
    pub reads: Db,
    /// Visitors' writes.
    pub writes: Db,
    /// The relay, the sync and the housekeeping.
    pub relay: Db,
    /// Connections that are kept open.
    pub connector: Connector,
    /// The gate before `writes`, which is shut while commits hang.
    pub gate: Gate,
    /// The same pool as `writes`, without the gate.
    pub probes: Db,
    /// Whether the gate is shut, too, while Postgres has no synchronous standby.
    pub requires_sync_replication: bool,
}

impl Shares {
    /// Shares that connect when they are first used.
    #[must_use]
    pub fn new(database: &Database) -> Self {
        let options = &database.options;
        let seconds = Duration::from_secs;
        // Postgres cancels a statement before its caller gives it up, so that no connection is lost.
        let reads = share(options, READS, seconds(1), seconds(2), None);
        let probes = share(
            options,
            WRITES,
            Duration::from_millis(1_500),
            seconds(2),
            Some(WRITES_WHOLE),
        );
        let relay = share(options, RELAY, seconds(2), seconds(3), None);
        let gate = Gate::default();
        // It opens when the standby was seen.
        gate.set_shut(database.requires_sync_replication);
        Self {
            reads,
            writes: probes.clone().behind(gate.clone()),
            relay,
            connector: Connector::new(options.clone()),
            gate,
            probes,
            requires_sync_replication: database.requires_sync_replication,
        }
    }

    /// Connections for an operator's command, which may take longer than anything that a server does.
    #[must_use]
    pub fn for_operator(database: &Database) -> Db {
        let (lock, statement) = (Duration::from_secs(10), Duration::from_mins(1));
        share(&database.options, 2, lock, statement, None)
    }

    /// Closes all connections, and waits for those in use.
    pub async fn close(&self) {
        let Self {
            reads,
            probes,
            relay,
            ..
        } = self;
        tokio::join!(
            reads.pool().close(),
            probes.pool().close(),
            relay.pool().close()
        );
    }

    /// How many connections of the pools are idle, and how many are in use.
    #[must_use]
    pub fn in_use(&self) -> (u32, u32) {
        let pools = [&self.reads, &self.probes, &self.relay].map(Db::pool);
        let idle = pools.iter().map(|pool| pool.num_idle()).sum::<usize>();
        let idle = u32::try_from(idle).unwrap_or(u32::MAX);
        let all = pools.iter().map(|pool| pool.size()).sum::<u32>();
        (idle, all.saturating_sub(idle))
    }
}

fn share(
    options: &PgConnectOptions,
    connections: u32,
    lock: Duration,
    statement: Duration,
    whole: Option<Duration>,
) -> Db {
    let settings = Settings {
        statement: Some(statement),
        lock,
        idle: None,
    };
    let timing = Timing {
        statement: statement + Duration::from_millis(500),
        whole,
        commit: whole.map_or(statement, |_| WRITES_COMMIT),
    };
    Db::new(pool(options, connections, settings), timing)
}
