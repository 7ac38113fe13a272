//! The admin listener: whether the process is alive, whether it is ready, and its metrics.

use std::time::Duration;

use axum::{
    Json, Router,
    extract::{Query, State},
    http::{HeaderName, StatusCode, header},
    routing::get,
};
use chrono::{TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::{
    heartbeat::Heartbeats,
    metrics::{Gauges, Metrics},
    poll_cache::PollCache,
    relay::queue::{self, Backlog},
    storage::{
        MAX_CONNECTIONS, Shares,
        desk::{
            messages,
            stats::{self, Figures},
        },
        mail::outbox,
        quarantine::{self, Totals},
        staff_members::{self, Missing},
        sync_position,
    },
};

/// A sync answers after at most 30 s, even if there is nothing new.
const SYNC_CURRENT_SECONDS: f64 = 60.0;

/// `GET /healthz`, `GET /readyz` and `GET /metrics`.
pub fn router(admin: Admin) -> Router {
    Router::new()
        .route("/healthz", get(health))
        .route("/readyz", get(readiness))
        .route("/metrics", get(exposition))
        .with_state(admin)
}

/// The state that the admin listener reports.
#[derive(Clone, Debug)]
pub struct Admin {
    /// The connections to Postgres.
    pub shares: Shares,
    /// Whether changes are notified.
    pub poll_cache: PollCache,
    /// Whether all loops are alive.
    pub hearts: Heartbeats,
    /// Tells the server to stop.
    pub stop: CancellationToken,
    /// The metrics.
    pub metrics: Metrics,
    /// How long a session lives after the last message.
    pub session_ttl: Duration,
    /// The page that identifies the canary's conversations, if there is a canary.
    pub canary_page: Option<&'static str>,
}

/// What is wrong with the process.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Illness {
    /// The loops that hang.
    stands_still: Vec<&'static str>,
}

async fn health(
    State(Admin { hearts, .. }): State<Admin>,
) -> Result<&'static str, (StatusCode, Json<Illness>)> {
    let stands_still = hearts.still();
    if stands_still.is_empty() {
        Ok("ok")
    } else {
        let illness = Illness { stands_still };
        Err((StatusCode::SERVICE_UNAVAILABLE, Json(illness)))
    }
}

/// Which parts are ready.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a field of the answer"
)]
struct Readiness {
    ready: bool,
    /// Postgres answers.
    database: bool,
    /// A server of this database had an answer to `/sync` recently.
    matrix_sync: bool,
    /// One connection to Postgres gets the notifications of another one.
    notifications: bool,
    /// Commits are answered.
    writes: bool,
    /// The server was told to stop, and goes on serving for a while.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stopping: bool,
}

impl Readiness {
    /// Whether every part is ready, except those that are `left_out`.
    fn without(&self, left_out: &[Part]) -> bool {
        let parts = [
            (Part::Database, self.database),
            (Part::MatrixSync, self.matrix_sync),
            (Part::Notifications, self.notifications),
            (Part::Writes, self.writes),
        ];
        !self.stopping
            && parts
                .iter()
                .all(|(part, ready)| *ready || left_out.contains(part))
    }
}

/// A part that may be left out, under its name in [`Readiness`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Part {
    Database,
    MatrixSync,
    Notifications,
    Writes,
}

#[derive(Debug, Deserialize)]
struct Asked {
    exclude: Option<Part>,
}

/// A load balancer leaves the sync out, because visitors' messages are accepted without it.
async fn readiness(
    State(admin): State<Admin>,
    Query(asked): Query<Asked>,
) -> (StatusCode, Json<Readiness>) {
    let age = sync_position::age_seconds(&admin.shares.reads).await;
    let mut readiness = Readiness {
        ready: false,
        database: age.is_ok(),
        matrix_sync: age
            .ok()
            .flatten()
            .is_some_and(|age| age < SYNC_CURRENT_SECONDS),
        notifications: admin.poll_cache.hear_changes(),
        writes: admin.shares.gate.is_open(),
        stopping: admin.stop.is_cancelled(),
    };
    readiness.ready = readiness.without(asked.exclude.as_slice());
    let status = if readiness.ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(readiness))
}

