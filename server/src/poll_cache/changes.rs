//! Follows the changes of conversations, whichever server makes them, so that [`Heads`] stay true.

use std::time::Duration;

use tokio::time;
use tokio_util::sync::CancellationToken;

use super::Heads;
use crate::{
    heartbeat::Heart,
    storage::{Heard, LEASE, Listener, Shares, sessions::CHANGES, signals::Change},
};

/// The wait before the next attempt to connect.
const RETRY: Duration = Duration::from_secs(1);

/// Follows until `shutdown`, over connection after connection.
pub async fn follow(shares: Shares, heads: Heads, heart: Heart, shutdown: CancellationToken) {
    loop {
        let lost = tokio::select! {
            () = shutdown.cancelled() => break,
            lost = listen(&shares, &heads, &heart) => lost,
        };
        heads.distrust();
        if let Err(error) = lost {
            tracing::warn!(%error, "polls ask Postgres each time until changes can be followed again");
        }
        tokio::select! { () = shutdown.cancelled() => break, () = time::sleep(RETRY) => {} }
    }
}

/// Listens for as long as changes are heard.
async fn listen(shares: &Shares, heads: &Heads, heart: &Heart) -> Result<(), sqlx::Error> {
    heart.beat();
    let mut listener = Listener::connect(&shares.lines, &shares.reads, CHANGES).await?;
    heads.begin_epoch();
    loop {
        match listener.next().await? {
            Heard::News(news) => match Change::read(&news) {
                Some(Change::Conversation(session_id)) => heads.changed(session_id),
                Some(Change::StaffTyping(session_id, typing)) => {
                    heads.set_staff_typing(session_id, typing);
                }
                // A later release may say more.
                None => {}
            },
            Heard::Proof(at) => heads.trust_until((at + LEASE).into_std()),
        }
        heart.beat();
    }
}
