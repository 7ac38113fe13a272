//! Postgres.

use super::finding::Findings;
use crate::{
    config::Config,
    storage::{
        MAX_CONNECTIONS,
        diagnosis::{self, Facts},
    },
};

/// The oldest version that the server works with.
const OLDEST: i32 = 140_000;
/// Listeners, and the connection that holds the lock of the sync, beside those of the pools.
const LINES: i64 = 3;
/// Clocks of machines that follow a time server differ by less, in seconds.
const USUAL_DIFFERENCE: f64 = 1.0;
/// From here on what the server promises about times does not hold.
const GREATEST_DIFFERENCE: f64 = 30.0;

pub(super) async fn examine(config: &Config, findings: &mut Findings) {
    match diagnosis::examine(&config.database).await {
        Ok(facts) => judge(&facts, findings),
        Err(error) => findings.problem(
            "postgres.connection",
            error.to_string(),
            "check DATABASE_URL, and that Postgres runs and lets this machine in",
        ),
    }
}

fn judge(facts: &Facts, findings: &mut Findings) {
    findings.ok("postgres.connection", "the database answers");
    let (major, minor) = (facts.version / 10_000, facts.version % 10_000);
    let version = format!("PostgreSQL {major}.{minor}");
    if facts.version < OLDEST {
        findings.problem(
            "postgres.version",
            version,
            "upgrade to PostgreSQL 14 or newer",
        );
    } else {
        findings.ok("postgres.version", version);
    }
    if facts.encoding != "UTF8" {
        let says = format!("the database's encoding is {}", facts.encoding);
        let advice = "make the database again with ENCODING 'UTF8': visitors write in every script";
        findings.problem("postgres.encoding", says, advice);
    }
    judge_rights(facts, findings);
    if facts.hears {
        findings.ok(
            "postgres.notify",
            "a NOTIFY of one connection reaches another",
        );
    } else {
        findings.problem(
            "postgres.notify",
            "a NOTIFY of one connection does not reach another",
            "a pooler in transaction mode is in between: set it to session mode (docs/operations/runbook.md, Behind \
             PgBouncer), or connect to Postgres itself",
        );
    }
    judge_replication(facts, findings);
    judge_clock(facts.clock_ahead, findings);
    let needed = i64::from(MAX_CONNECTIONS) + LINES;
    let says = format!(
        "{} of {} connections are in use, and a server has up to {needed}",
        facts.connections, facts.max_connections
    );
    if facts.max_connections - facts.connections < needed {
        let advice = "raise max_connections, unless a server runs already and its connections are among these";
        findings.warning("postgres.connections", says, advice);
    } else {
        findings.ok("postgres.connections", says);
    }
}

fn judge_rights(facts: &Facts, findings: &mut Findings) {
    if facts.is_standby {
        findings.problem(
            "postgres.rights",
            "this Postgres is a standby, which takes no writes",
            "let DATABASE_URL lead to the primary",
        );
    } else if facts.may_write == Some(false) {
        findings.problem(
            "postgres.rights",
            "the account may not read and write the tables",
            "let the account that DATABASE_URL names own the database and its tables",
        );
    } else if !facts.may_create {
        findings.problem(
            "postgres.rights",
            "the account may not make tables in the database",
            "run: ALTER DATABASE … OWNER TO …, or GRANT CREATE ON SCHEMA public TO …",
        );
    } else {
        findings.ok(
            "postgres.rights",
            "the account may make, read and write tables",
        );
    }
    if facts.pending.is_empty() {
        findings.ok("postgres.schema", "the schema is that of this release");
    } else {
        let says = format!("{} migrations have not run yet", facts.pending.len());
        let advice =
            "the server runs them when it starts; `matrix-support-chat migrate` does nothing else";
        findings.warning("postgres.schema", says, advice);
    }
}

