//! Follows the changes of conversations, whichever server makes them, so that [`Heads`] stay true.

use std::time::{Duration, Instant};

use sqlx::{
    PgPool,
    postgres::{PgListener, PgNotification},
};
use tokio::time;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Heads;
use crate::storage::sessions::CHANGES;

/// How often the connection is asked whether it lives.
const PROBE_EVERY: Duration = Duration::from_secs(1);
/// For how long its answer counts: a connection that died without a word is believed no longer.
const LEASE: Duration = Duration::from_secs(4);
/// The wait before the next attempt to connect.
const RETRY: Duration = Duration::from_secs(1);

/// Follows until `shutdown`, over connection after connection.
pub async fn follow(pool: PgPool, heads: Heads, shutdown: CancellationToken) {
    loop {
        let lost = tokio::select! {
            () = shutdown.cancelled() => break,
            lost = listen(&pool, &heads) => lost,
        };
        heads.distrust();
        if let Err(error) = lost {
            tracing::warn!(%error, "polls ask Postgres each time until changes can be followed again");
        }
        tokio::select! { () = shutdown.cancelled() => break, () = time::sleep(RETRY) => {} }
    }
}

/// Listens for as long as the connection lives.
async fn listen(pool: &PgPool, heads: &Heads) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    // What a new connection has missed must be known before it is made.
    listener.eager_reconnect(false);
    listener.listen(CHANGES).await?;
    heads.begin_epoch();
    loop {
        let asked = Instant::now();
        let answer = sqlx::query("SELECT 1").execute(&mut listener);
        time::timeout(LEASE, answer)
            .await
            .map_err(|_| sqlx::Error::PoolTimedOut)??;
        // What came before the answer counts before it.
        while let Some(change) = listener.next_buffered() {
            forget(heads, &change);
        }
        heads.trust_until(asked + LEASE);
        let next = asked + PROBE_EVERY;
        while Instant::now() < next {
            match time::timeout_at(next.into(), listener.try_recv()).await {
                Ok(Ok(Some(change))) => forget(heads, &change),
                Ok(Ok(None)) => return Ok(()),
                Ok(Err(error)) => return Err(error),
                Err(_) => break,
            }
        }
    }
}

fn forget(heads: &Heads, change: &PgNotification) {
    if let Ok(session_id) = Uuid::parse_str(change.payload()) {
        heads.changed(session_id);
    }
}
