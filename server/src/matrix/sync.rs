//! The syncer: follows `/sync` from the position that Postgres holds, one server at a time.

use std::{collections::HashMap, sync::Arc, time::Duration};

use chrono::Utc;
use futures_util::{StreamExt, TryStreamExt, stream};
use matrix_sdk::ruma::api::client::sync::sync_events::v3::Timeline;
use quick_cache::sync::Cache;
use tokio::time;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    event::{CREATION, RoomEvent},
    homeserver::{Homeserver, MatrixError},
    ingest::{self, RoomBatch, Rules, TakenIn},
    room,
};
use crate::{
    heartbeat::Heart,
    metrics::Metrics,
    storage::{Db, Lines, Shares, SyncLock, sessions, sync_position},
    support_chat::Heads,
};

/// How long a sync may wait for something new.
const WAIT: Duration = Duration::from_secs(25);
/// How often a server that does not sync asks whether it should.
const TAKEOVER: Duration = Duration::from_secs(2);
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(15);
/// Rooms that are looked at side by side.
const LOOKUPS: usize = 16;
/// How many rooms' sessions are remembered at most: about 150 bytes each.
const MAX_ROOMS: usize = 1 << 14;
/// How long an answer of the homeserver's may take, by the limits of its requests.
const ANSWER: Duration = Duration::from_secs(90);
const FIRST_ANSWER: Duration = Duration::from_mins(15);

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Matrix(#[from] MatrixError),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Follows the homeserver.
#[derive(Debug)]
pub struct Syncer {
    pool: Db,
    lines: Lines,
    heart: Heart,
    homeserver: Arc<Homeserver>,
    metrics: Metrics,
    heads: Heads,
    rules: Rules,
    /// The sessions of rooms: a room is one's for ever.
    sessions: Cache<String, Uuid>,
}

impl Syncer {
    /// A syncer that has not begun.
    #[must_use]
    pub fn new(
        shares: &Shares,
        heart: Heart,
        homeserver: Arc<Homeserver>,
        metrics: Metrics,
        heads: Heads,
        session_ttl: Duration,
    ) -> Self {
        let config = homeserver.config();
        let rules = Rules {
            bot: config.bot.to_string(),
            history_visibility: config.history_visibility,
            session_ttl,
        };
        Self {
            pool: shares.relay.beating(heart.clone()),
            lines: shares.lines.clone(),
            heart,
            homeserver,
            metrics,
            heads,
            rules,
            sessions: Cache::new(MAX_ROOMS),
        }
    }

    /// Syncs until `shutdown`, whenever no other server does.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut failures = 0_u32;
        while !shutdown.is_cancelled() {
            self.heart.beat();
            let turn = tokio::select! {
                () = shutdown.cancelled() => break,
                turn = self.turn(&mut failures) => turn,
            };
            let pause = match turn {
                // Another server syncs.
                Ok(()) => TAKEOVER,
                Err(failure) => {
                    failures += 1;
                    let pause = (FIRST_RETRY * failures).min(LONGEST_RETRY);
                    tracing::warn!(%failure, retry_in = ?pause, "the sync was interrupted");
                    pause
                }
            };
            tokio::select! { () = shutdown.cancelled() => {}, () = time::sleep(pause) => {} }
        }
    }

    /// Syncs for as long as this server has the lock; `Ok` when it did not get it.
    async fn turn(&self, failures: &mut u32) -> Result<(), Failure> {
        let Some(mut lock) = SyncLock::try_take(&self.lines).await? else {
            return Ok(());
        };
        tracing::info!("this server follows the homeserver");
        tokio::select! {
            followed = self.follow(failures) => followed,
            lost = lock.hold() => Err(lost.into()),
        }
    }

    /// Syncs until that fails.
    async fn follow(&self, failures: &mut u32) -> Result<(), Failure> {
        // The first answer says that the homeserver is there, and is not to wait for news.
        let mut wait = Duration::ZERO;
        loop {
            let from = sync_position::get(&self.pool).await?;
            if from.is_none() && self.begin_with_nothing().await? {
                continue;
            }
            let limit = from.as_ref().map_or(FIRST_ANSWER, |_| ANSWER);
            let answer = self.homeserver.sync(from.as_deref(), wait);
            let answer = self.heart.during(limit, Box::pin(answer)).await?;
            let news: Vec<_> = answer
                .rooms
                .join
                .iter()
                .map(|(room_id, room)| (room_id.as_str(), &room.timeline))
                .filter(|(_, timeline)| !timeline.events.is_empty() || timeline.limited)
                .collect();
            let sessions = self.sessions_of(&news).await?;
            let mut batches = Vec::new();
            for (room_id, timeline) in news {
                if let Some(&session_id) = sessions.get(room_id) {
                    let events = self.events(room_id, timeline, from.as_deref()).await?;
                    batches.push(RoomBatch { session_id, events });
                }
            }
            let to = &answer.next_batch;
            let stored = ingest::store(&self.pool, &self.rules, &batches, from.as_deref(), to);
            if let Some(taken_in) = stored.await? {
                // NOTIFY says so too, to all servers, and a little later.
                for &session_id in &taken_in.changed {
                    self.heads.changed(session_id);
                }
                self.count(&taken_in);
            } else {
                tracing::info!("another server was faster; its answer counts");
            }
            *failures = 0;
            wait = WAIT;
        }
    }

    /// Without a single conversation there is nothing to catch up with, in however many rooms the bot is;
    /// `false` when there is one. It may have got its room meanwhile, so the position comes first.
    async fn begin_with_nothing(&self) -> Result<bool, Failure> {
        let position = self.homeserver.sync_position().await?;
        if sessions::any(&self.pool).await? {
            return Ok(false);
        }
        sync_position::advance(&self.pool, None, &position, &[]).await?;
        Ok(true)
    }

    fn count(&self, taken_in: &TakenIn) {
        let now = Utc::now();
        for written_at in &taken_in.staff_texts {
            // The homeserver's clock may be ahead of ours.
            let lag = (now - written_at).to_std().unwrap_or_default();
            self.metrics.staff_message_lag.observe(lag.as_secs_f64());
        }
    }

    /// The sessions of those rooms that are ours. A room that Postgres does not know yet may have been
    /// made by an attempt that did not live to record it: its marker tells.
    async fn sessions_of(
        &self,
        news: &[(&str, &Timeline)],
    ) -> Result<HashMap<String, Uuid>, Failure> {
        let mut sessions = HashMap::new();
        let mut rooms: Vec<_> = news.iter().map(|(id, _)| (*id).to_owned()).collect();
        rooms.retain(|room_id| match self.sessions.get(room_id) {
            Some(session_id) => {
                sessions.insert(room_id.clone(), session_id);
                false
            }
            None => true,
        });
        if rooms.is_empty() {
            return Ok(sessions);
        }
        for (room_id, session_id) in sessions::of_rooms(&self.pool, &rooms).await? {
            self.sessions.insert(room_id.clone(), session_id);
            sessions.insert(room_id, session_id);
        }
        let unknown: Vec<_> = rooms
            .into_iter()
            .filter(|room_id| !sessions.contains_key(room_id))
            .collect();
        // An account may be in thousands of rooms of others when it is first used.
        let marked: Vec<_> = stream::iter(unknown)
            .map(async |room_id| {
                let mut news = news.iter().filter(|(id, _)| *id == room_id);
                // A new room's first event is in the sync.
                let session_id = match news.find_map(|(_, timeline)| creation(timeline)) {
                    Some(creation) => room::session_in(&creation.content),
                    None => room::session_of(&self.homeserver, &room_id).await?,
                };
                Ok::<_, MatrixError>(session_id.map(|session_id| (room_id, session_id)))
            })
            .buffer_unordered(LOOKUPS)
            .try_collect()
            .await?;
        for (room_id, session_id) in marked.into_iter().flatten() {
            let room_of_session = sessions::set_room(&self.pool, session_id, &room_id).await?;
            if room_of_session.as_ref() == Some(&room_id) {
                sessions.insert(room_id, session_id);
            }
        }
        Ok(sessions)
    }

    /// The room's events since `from`, oldest first. Where the sync left a gap, the room's history
    /// fills it: back to `from`, or to the beginning when there is none.
    async fn events(
        &self,
        room_id: &str,
        timeline: &Timeline,
        from: Option<&str>,
    ) -> Result<Vec<RoomEvent>, MatrixError> {
        let mut newest_first: Vec<_> = timeline
            .events
            .iter()
            .rev()
            .filter_map(RoomEvent::read)
            .collect();
        // Synapse calls each new room limited, also when all of it is there.
        let may_lack = timeline.limited && creation(timeline).is_none();
        let mut position = timeline.prev_batch.clone().filter(|_| may_lack);
        while let Some(token) = position {
            self.heart.beat();
            let (page, next) = self.homeserver.history(room_id, Some(&token), from).await?;
            newest_first.extend(page);
            position = next;
        }
        newest_first.reverse();
        Ok(newest_first)
    }
}

/// The room's first event, where the timeline has it.
fn creation(timeline: &Timeline) -> Option<RoomEvent> {
    let mut events = timeline.events.iter().filter_map(RoomEvent::read);
    events.find(|event| event.event_type == CREATION)
}
