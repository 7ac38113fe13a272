//! What can be found out about the database before a server uses it.

use std::time::Instant;

use chrono::Utc;

use super::{
    Connector, Unusable,
    settings::Settings,
    start::{hears, migrator},
};
use crate::config::Database;

/// The findings, as Postgres says them.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Clone, Debug)]
pub struct Facts {
    /// As `150018`.
    pub version: i32,
    /// The encoding of the database.
    pub encoding: String,
    /// It follows another server, and takes no writes.
    pub is_standby: bool,
    /// The account may make tables.
    pub may_create: bool,
    /// The account may read and write the tables; `None` where there are none yet.
    pub may_write: Option<bool>,
    /// Migrations of this release that have not run.
    pub pending: Vec<i64>,
    /// A connection gets the notifications of another one.
    pub hears: bool,
    /// `synchronous_commit`.
    pub synchronous_commit: String,
    /// `synchronous_standby_names`.
    pub standby_names: String,
    /// Standbys that are connected.
    pub standbys: i64,
    /// `fsync`.
    pub fsync: bool,
    /// How far Postgres' clock is ahead of this machine's, in seconds.
    pub clock_ahead: f64,
    /// How many connections there may be.
    pub max_connections: i64,
    /// How many there are.
    pub connections: i64,
}

/// Connects and looks.
pub async fn examine(database: &Database) -> Result<Facts, Unusable> {
    let connector = Connector::new(database.options.clone());
    let mut line = connector.connect(Settings::DEDICATED).await?;
    let row = sqlx::query!(
        r#"SELECT current_setting('server_version_num')::int AS "version!",
               current_setting('server_encoding') AS "encoding!", pg_is_in_recovery() AS "is_standby!",
               coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AS "may_create!",
               CASE WHEN to_regclass('sessions') IS NOT NULL THEN
                   has_table_privilege(to_regclass('sessions'), 'SELECT')
                   AND has_table_privilege(to_regclass('sessions'), 'INSERT')
                   AND has_table_privilege(to_regclass('sessions'), 'UPDATE')
                   AND has_table_privilege(to_regclass('sessions'), 'DELETE') END AS may_write,
               to_regclass('_sqlx_migrations') IS NOT NULL AS "has_migrations!",
               current_setting('synchronous_commit') AS "synchronous_commit!",
               current_setting('synchronous_standby_names') AS "standby_names!",
               (SELECT count(*) FROM pg_stat_replication) AS "standbys!",
               current_setting('fsync')::boolean AS "fsync!",
               current_setting('max_connections')::bigint AS "max_connections!",
               (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS "connections!""#
    )
    .fetch_one(&mut line)
    .await?;
    let asked = Instant::now();
    let theirs = sqlx::query_scalar!(r#"SELECT clock_timestamp() AS "now!""#)
        .fetch_one(&mut line)
        .await?;
    // On average the clock was read in the middle of the time that the answer took.
    let ours = Utc::now() - asked.elapsed() / 2;
    let ran: Vec<i64> = if row.has_migrations && row.may_write != Some(false) {
        sqlx::query_scalar("SELECT version FROM _sqlx_migrations WHERE success")
            .fetch_all(&mut line)
            .await?
    } else {
        Vec::new()
    };
    let all = migrator();
    let pending = all.iter().map(|migration| migration.version);
    Ok(Facts {
        version: row.version,
        encoding: row.encoding,
        is_standby: row.is_standby,
        may_create: row.may_create,
        may_write: row.may_write,
        pending: pending.filter(|version| !ran.contains(version)).collect(),
        // A standby takes no notification.
        hears: row.is_standby || hears(&connector).await?,
        synchronous_commit: row.synchronous_commit,
        standby_names: row.standby_names,
        standbys: row.standbys,
        fsync: row.fsync,
        clock_ahead: (theirs - ours).as_seconds_f64(),
        max_connections: row.max_connections,
        connections: row.connections,
    })
}