/// The metrics in Prometheus' text format: those of this server, and those from Postgres, which every server of a
/// database reports alike. Without Postgres there is only the gauge that says so.
async fn exposition(
    State(admin): State<Admin>,
) -> Result<([(HeaderName, &'static str); 1], String), StatusCode> {
    let measured = async {
        let backlog = queue::backlog(&admin.shares.reads).await?;
        let sync_age = sync_position::age_seconds(&admin.shares.reads).await?;
        let missing = staff_members::missing(&admin.shares.reads, admin.session_ttl).await?;
        let set_aside = quarantine::totals(&admin.shares.reads).await?;
        let failing_mails = outbox::failing(&admin.shares.reads).await?;
        Ok::<_, sqlx::Error>(Measured {
            backlog,
            missing,
            set_aside,
            failing_mails,
            sync_age,
        })
    };
    let measured = measured.await.ok();
    // This query runs on its own, because it takes longest.
    let answers = measure_answers(&admin).await.ok();
    let text = gauges(&admin, measured)
        .and_then(|gauges| {
            answers.map_or(Ok(()), |answers| add_answers(&gauges, &answers))?;
            Ok(gauges)
        })
        .and_then(|gauges| admin.metrics.render(&gauges))
        .map_err(|error| {
            tracing::error!(%error, "the metrics cannot be written");
            StatusCode::INTERNAL_SERVER_ERROR
        })?;
    let media_type = "text/plain; version=0.0.4; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, media_type)], text))
}

/// The values that Postgres provides.
#[derive(Clone, Copy, Debug)]
struct Measured {
    backlog: Backlog,
    missing: Missing,
    set_aside: Totals,
    failing_mails: i64,
    sync_age: Option<f64>,
}

fn gauges(admin: &Admin, measured: Option<Measured>) -> Result<Gauges, prometheus::Error> {
    let gauges = Gauges::new()?;
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    gauges.add("build_info", "1, of this version.", &version, 1.0)?;
    let up = if measured.is_some() { 1.0 } else { 0.0 };
    gauges.add("database_up", "Whether Postgres answers.", &[], up)?;
    if let Some(Measured {
        backlog,
        missing,
        set_aside,
        failing_mails,
        ..
    }) = measured
    {
        add_set_aside(&gauges, set_aside)?;
        #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
        let failing_mails = failing_mails as f64;
        let help = "Mails to visitors that are still to be sent after an attempt has failed.";
        gauges.add("mails_failing", help, &[], failing_mails)?;
        #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
        let tasks = backlog.tasks as f64;
        let help = "What the homeserver has yet to be told.";
        gauges.add("outbox_tasks", help, &[], tasks)?;
        let help = "How long the oldest undelivered message of a visitor has waited.";
        let oldest = backlog.oldest_message_seconds;
        gauges.add("outbox_oldest_message_seconds", help, &[], oldest)?;
        #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
        let (invitations, conversations) =
            (missing.invitations as f64, missing.conversations as f64);
        let help = "Invitations of staff that have yet to succeed.";
        gauges.add("invitations_waiting", help, &[], invitations)?;
        let help = "Conversations in whose room no member of the staff is, or is invited.";
        gauges.add("conversations_without_staff", help, &[], conversations)?;
    }
    if let Some(age) = measured.and_then(|measured| measured.sync_age) {
        let help = "Time since a server of this database had an answer to /sync.";
        gauges.add("sync_age_seconds", help, &[], age)?;
    }
    let (commits, heard) = (admin.shares.gate.is_open(), admin.poll_cache.hear_changes());
    let help = "Whether commits are answered.";
    gauges.add("commits_up", help, &[], f64::from(u8::from(commits)))?;
    let help = "Whether what one connection tells another one hears.";
    gauges.add("notifications_up", help, &[], f64::from(u8::from(heard)))?;
    let help = "How many loops of this server stand still.";
    let still = u32::try_from(admin.hearts.still().len()).unwrap_or(u32::MAX);
    gauges.add("loops_standing_still", help, &[], still.into())?;
    let (idle, used) = admin.shares.in_use();
    for (state, connections) in [("idle", idle), ("used", used)] {
        let help = "Connections of this server to Postgres.";
        let labels = [("state", state)];
        gauges.add("database_connections", help, &labels, connections.into())?;
    }
    let help = "How many connections to Postgres this server may have.";
    gauges.add(
        "database_connections_max",
        help,
        &[],
        MAX_CONNECTIONS.into(),
    )?;
    Ok(gauges)
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
fn add_set_aside(gauges: &Gauges, set_aside: Totals) -> Result<(), prometheus::Error> {
    let help = "Rooms whose news wait in quarantine.";
    gauges.add("quarantined_rooms", help, &[], set_aside.rooms as f64)?;
    for (state, events) in [
        ("waiting", set_aside.waiting),
        ("given_up", set_aside.given_up),
    ] {
        let help = "What is in quarantine: events, and parts of a room's history.";
        let labels = [("state", state)];
        gauges.add("quarantined_events", help, &labels, events as f64)?;
    }
    Ok(())
}

/// How soon staff answer.
#[derive(Debug)]
struct Answers {
    /// The figures of each period, with its name.
    figures: [(&'static str, Figures); 2],
    longest_wait_seconds: f64,
    desk_messages: i64,
}

async fn measure_answers(admin: &Admin) -> Result<Answers, sqlx::Error> {
    let (db, without) = (&admin.shares.reads, admin.canary_page);
    let since = async |days| stats::since(db, Utc::now() - TimeDelta::days(days), without).await;
    Ok(Answers {
        figures: [("day", since(1).await?), ("week", since(7).await?)],
        longest_wait_seconds: stats::longest_wait_seconds(db, admin.session_ttl, without).await?,
        desk_messages: messages::waiting(db).await?,
    })
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
fn add_answers(gauges: &Gauges, answers: &Answers) -> Result<(), prometheus::Error> {
    for (period, figures) in answers.figures {
        let labels = [("period", period)];
        let help = "Conversations that began within the period.";
        let begun = figures.conversations as f64;
        gauges.add("staff_conversations", help, &labels, begun)?;
        let help = "Of the conversations that began within the period, those that staff have not answered.";
        let unanswered = figures.unanswered as f64;
        gauges.add("staff_conversations_unanswered", help, &labels, unanswered)?;
        let quantiles = [
            ("0.5", figures.median_seconds),
            ("0.95", figures.p95_seconds),
        ];
        for (quantile, seconds) in quantiles {
            let Some(seconds) = seconds else { continue };
            let help = "How long visitors waited for the first answer.";
            let labels = [("period", period), ("quantile", quantile)];
            gauges.add("staff_first_answer_seconds", help, &labels, seconds)?;
        }
    }
    let help = "How long the visitor has waited for an answer who has waited longest.";
    let seconds = answers.longest_wait_seconds;
    gauges.add("staff_longest_wait_seconds", help, &[], seconds)?;
    let help = "What the bot has yet to say in the desk.";
    let messages = answers.desk_messages as f64;
    gauges.add("desk_messages_waiting", help, &[], messages)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time;

    use super::*;
    use crate::config::Database;

    #[test]
    fn a_part_that_is_left_out_does_not_count_and_every_other_does() {
        let without_sync = Readiness {
            ready: false,
            database: true,
            matrix_sync: false,
            notifications: true,
            writes: true,
            stopping: false,
        };
        assert!(!without_sync.without(&[]));
        assert!(without_sync.without(&[Part::MatrixSync]));
        assert!(!without_sync.without(&[Part::Writes]));
        let stopping = Readiness {
            stopping: true,
            ..without_sync
        };
        assert!(!stopping.without(&[Part::MatrixSync]));
        let asked: Asked = serde_json::from_str(r#"{"exclude":"matrixSync"}"#).unwrap();
        assert_eq!(asked.exclude, Some(Part::MatrixSync));
    }

    #[tokio::test(start_paused = true)]
    async fn a_loop_that_stands_still_is_named() {
        let options = "postgres://127.0.0.1:1/nowhere".parse().unwrap();
        let admin = Admin {
            shares: Shares::new(&Database {
                options,
                requires_sync_replication: false,
            }),
            poll_cache: PollCache::new(CancellationToken::new()),
            hearts: Heartbeats::default(),
            stop: CancellationToken::new(),
            metrics: Metrics::new().unwrap(),
            session_ttl: Duration::from_hours(24),
            canary_page: None,
        };
        let (heart, _other) = (admin.hearts.heart("sync"), admin.hearts.heart("outbox"));
        assert!(health(State(admin.clone())).await.is_ok());
        time::advance(Duration::from_mins(1)).await;
        heart.beat();
        let (status, Json(illness)) = health(State(admin)).await.unwrap_err();
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        let said = serde_json::to_value(illness).unwrap();
        assert_eq!(said, serde_json::json!({ "standsStill": ["outbox"] }));
    }
}
