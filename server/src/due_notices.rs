//! Notices and other tasks for conversations' rooms that are due because time has passed.

use std::time::Duration;

use chrono::Utc;
use tokio::time;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    config::StaffLanguage,
    heartbeat::Heart,
    relay::queue::{self, Task},
    staff_texts::RoomTexts,
    storage::{
        Db, details_notices, expiry,
        sessions::{self, State},
    },
};

/// How often the server looks for notices that are due.
const PERIOD: Duration = Duration::from_secs(2);
/// How many conversations get a notice at once. Each costs the homeserver two events.
const BATCH: i64 = 20;

/// Queues announcements until `shutdown`. Any number of servers may do so at the same time.
pub async fn run(
    db: Db,
    session_ttl: Duration,
    language: StaffLanguage,
    heart: Heart,
    shutdown: CancellationToken,
) {
    let texts = RoomTexts::of(language);
    let db = db.beating(heart.clone());
    loop {
        if let Err(error) = tell_expired(&db, session_ttl, texts).await {
            tracing::warn!(%error, "expired conversations cannot be looked up");
        }
        if let Err(error) = tell_pages(&db, session_ttl).await {
            tracing::warn!(%error, "visitors who have changed the page cannot be looked up");
        }
        let pause = heart.idle(time::sleep(PERIOD));
        tokio::select! { () = shutdown.cancelled() => break, () = pause => {} }
    }
}

async fn tell_expired(db: &Db, ttl: Duration, texts: &RoomTexts) -> Result<(), sqlx::Error> {
    for session_id in expiry::untold(db, ttl, Utc::now(), BATCH).await? {
        if let Err(error) = tell_one_expired(db, session_id, ttl, texts).await {
            tracing::warn!(%session_id, %error, "staff cannot be told yet that the conversation has expired");
        }
    }
    Ok(())
}

async fn tell_one_expired(
    db: &Db,
    session_id: Uuid,
    ttl: Duration,
    texts: &RoomTexts,
) -> Result<(), sqlx::Error> {
    let mut tx = db.begin().await?;
    let session = sessions::lock(&mut tx, session_id, ttl).await?;
    // Since the look-up, somebody may have written or ended the conversation.
    let has_expired = session.is_some_and(|session| session.state == State::Expired);
    if has_expired && expiry::set_told(&mut tx, session_id).await? {
        let notice = Task::Notice(texts.expired(ttl));
        queue::push(&mut tx, session_id, &notice).await?;
        queue::push(&mut tx, session_id, &Task::Rename).await?;
        tracing::info!(%session_id, "session expired");
    }
    tx.commit().await
}

async fn tell_pages(db: &Db, ttl: Duration) -> Result<(), sqlx::Error> {
    for session_id in details_notices::due(db, BATCH).await? {
        if let Err(error) = tell_one_page(db, session_id, ttl).await {
            tracing::warn!(%session_id, %error, "staff cannot be told yet which page the visitor is on");
        }
    }
    Ok(())
}

async fn tell_one_page(db: &Db, session_id: Uuid, ttl: Duration) -> Result<(), sqlx::Error> {
    let mut tx = db.begin().await?;
    sessions::lock(&mut tx, session_id, ttl).await?;
    if details_notices::take_due(&mut tx, session_id).await? {
        queue::push(&mut tx, session_id, &Task::Details).await?;
    }
    tx.commit().await
}
