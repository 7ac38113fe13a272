//! Keeps the [`PollCache`] up to date: listens for changes of conversations, whichever server has made them.

use std::time::Duration;

use tokio::time;
use tokio_util::sync::CancellationToken;

use super::PollCache;
use crate::{
    heartbeat::Heart,
    storage::{Heard, LEASE, Listener, Shares, sessions::CHANGES, signals::Change},
};

/// The wait before the next attempt to connect.
const RETRY: Duration = Duration::from_secs(1);

/// Listens until `shutdown`, over one connection after another.
pub async fn follow(shares: Shares, cache: PollCache, heart: Heart, shutdown: CancellationToken) {
    loop {
        let lost = tokio::select! {
            () = shutdown.cancelled() => break,
            lost = listen(&shares, &cache, &heart) => lost,
        };
        cache.distrust();
        if let Err(error) = lost {
            tracing::warn!(%error, "polls ask Postgres each time until changes can be followed again");
        }
        tokio::select! { () = shutdown.cancelled() => break, () = time::sleep(RETRY) => {} }
    }
}

/// Listens until the connection is lost.
async fn listen(shares: &Shares, cache: &PollCache, heart: &Heart) -> Result<(), sqlx::Error> {
    heart.beat();
    let mut listener = Listener::connect(&shares.connector, &shares.reads, CHANGES).await?;
    cache.begin_epoch();
    loop {
        match listener.next().await? {
            Heard::News(news) => match Change::read(&news) {
                Some(Change::Conversation(session_id)) => cache.changed(session_id),
                Some(Change::StaffTyping(session_id, typing)) => {
                    cache.set_staff_typing(session_id, typing);
                }
                // A later release may send more in a notification.
                None => {}
            },
            Heard::Proof(at) => cache.trust_until((at + LEASE).into_std()),
        }
        heart.beat();
    }
}
