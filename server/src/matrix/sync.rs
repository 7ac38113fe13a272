//! The syncer: follows `/sync` from the position that Postgres holds, one server at a time.

mod desk_quarantine;
mod quarantine;
mod rooms;

use std::{collections::HashSet, sync::Arc, time::Duration};

use chrono::Utc;
use futures_util::{StreamExt, TryStreamExt, stream};
use incoming::{answer::RoomNews, event::RoomEvent};
use quick_cache::sync::Cache;
use tokio::time::{self, Instant};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    Failure,
    archiver::Archiver,
    desk::Desk,
    homeserver::{Homeserver, MatrixError},
    ingest::{self, IngestOutcome},
    room_batch::{RoomBatch, Span},
    rules::Rules,
    staff_signals::StaffSignals,
};
use crate::{
    clock::Ambient,
    config::Config,
    heartbeat::Heart,
    metrics::Metrics,
    poll_cache::PollCache,
    relay::queue,
    storage::{
        Connector, Db, Shares, SyncLock, archived_rooms,
        desk::room::{self as desk_rooms, DeskRoom},
        quarantine as set_aside, session_rooms, sessions, sync_position,
    },
};

/// How long a sync may wait for something new.
const WAIT: Duration = Duration::from_secs(25);
/// The same while visitors are there: when another one comes, only the next sync requests receipts in their room.
const WAIT_WITH_VISITORS: Duration = Duration::from_secs(10);
/// How often a server that does not sync tries to take over.
const TAKEOVER: Duration = Duration::from_secs(2);
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(15);
/// How long all rooms may wait for requests about some of them.
const ASKING: Duration = Duration::from_secs(5);
/// The same after the position was lost, when all rooms have to be read from their beginnings.
const ASKING_FROM_THE_BEGINNING: Duration = Duration::from_mins(10);
/// How often the syncer checks whether the bot is still in the rooms of open conversations.
const WATCH_ROOMS: Duration = Duration::from_secs(15);
/// The number of rooms that are looked up at the same time.
const LOOKUPS: usize = 16;
/// The number of rooms whose sessions are remembered, of about 150 bytes each.
const MAX_ROOMS: usize = 1 << 14;
/// How long an answer of the homeserver may take, given the limits of its requests.
const ANSWER: Duration = Duration::from_secs(90);
const FIRST_ANSWER: Duration = Duration::from_mins(15);

/// What a room belongs to.
#[derive(Clone, Debug)]
enum Owner {
    Session(Uuid),
    Desk(DeskRoom),
}

/// Follows the homeserver.
#[derive(Debug)]
pub struct Syncer {
    pool: Db,
    connector: Connector,
    heart: Heart,
    homeserver: Arc<Homeserver>,
    metrics: Metrics,
    poll_cache: PollCache,
    signals: StaffSignals,
    rules: Rules,
    desk: Desk,
    /// The sessions of rooms. A room gets another session only when its session is deleted.
    sessions: Cache<String, Uuid>,
}

