//! Housekeeping: deletes the throttles' counts of quiet addresses, idempotency keys that have expired and, where the
//! operator has set a retention time, old conversations.

use std::{net::IpAddr, sync::Arc, time::Duration};

use chrono::Utc;
use tokio::time;
use tokio_util::sync::CancellationToken;

use crate::{
    heartbeat::Heart,
    storage::Db,
    support_chat::{PerMinute, SupportChat},
};

const PERIOD: Duration = Duration::from_mins(1);

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
        let pause = heart.idle(time::sleep(PERIOD));
        tokio::select! { () = shutdown.cancelled() => break, () = pause => {} }
    }
}
