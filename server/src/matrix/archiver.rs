//! The archiver: takes the bot and the staff out of the rooms of conversations that ended long ago, so that neither the
//! bot's sync nor anybody's list of rooms grows with what is over; and brings the bot back where it is needed.
//!
//! An account of its own, the archivist, stays in the room. It never syncs, so a room more costs nothing. Each step can be
//! repeated, and Postgres has the work until all steps are done, so the work goes on wherever it was interrupted.

use std::{sync::Arc, time::Duration};

use chrono::Utc;
use futures_util::{StreamExt, stream};
use matrix_sdk::ruma::api::error::ErrorKind;
use tokio::time::{self, Instant};
use tokio_util::sync::CancellationToken;

use super::{
    Failure,
    homeserver::{Homeserver, MatrixError, PowerLevels, RoomSetting, RoomState},
};
use crate::{
    clock::Ambient,
    config::{Archive, Matrix},
    heartbeat::Heart,
    metrics::Metrics,
    relay::backoff::Backoff,
    storage::{
        Db,
        archived_rooms::{self, Claimed, Cursor, LONGEST_DELAY, Work},
        staff_members::Membership,
    },
};

/// How often the archiver looks for work.
const POLL: Duration = Duration::from_secs(1);
/// How often it looks for conversations that ended long ago.
const SEARCH: Duration = Duration::from_secs(5);
/// The number of rooms that are worked on at the same time. Visitors' messages are more urgent.
const CONCURRENCY: usize = 2;
/// The number of rooms that are claimed at once.
const BATCH: i64 = 8;
/// How long the work on one room may take.
const TIME_LIMIT: Duration = Duration::from_secs(25);
/// The wait before a room is tried again.
const BACKOFF: Backoff = Backoff {
    first: Duration::from_secs(2),
    longest: LONGEST_DELAY,
};

/// Archives rooms. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Archiver {
    db: Db,
    homeserver: Arc<Homeserver>,
    /// The homeserver as the archivist sees it.
    archivist: Option<Arc<Homeserver>>,
    metrics: Metrics,
    after: Option<Duration>,
    session_ttl: Duration,
    ambient: Ambient,
}

impl Archiver {
    /// An archiver that does not run yet. The archivist logs in when it is first needed.
    #[must_use]
    pub fn new(
        db: Db,
        homeserver: Arc<Homeserver>,
        metrics: Metrics,
        config: &Archive,
        session_ttl: Duration,
        ambient: Ambient,
    ) -> Self {
        let archivist = config.archivist.as_ref().map(|archivist| {
            let account = Matrix {
                bot: archivist.user_id.clone(),
                credentials: archivist.credentials.clone(),
                ..homeserver.config().clone()
            };
            Arc::new(Homeserver::new(account, db.clone(), metrics.clone()))
        });
        Self {
            db,
            homeserver,
            archivist,
            metrics,
            after: config.after,
            session_ttl,
            ambient,
        }
    }

