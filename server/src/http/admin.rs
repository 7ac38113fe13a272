//! The admin listener: is the process alive, is it of use, how much waits.

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderName, StatusCode, header},
    routing::get,
};
use serde::Serialize;

use crate::{
    heartbeat::Heartbeats,
    metrics::{Gauges, Metrics},
    storage::{
        MAX_CONNECTIONS, Shares,
        outbox::{self, Backlog},
        sync_position,
    },
    support_chat::Heads,
};

/// A sync answers after 30 s at the latest, also when there is nothing new.
const SYNC_CURRENT_SECONDS: f64 = 60.0;

/// `GET /healthz`, `GET /readyz` and `GET /metrics`.
pub fn router(admin: Admin) -> Router {
    Router::new()
        .route("/healthz", get(health))
        .route("/readyz", get(readiness))
        .route("/metrics", get(exposition))
        .with_state(admin)
}

/// What the admin listener looks at.
#[derive(Clone, Debug)]
pub struct Admin {
    /// The connections to Postgres.
    pub shares: Shares,
    /// Whether changes are heard of.
    pub heads: Heads,
    /// Whether all loops are alive.
    pub hearts: Heartbeats,
    /// What is counted.
    pub metrics: Metrics,
}

/// What is wrong with the process.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Illness {
    /// The loops that stand still.
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

/// Which part is not ready.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Readiness {
    ready: bool,
    /// Postgres answers.
    database: bool,
    /// Some server of this database has an answer to `/sync` that is recent.
    matrix_sync: bool,
    /// What one connection tells another one hears.
    notifications: bool,
    /// Commits are answered.
    writes: bool,
}

async fn readiness(State(admin): State<Admin>) -> (StatusCode, Json<Readiness>) {
    let age = sync_position::age_seconds(&admin.shares.reads).await;
    let database = age.is_ok();
    let matrix_sync = age
        .ok()
        .flatten()
        .is_some_and(|age| age < SYNC_CURRENT_SECONDS);
    let notifications = admin.heads.hear_changes();
    let writes = admin.shares.gate.is_open();
    let ready = database && matrix_sync && notifications && writes;
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (
        status,
        Json(Readiness {
            ready,
            database,
            matrix_sync,
            notifications,
            writes,
        }),
    )
}

/// Prometheus' text format: what this server counted, and what Postgres says, which is the same from
/// every server of a database. Without Postgres there is only the gauge that says so.
async fn exposition(
    State(admin): State<Admin>,
) -> Result<([(HeaderName, &'static str); 1], String), StatusCode> {
    let measured = async {
        let backlog = outbox::backlog(&admin.shares.reads).await?;
        let sync_age = sync_position::age_seconds(&admin.shares.reads).await?;
        Ok::<_, sqlx::Error>((backlog, sync_age))
    };
    let measured = measured.await.ok();
    let text = gauges(&admin, measured)
        .and_then(|gauges| admin.metrics.render(&gauges))
        .map_err(|error| {
            tracing::error!(%error, "the metrics cannot be written");
            StatusCode::INTERNAL_SERVER_ERROR
        })?;
    let media_type = "text/plain; version=0.0.4; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, media_type)], text))
}

fn gauges(
    admin: &Admin,
    measured: Option<(Backlog, Option<f64>)>,
) -> Result<Gauges, prometheus::Error> {
    let gauges = Gauges::new()?;
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    gauges.add("build_info", "1, of this version.", &version, 1.0)?;
    let up = if measured.is_some() { 1.0 } else { 0.0 };
    gauges.add("database_up", "Whether Postgres answers.", &[], up)?;
    if let Some((backlog, _)) = measured {
        #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
        let tasks = backlog.tasks as f64;
        let help = "What the homeserver has yet to be told.";
        gauges.add("outbox_tasks", help, &[], tasks)?;
        let help = "How long the oldest undelivered message of a visitor has waited.";
        let oldest = backlog.oldest_message_seconds;
        gauges.add("outbox_oldest_message_seconds", help, &[], oldest)?;
    }
    if let Some((_, Some(age))) = measured {
        let help = "Time since a server of this database had an answer to /sync.";
        gauges.add("sync_age_seconds", help, &[], age)?;
    }
    let (commits, heard) = (admin.shares.gate.is_open(), admin.heads.hear_changes());
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
