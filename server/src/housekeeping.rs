//! Housekeeping: deletes the throttles' counts of quiet addresses, idempotency keys that have expired and, where the
//! operator has set a retention time, old conversations. It also writes into the log what operators did.

use std::{net::IpAddr, sync::Arc, time::Duration};

use chrono::Utc;
use tokio::time;
use tokio_util::sync::CancellationToken;

use crate::{
    heartbeat::Heart,
    storage::{Db, administrations},
    support_chat::{PerMinute, SupportChat},
};

const PERIOD: Duration = Duration::from_mins(1);
/// How much of what operators did is written into the log at once.
const ADMINISTRATIONS: i64 = 1_000;

/// Cleans up once a minute until `shutdown`.
pub async fn run(
    support_chat: SupportChat,
    requests: Arc<PerMinute<IpAddr>>,
    db: Db,
    heart: Heart,
    shutdown: CancellationToken,
) {
    let db = db.beating(heart.clone());
    loop {
        requests.forget_idle();
        support_chat.forget_idle();
        if let Err(error) = support_chat.delete_old(&db, Utc::now()).await {
            tracing::warn!(%error, "old conversations could not be deleted yet");
        }
        if let Err(error) = log_administrations(&db).await {
            tracing::warn!(%error, "what operators did could not be looked up");
        }
        let pause = heart.idle(time::sleep(PERIOD));
        tokio::select! { () = shutdown.cancelled() => break, () = pause => {} }
    }
}

/// Writes into the log what operators did at the command line. A server that dies in between has lost it, and the table
/// still has it.
async fn log_administrations(db: &Db) -> Result<(), sqlx::Error> {
    for done in administrations::take_unlogged(db, ADMINISTRATIONS).await? {
        let session_id = done.session_id.map(tracing::field::display);
        tracing::info!(
            operator = done.operator,
            action = done.action,
            session_id,
            "an operator did this"
        );
    }
    Ok(())
}