    /// Archives rooms, and brings the bot back to them, until `shutdown`. Any number of servers may do so at the same time.
    pub async fn run(self, heart: Heart, shutdown: CancellationToken) {
        let mut search = Search::default();
        loop {
            heart.beat();
            let turn = tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                turn = self.turn(&mut search, &heart) => turn,
            };
            if let Err(error) = turn {
                tracing::warn!(%error, "rooms to archive cannot be looked up");
            }
            let pause = heart.idle(time::sleep(POLL));
            tokio::select! { biased; () = shutdown.cancelled() => return, () = pause => {} }
        }
    }

    async fn turn(&self, search: &mut Search, heart: &Heart) -> Result<(), sqlx::Error> {
        if let Some(after) = self.after
            && search.is_due()
        {
            let (ttl, now) = (self.session_ttl, Utc::now());
            let next = archived_rooms::find(&self.db, search.cursor, after, ttl, now).await?;
            *search = Search::until(next);
        }
        let claimed = archived_rooms::claim(&self.db, BATCH).await?;
        let results: Vec<_> = stream::iter(claimed)
            .map(async |claimed| {
                heart.beat();
                self.work_on(&claimed).await
            })
            .buffer_unordered(CONCURRENCY)
            .collect()
            .await;
        results.into_iter().collect()
    }

    /// Works on one room, and records the result. What fails for one room is tried again for that room alone.
    async fn work_on(&self, claimed: &Claimed) -> Result<(), sqlx::Error> {
        let Claimed {
            room_id,
            session_id,
            work,
            attempts,
        } = claimed;
        let done = async {
            match work {
                Work::Archive => self.archive(claimed).await,
                Work::BringBack => self.bring_back(room_id).await,
            }
        };
        let done = time::timeout(TIME_LIMIT, done).await;
        let failure = match done.unwrap_or(Err(Failure::TimedOut)) {
            Ok(()) => return Ok(()),
            Err(failure) => failure,
        };
        let own = BACKOFF.delay(*attempts, &mut self.ambient.dice());
        let delay = own.max(failure.retry_after().unwrap_or_default());
        tracing::warn!(
            %session_id, room_id, ?work, attempts, retry_in = ?delay, %failure, "a room cannot be archived or reopened yet"
        );
        let errcode = match &failure {
            Failure::Matrix(error) => error.errcode(),
            _ => "other".into(),
        };
        archived_rooms::postpone(&self.db, room_id, &errcode, delay).await
    }

    /// Gives the room to the archivist, and takes everybody else out of it. Without an archivist, only the bot leaves.
    async fn archive(&self, claimed: &Claimed) -> Result<(), Failure> {
        let Claimed {
            room_id,
            session_id,
            ..
        } = claimed;
        let (ttl, now) = (self.session_ttl, Utc::now());
        if !archived_rooms::is_still_over(&self.db, claimed, ttl, now).await? {
            archived_rooms::keep(&self.db, room_id).await?;
            return Ok(());
        }
        let state = match self.homeserver.room_state(room_id).await {
            Ok(state) => Some(state),
            // The room is lost.
            Err(error) if is_outside(&error) => None,
            Err(error) => return Err(error.into()),
        };
        let bot = self.homeserver.config().bot.as_str();
        // Homeservers show whoever has left a room its state at that time.
        let is_in = |state: &RoomState| state.membership(bot) == Some(Membership::Joined);
        if let Some(state) = state.filter(is_in) {
            if let Some(archivist) = &self.archivist {
                self.hand_over(room_id, &state, archivist).await?;
            }
            self.homeserver.leave(room_id).await?;
        }
        archived_rooms::set_archived(&self.db, claimed, self.archivist.is_some()).await?;
        self.metrics.rooms_archived.inc();
        tracing::info!(%session_id, room_id, "room archived");
        Ok(())
    }

    /// Brings the archivist into the room, and takes everybody out of it except the archivist and the bot.
    async fn hand_over(
        &self,
        room_id: &str,
        state: &RoomState,
        archivist: &Homeserver,
    ) -> Result<(), Failure> {
        let (bot, its) = (&self.homeserver.config().bot, &archivist.config().bot);
        match state.membership(its.as_str()) {
            Some(Membership::Joined) => {}
            Some(Membership::Invited) => archivist.join(room_id).await?,
            _ => {
                self.homeserver.invite(room_id, its.as_str()).await?;
                archivist.join(room_id).await?;
            }
        }
        if state.is_in_command(its.as_str()) != Some(true) {
            let levels = PowerLevels::of_conversation(bot).with_commander(its);
            let levels = RoomSetting::PowerLevels(levels);
            self.homeserver.set_state(room_id, &levels).await?;
        }
        // From here on the bot can be called back.
        archived_rooms::set_archivist(&self.db, room_id).await?;
        let others = state
            .people()
            .filter(|id| *id != bot && *id != its.as_str());
        for user_id in others {
            match self.homeserver.remove(room_id, user_id).await {
                Ok(()) => {}
                // They have left meanwhile, or are as powerful as the bot.
                Err(error) if matches!(error.kind(), Some(ErrorKind::Forbidden)) => {
                    tracing::debug!(room_id, user_id, %error, "not removed from an archived room");
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Brings the bot back into a room. A repetition changes nothing.
    async fn bring_back(&self, room_id: &str) -> Result<(), Failure> {
        let bot = self.homeserver.config().bot.as_str();
        let Some(archivist) = &self.archivist else {
            return Err(Failure::Archived);
        };
        match archivist.invite(room_id, bot).await {
            Ok(()) => {}
            // The bot is invited or in the room already; joining tells.
            Err(error) if matches!(error.kind(), Some(ErrorKind::Forbidden)) => {}
            Err(error) => return Err(error.into()),
        }
        self.homeserver.join(room_id).await?;
        archived_rooms::set_back(&self.db, room_id).await?;
        self.metrics.rooms_brought_back.inc();
        tracing::info!(room_id, "the bot is back in an archived room");
        Ok(())
    }

    /// Brings the bot back into the room if it is archived; `false` if it is not, or nobody can call the bot back.
    pub(super) async fn reopen(&self, room_id: &str) -> Result<bool, Failure> {
        let mut db = self.db.acquire().await?;
        if !archived_rooms::request_return(&mut db, room_id).await? {
            return Ok(false);
        }
        drop(db);
        self.bring_back(room_id).await?;
        Ok(true)
    }
}

/// Whether the account is not in the room.
fn is_outside(error: &MatrixError) -> bool {
    matches!(
        error.kind(),
        Some(ErrorKind::Forbidden | ErrorKind::NotFound)
    )
}

/// From where the search for old conversations goes on, and since when it pauses.
#[derive(Debug, Default)]
struct Search {
    cursor: Cursor,
    paused: Option<Instant>,
}

impl Search {
    /// A search that goes on at once, or begins with the first conversation again after a pause.
    fn until(cursor: Cursor) -> Self {
        Self {
            paused: cursor.is_none().then(Instant::now),
            cursor,
        }
    }

    fn is_due(&self) -> bool {
        self.paused.is_none_or(|since| since.elapsed() >= SEARCH)
    }
}
