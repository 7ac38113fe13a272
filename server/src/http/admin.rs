//! The admin listener: is the process alive, is it of use, how much waits.

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderName, StatusCode, header},
    routing::get,
};
use serde::Serialize;
use sqlx::PgPool;

use crate::storage::{outbox, sync_position};

/// A sync answers after 30 s at the latest, also when there is nothing new.
const SYNC_CURRENT_SECONDS: f64 = 60.0;

/// `GET /healthz`, `GET /readyz` and `GET /metrics`.
pub fn router(pool: PgPool) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok"))
        .route("/readyz", get(readiness))
        .route("/metrics", get(metrics))
        .with_state(pool)
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

async fn readiness(State(pool): State<PgPool>) -> (StatusCode, Json<Readiness>) {
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

/// Prometheus' text format. Read from Postgres, so every server of a database says the same; without
/// Postgres there is only the gauge that says so.
async fn metrics(State(pool): State<PgPool>) -> ([(HeaderName, &'static str); 1], String) {
    let measured = async {
        let backlog = outbox::backlog(&pool).await?;
        let sync_age = sync_position::age_seconds(&pool).await?;
        Ok::<_, sqlx::Error>((backlog, sync_age))
    };
    let mut gauges = Vec::new();
    match measured.await {
        Ok((backlog, sync_age)) => {
            let tasks = backlog.tasks.to_string();
            let oldest = backlog.oldest_message_seconds.to_string();
            gauges.push(("database_up", "Whether Postgres answers.", "1".to_owned()));
            gauges.push((
                "outbox_tasks",
                "What the homeserver has yet to be told.",
                tasks,
            ));
            gauges.push((
                "outbox_oldest_message_seconds",
                "How long the oldest undelivered message of a visitor has waited.",
                oldest,
            ));
            if let Some(age) = sync_age {
                let help = "Time since a server of this database had an answer to /sync.";
                gauges.push(("sync_age_seconds", help, age.to_string()));
            }
        }
        Err(_) => gauges.push(("database_up", "Whether Postgres answers.", "0".to_owned())),
    }
    let lines: Vec<_> = gauges
        .into_iter()
        .map(|(name, help, value)| {
            let name = format!("support_chat_{name}");
            format!("# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}\n")
        })
        .collect();
    let text = lines.concat();
    (
        [(
            header::CONTENT_TYPE,
            "text/plain; version=0.0.4; charset=utf-8",
        )],
        text,
    )
}
