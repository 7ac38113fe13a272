//! The admin listener: is the process alive, is it of use, how much waits.

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderName, StatusCode, header},
    routing::get,
};
use serde::Serialize;
use sqlx::PgPool;

use crate::{
    metrics::{Gauges, Metrics},
    storage::{
        outbox::{self, Backlog},
        quarantine::{self, Totals},
        sync_position,
    },
};

/// A sync answers after 30 s at the latest, also when there is nothing new.
const SYNC_CURRENT_SECONDS: f64 = 60.0;

/// `GET /healthz`, `GET /readyz` and `GET /metrics`.
pub fn router(pool: PgPool, metrics: Metrics) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok"))
        .route("/readyz", get(readiness))
        .route("/metrics", get(exposition))
        .with_state(Admin { pool, metrics })
}

#[derive(Clone, Debug)]
struct Admin {
    pool: PgPool,
    metrics: Metrics,
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
}

async fn readiness(State(Admin { pool, .. }): State<Admin>) -> (StatusCode, Json<Readiness>) {
    let age = sync_position::age_seconds(&pool).await;
    let database = age.is_ok();
    let matrix_sync = age
        .ok()
        .flatten()
        .is_some_and(|age| age < SYNC_CURRENT_SECONDS);
    let ready = database && matrix_sync;
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
        }),
    )
}

/// Prometheus' text format: what this server counted, and what Postgres says, which is the same from
/// every server of a database. Without Postgres there is only the gauge that says so.
async fn exposition(
    State(Admin { pool, metrics }): State<Admin>,
) -> Result<([(HeaderName, &'static str); 1], String), StatusCode> {
    let measured = async {
        let backlog = outbox::backlog(&pool).await?;
        let sync_age = sync_position::age_seconds(&pool).await?;
        let set_aside = quarantine::totals(&pool).await?;
        Ok::<_, sqlx::Error>((backlog, sync_age, set_aside))
    };
    let measured = measured.await.ok();
    let text = gauges(&pool, measured)
        .and_then(|gauges| metrics.render(&gauges))
        .map_err(|error| {
            tracing::error!(%error, "the metrics cannot be written");
            StatusCode::INTERNAL_SERVER_ERROR
        })?;
    let media_type = "text/plain; version=0.0.4; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, media_type)], text))
}

fn gauges(
    pool: &PgPool,
    measured: Option<(Backlog, Option<f64>, Totals)>,
) -> Result<Gauges, prometheus::Error> {
    let gauges = Gauges::new()?;
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    gauges.add("build_info", "1, of this version.", &version, 1.0)?;
    let up = if measured.is_some() { 1.0 } else { 0.0 };
    gauges.add("database_up", "Whether Postgres answers.", &[], up)?;
    if let Some((_, _, set_aside)) = measured {
        add_set_aside(&gauges, set_aside)?;
    }
    if let Some((backlog, _, _)) = measured {
        #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
        let tasks = backlog.tasks as f64;
        let help = "What the homeserver has yet to be told.";
        gauges.add("outbox_tasks", help, &[], tasks)?;
        let help = "How long the oldest undelivered message of a visitor has waited.";
        let oldest = backlog.oldest_message_seconds;
        gauges.add("outbox_oldest_message_seconds", help, &[], oldest)?;
    }
    if let Some((_, Some(age), _)) = measured {
        let help = "Time since a server of this database had an answer to /sync.";
        gauges.add("sync_age_seconds", help, &[], age)?;
    }
    let idle = u32::try_from(pool.num_idle()).unwrap_or(u32::MAX);
    let used = pool.size().saturating_sub(idle);
    for (state, connections) in [("idle", idle), ("used", used)] {
        let help = "Connections of this server to Postgres.";
        let labels = [("state", state)];
        gauges.add("database_connections", help, &labels, connections.into())?;
    }
    let most = pool.options().get_max_connections();
    let help = "How many connections to Postgres this server may have.";
    gauges.add("database_connections_max", help, &[], most.into())?;
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