fn judge_replication(facts: &Facts, findings: &mut Findings) {
    const CHECK: &str = "postgres.durability";
    let waits = !matches!(facts.synchronous_commit.as_str(), "off" | "local");
    if !facts.fsync {
        let advice = "set fsync = on: a crash of the machine may destroy the database";
        findings.problem(CHECK, "fsync is off", advice);
    } else if facts.synchronous_commit == "off" {
        let advice = "set synchronous_commit = on for this database: what a visitor was told is stored may be lost in a crash";
        findings.problem(CHECK, "synchronous_commit is off", advice);
    } else if facts.standby_names.is_empty() {
        findings.ok(
            CHECK,
            "commits reach the disk; there is no synchronous standby",
        );
    } else if waits && facts.standbys == 0 {
        findings.problem(
            CHECK,
            "commits wait for a synchronous standby, and none is connected",
            "bring the standby back, or empty synchronous_standby_names and reload: until then visitors' messages are \
             refused",
        );
    } else {
        let says = format!(
            "commits wait for a synchronous standby; standbys connected: {}",
            facts.standbys
        );
        findings.ok(CHECK, says);
    }
}

fn judge_clock(ahead: f64, findings: &mut Findings) {
    const CHECK: &str = "postgres.clock";
    let side = if ahead < 0.0 { "behind" } else { "ahead of" };
    let says = format!(
        "Postgres' clock is {:.1} s {side} this machine's",
        ahead.abs()
    );
    let advice = "let both machines follow a time server (chrony, systemd-timesyncd)";
    if ahead.abs() > GREATEST_DIFFERENCE {
        findings.problem(CHECK, says, advice);
    } else if ahead.abs() > USUAL_DIFFERENCE {
        findings.warning(CHECK, says, advice);
    } else {
        findings.ok(CHECK, says);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Level;

    fn good() -> Facts {
        Facts {
            version: 150_018,
            encoding: "UTF8".to_owned(),
            is_standby: false,
            may_create: true,
            may_write: None,
            pending: Vec::new(),
            hears: true,
            synchronous_commit: "on".to_owned(),
            standby_names: String::new(),
            standbys: 0,
            fsync: true,
            clock_ahead: 0.1,
            max_connections: 100,
            connections: 6,
        }
    }

    /// What is not well with these facts.
    fn unwell(change: impl FnOnce(&mut Facts)) -> Vec<(&'static str, Level)> {
        let mut facts = good();
        change(&mut facts);
        let mut findings = Findings::default();
        judge(&facts, &mut findings);
        let findings = findings.into_all().into_iter();
        let unwell = findings.filter(|it| it.level != Level::Ok);
        unwell
            .map(|it| {
                assert!(it.advice.is_some(), "{it}");
                (it.check, it.level)
            })
            .collect()
    }

    #[test]
    fn each_fault_of_the_database_is_found() {
        use Level::{Problem, Warning};
        assert_eq!(unwell(|_| {}), []);
        assert_eq!(
            unwell(|it| it.version = 130_004),
            [("postgres.version", Problem)]
        );
        assert_eq!(
            unwell(|it| it.encoding = "SQL_ASCII".to_owned()),
            [("postgres.encoding", Problem)]
        );
        assert_eq!(
            unwell(|it| it.is_standby = true),
            [("postgres.rights", Problem)]
        );
        assert_eq!(
            unwell(|it| it.may_create = false),
            [("postgres.rights", Problem)]
        );
        assert_eq!(
            unwell(|it| it.may_write = Some(false)),
            [("postgres.rights", Problem)]
        );
        assert_eq!(
            unwell(|it| it.pending = vec![16]),
            [("postgres.schema", Warning)]
        );
        assert_eq!(
            unwell(|it| it.hears = false),
            [("postgres.notify", Problem)]
        );
        assert_eq!(
            unwell(|it| it.fsync = false),
            [("postgres.durability", Problem)]
        );
        assert_eq!(
            unwell(|it| it.synchronous_commit = "off".to_owned()),
            [("postgres.durability", Problem)]
        );
        assert_eq!(
            unwell(|it| it.standby_names = "*".to_owned()),
            [("postgres.durability", Problem)]
        );
        let with_standby = |it: &mut Facts| {
            it.standby_names = "*".to_owned();
            it.standbys = 1;
        };
        assert_eq!(unwell(with_standby), []);
        assert_eq!(
            unwell(|it| it.clock_ahead = -2.0),
            [("postgres.clock", Warning)]
        );
        assert_eq!(
            unwell(|it| it.clock_ahead = 90.0),
            [("postgres.clock", Problem)]
        );
        assert_eq!(
            unwell(|it| it.connections = 90),
            [("postgres.connections", Warning)]
        );
    }
}
