//! Servers, a database and a homeserver, all in one process.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use chrono::TimeDelta;
use matrix_sdk::ruma::OwnedUserId;
use secrecy::SecretString;
use tokio::{
    task::JoinHandle,
    time::{self, Duration},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::model::{Database, DatabaseFate, ModelStore};
use crate::{
    clock::{Ambient, Clock, Dice},
    config::{Answers, BotCredentials, CannedReplies, HistoryVisibility, Matrix, StaffLanguage},
    heartbeat::Heartbeats,
    matrix::{Homeserver, homeserver::fake::FakeHomeserver, inviter::Inviter},
    metrics::Metrics,
    relay::{
        handoff::Handoff,
        queue::{Lane, Task},
        worker,
    },
};

pub(super) const BOT: &str = "@bot:fake";
pub(super) const STAFF: [&str; 2] = ["@alice:fake", "@bob:fake"];

/// How often the clocks of servers move.
const TICK: Duration = Duration::from_secs(1);
/// How often the test looks whether everything is done.
const LOOK: Duration = Duration::from_millis(100);

/// The database and the homeserver, and the servers between them.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) homeserver: FakeHomeserver,
    database: Arc<Mutex<Database>>,
}

/// A server that relays.
#[derive(Debug)]
pub(super) struct Server {
    handoff: Handoff,
    parts: Vec<JoinHandle<()>>,
    clock: Clock,
    is_dead: Arc<AtomicBool>,
    stop: CancellationToken,
}

fn config() -> Matrix {
    let user = |id: &str| OwnedUserId::try_from(id).expect("it is a user id");
    Matrix {
        homeserver_url: "http://fake".parse().expect("it is an address"),
        bot: user(BOT),
        credentials: BotCredentials::Password(SecretString::from("unused")),
        staff: STAFF.map(user).to_vec(),
        history_visibility: HistoryVisibility::Joined,
        canary: None,
        answers: Answers {
            language: StaffLanguage::English,
            canned: CannedReplies::default(),
        },
    }
}

impl Stage {
    pub(super) fn new() -> Self {
        Self {
            homeserver: FakeHomeserver::new(BOT),
            database: Arc::new(Mutex::new(Database::new())),
        }
    }

    pub(super) fn database(&self) -> MutexGuard<'_, Database> {
        self.database.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a server whose transactions all succeed.
    pub(super) fn start(&self) -> Server {
        self.start_with(Dice::seeded(1), || {
            DatabaseFate::Committed(Duration::from_millis(1))
        })
    }

    /// Starts a server with these dice, which decides the fate of its transactions in this way.
    pub(super) fn start_with(
        &self,
        dice: Dice,
        decide: impl Fn() -> DatabaseFate + Send + Sync + 'static,
    ) -> Server {
        let is_dead = Arc::new(AtomicBool::new(false));
        let died = is_dead.clone();
        let store = Arc::new(ModelStore::new(self.database.clone(), move || {
            if died.load(Ordering::Relaxed) {
                DatabaseFate::Dead
            } else {
                decide()
            }
        }));
        let clock = Clock::set_to(self.database().true_time());
        let ambient = Ambient::new(clock.clone(), dice);
        let homeserver = Homeserver::with_connection(config(), Box::new(self.homeserver.clone()));
        let homeserver = Arc::new(homeserver);
        let metrics = Metrics::new().expect("metrics can be made");
        let hearts = Heartbeats::default();
        let inviter = Inviter::new(
            store.clone(),
            homeserver.clone(),
            metrics.clone(),
            ambient.clone(),
        );
        let (handoff, handed_over) = Handoff::new();
        let stop = CancellationToken::new();
        let parts = worker::Parts {
            store,
            heart: hearts.heart("outbox"),
            recorder_heart: hearts.heart("recorder"),
            homeserver,
            metrics,
            inviter: inviter.clone(),
            ambient,
        };
        let ticking = clock.clone();
        let parts = vec![
            tokio::spawn(worker::run(parts, handed_over, stop.clone())),
            tokio::spawn(inviter.run(hearts.heart("inviter"), stop.clone())),
            tokio::spawn(async move {
                loop {
                    time::sleep(TICK).await;
                    ticking.step(TimeDelta::from_std(TICK).unwrap_or_default());
                }
            }),
        ];
        Server {
            handoff,
            parts,
            clock,
            is_dead,
            stop,
        }
    }

    /// A visitor begins a conversation at this server.
    pub(super) fn begin_session(&self, server: &Server, name: Option<&str>, text: &str) -> Uuid {
        let place = server.handoff.place(Lane::Rooms);
        let (session_id, claim) = self.database().begin_session(name, text, place.is_some());
        if let (Some(claim), Some(place)) = (claim, place) {
            server.handoff.send(claim, place);
        }
        session_id
    }

    /// A visitor writes at this server.
    pub(super) fn write(&self, server: &Server, session_id: Uuid, text: &str) {
        let place = server.handoff.place(Lane::Messages);
        let claim = self.database().write(session_id, text, place.is_some());
        if let (Some(claim), Some(place)) = (claim, place) {
            server.handoff.send(claim, place);
        }
    }

    /// The bot sends a message of its own.
    pub(super) fn say(&self, session_id: Uuid, notice: &str) {
        let task = Task::Notice(notice.to_owned());
        self.database().push(session_id, task);
    }

    /// Waits until nothing is queued any more.
    pub(super) async fn settle(&self) {
        let settled = async {
            while self.database().queued() > 0 {
                time::sleep(LOOK).await;
            }
        };
        let limit = Duration::from_hours(1);
        assert!(time::timeout(limit, settled).await.is_ok(), "it never ends");
    }

    pub(super) fn room_of(&self, session_id: Uuid) -> String {
        let room_id = self.database().room_of(session_id);
        room_id.expect("the session has a room")
    }

    /// What the visitor wrote, as it stands in the session's room.
    pub(super) fn texts(&self, session_id: Uuid) -> Vec<String> {
        let room_id = self.room_of(session_id);
        self.homeserver.bodies(&room_id, "m.text")
    }
}

impl Server {
    /// The process is killed. Nothing of it continues, but requests that it has sent may still
    /// arrive.
    pub(super) fn kill(self) {
        self.is_dead.store(true, Ordering::Relaxed);
        for part in &self.parts {
            part.abort();
        }
    }

    /// The process is told to end.
    pub(super) fn stop(&self) {
        self.stop.cancel();
    }

    /// Sets the clock forwards or backwards.
    pub(super) fn step_clock(&self, by: TimeDelta) {
        self.clock.step(by);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for part in &self.parts {
            part.abort();
        }
    }
}
