//! What is thrown away: throttles' memory of who was quiet, keys that have run out, and, where the
//! operator wants it, old conversations.

use std::{net::IpAddr, sync::Arc, time::Duration};

use tokio::time;
use tokio_util::sync::CancellationToken;

use crate::support_chat::{PerMinute, SupportChat};

const PERIOD: Duration = Duration::from_mins(1);

/// Tidies up once a minute until `shutdown`.
pub async fn run(
    support_chat: SupportChat,
    requests: Arc<PerMinute<IpAddr>>,
    shutdown: CancellationToken,
) {
    loop {
        requests.forget_idle();
        support_chat.forget_idle();
        if let Err(error) = support_chat.delete_old().await {
            tracing::warn!(%error, "old conversations could not be deleted yet");
        }
        tokio::select! { () = shutdown.cancelled() => break, () = time::sleep(PERIOD) => {} }
    }
}