impl Syncer {
    /// A syncer that does not run yet.
    #[must_use]
    pub fn new(
        shares: &Shares,
        heart: Heart,
        homeserver: Arc<Homeserver>,
        metrics: Metrics,
        poll_cache: PollCache,
        config: &Config,
        ambient: &Ambient,
    ) -> Self {
        let session_ttl = config.limits.session_ttl;
        let desk = Desk::new(
            shares.relay.clone(),
            homeserver.clone(),
            metrics.clone(),
            config.desk.clone(),
            session_ttl,
            ambient.clone(),
            Archiver::new(
                shares.relay.clone(),
                homeserver.clone(),
                metrics.clone(),
                &config.archive,
                session_ttl,
                ambient.clone(),
            ),
        );
        let rules = Rules::new(config);
        let signals = StaffSignals::new(
            shares.relay.clone(),
            homeserver.clone(),
            poll_cache.clone(),
            metrics.clone(),
            session_ttl,
        );
        Self {
            signals,
            pool: shares.relay.beating(heart.clone()),
            connector: shares.connector.clone(),
            heart,
            homeserver,
            metrics,
            poll_cache,
            rules,
            desk,
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
        let Some(mut lock) = SyncLock::try_take(&self.connector).await? else {
            return Ok(());
        };
        tracing::info!("this server follows the homeserver");
        tokio::select! {
            followed = self.follow(failures) => followed,
            lost = lock.hold() => Err(lost.into()),
            () = self.retry_set_aside() => Ok(()),
            () = self.watch_rooms() => Ok(()),
            () = self.desk.work() => Ok(()),
            () = self.signals.work() => Ok(()),
        }
    }

    /// Looks for lost rooms again and again.
    async fn watch_rooms(&self) {
        loop {
            time::sleep(WATCH_ROOMS).await;
            if let Err(failure) = self.find_lost_rooms().await {
                tracing::warn!(%failure, "the bot's rooms cannot be checked");
            }
        }
    }

    /// A message that is sent finds out that its room is lost. If there is nothing to send, a notice is sent for that.
    async fn find_lost_rooms(&self) -> Result<(), Failure> {
        // This is read first, so that a room that is made meanwhile does not look lost.
        let settled = session_rooms::settled_rooms(&self.pool, self.rules.session_ttl).await?;
        if settled.is_empty() {
            return Ok(());
        }
        let joined: HashSet<_> = self.homeserver.joined_rooms().await?.into_iter().collect();
        for (session_id, room_id) in settled {
            if !joined.contains(&room_id) {
                let mut tx = self.pool.begin().await?;
                // Somebody goes on with a conversation whose room was archived.
                if !archived_rooms::request_return(&mut tx, &room_id).await? {
                    let notice = self.homeserver.room_texts().put_out;
                    queue::push_if_idle(&mut tx, session_id, &room_id, notice).await?;
                }
                tx.commit().await?;
            }
        }
        Ok(())
    }

    /// Syncs until it fails.
    async fn follow(&self, failures: &mut u32) -> Result<(), Failure> {
        // The first answer shows that the homeserver is there, so it must not wait for news.
        let mut longest_wait = Duration::ZERO;
        loop {
            let from = sync_position::get(&self.pool).await?;
            if from.is_none() && self.begin_with_nothing().await? {
                continue;
            }
            let limit = from.as_ref().map_or(FIRST_ANSWER, |_| ANSWER);
            let watched = match from {
                Some(_) => self.signals.rooms().await,
                None => Vec::new(),
            };
            let wait = if watched.is_empty() {
                longest_wait
            } else {
                longest_wait.min(WAIT_WITH_VISITORS)
            };
            let answer = self.homeserver.sync(from.as_deref(), wait, &watched);
            let answer = self.heart.during(limit, Box::pin(answer)).await;
            let answer = answer.inspect_err(|error| self.signals.failed(&watched, error))?;
            self.signals.take(answer.signals);
            let batches = self.batches(answer.rooms, from.as_deref()).await?;
            let span = Span {
                from: from.as_deref(),
                to: &answer.next_batch,
            };
            let stored = ingest::store(&self.pool, &self.rules, &batches, span);
            if let Some(taken_in) = stored.await? {
                self.tell(&taken_in);
            } else {
                tracing::info!("another server was faster; its answer counts");
            }
            *failures = 0;
            longest_wait = WAIT;
        }
    }

    /// Skips the past if there is no conversation yet: there is nothing to catch up with, in however many rooms the bot
    /// is. `false` when there is one. It may have got its room meanwhile, so the position is read first.
    async fn begin_with_nothing(&self) -> Result<bool, Failure> {
        let position = self.homeserver.sync_position().await?;
        if sessions::any(&self.pool).await? {
            return Ok(false);
        }
        sync_position::advance(&self.pool, None, &position, &[], &[]).await?;
        Ok(true)
    }

    /// Reports the result of a sync to the polls that wait for it, and to the operator.
    fn tell(&self, taken_in: &IngestOutcome) {
        // NOTIFY tells all servers the same a little later.
        for &session_id in &taken_in.changed {
            self.poll_cache.changed(session_id);
        }
        let now = Utc::now();
        for written_at in &taken_in.staff_texts {
            // The homeserver's clock may be ahead of this one.
            let lag = (now - written_at).to_std().unwrap_or_default();
            self.metrics.staff_message_lag.observe(lag.as_secs_f64());
        }
        for room_id in &taken_in.ownerless {
            tracing::warn!(room_id, "a room's session no longer exists");
            self.sessions.remove(room_id);
        }
        for (room_id, reason) in &taken_in.set_aside {
            tracing::warn!(room_id, reason, "a room was set aside");
            self.metrics.rooms_set_aside.inc();
        }
        self.metrics.set_aside_given_up.inc_by(taken_in.given_up);
    }

    /// The news of those rooms that are the bot's, including what the sync has left out. A fault that concerns one room
    /// is an obstacle for that room.
    async fn batches(
        &self,
        news: Vec<RoomNews>,
        from: Option<&str>,
    ) -> Result<Vec<RoomBatch>, Failure> {
        let until = Instant::now()
            + match from {
                Some(_) => ASKING,
                None => ASKING_FROM_THE_BEGINNING,
            };
        let rooms: Vec<_> = news.iter().map(|room| room.room_id.clone()).collect();
        let known = self.known_sessions(&rooms).await?;
        let has_to_be_asked_about =
            |room: &RoomNews| room.gap_from.is_some() || !known.contains_key(&room.room_id);
        let waiting = if news.iter().any(has_to_be_asked_about) {
            set_aside::waiting(&self.pool, &rooms).await?
        } else {
            Vec::new()
        };
        let mut desk = None;
        if self.desk.is_on() && rooms.iter().any(|room_id| !known.contains_key(room_id)) {
            desk = desk_rooms::get(&self.pool).await?;
        }
        let batches = stream::iter(news)
            .map(async |room| {
                let mut owner = known.get(&room.room_id).map(|id| Owner::Session(*id));
                if let Some(desk) = desk.as_ref().filter(|desk| desk.room_id == room.room_id) {
                    owner = Some(Owner::Desk(desk.clone()));
                }
                let is_waiting = waiting.contains(&room.room_id);
                self.batch(room, owner, is_waiting, from, until).await
            })
            .buffered(LOOKUPS);
        let batches: Vec<_> = batches.try_collect().await?;
        Ok(batches.into_iter().flatten().collect())
    }

    /// A room's history, oldest first: back from `gap_from` to `to`, or to the beginning if there is none.
    async fn history(
        &self,
        room_id: &str,
        gap_from: &str,
        to: Option<&str>,
    ) -> Result<Vec<RoomEvent>, MatrixError> {
        let mut newest_first = Vec::new();
        let mut position = Some(gap_from.to_owned());
        while let Some(token) = position {
            self.heart.beat();
            let (page, next) = self.homeserver.history(room_id, Some(&token), to).await?;
            newest_first.extend(page);
            position = next;
        }
        newest_first.reverse();
        Ok(newest_first)
    }
}

/// Does work for one room, within a time limit; returns the reason if it fails.
async fn within<T>(
    until: Instant,
    done: impl Future<Output = Result<T, Failure>>,
) -> Result<Result<T, String>, Failure> {
    let done = time::timeout_at(until, done).await;
    match done.unwrap_or(Err(Failure::TimedOut)) {
        Ok(done) => Ok(Ok(done)),
        Err(failure) if failure.is_rooms_own() => Ok(Err(failure.to_string())),
        Err(failure) => Err(failure),
    }
}
