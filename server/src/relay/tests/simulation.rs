//! A deterministic simulation of the relay: one or two servers, a database and a homeserver, all of which fail as a
//! seed decides. Servers are killed, transactions and requests fail or lose their answers, clocks are set, the database
//! forgets what was not on its disk, the homeserver forgets transactions, and rooms are lost. When the faults end,
//! [`oracle`](super::oracle) checks the result.
//!
//! Everything runs on one thread in time that is paused, and every choice comes from the seed, so a seed always gives the
//! same run. `SIMULATION_SEEDS` says how many seeds are tried, and `SIMULATION_SEED` runs one alone.

use std::{
    env,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use chrono::TimeDelta;
use rand::RngExt;
use tokio::{
    runtime::Builder,
    time::{self, Duration, Instant},
};
use uuid::Uuid;

use super::{
    model::DatabaseFate,
    oracle,
    stage::{Server, Stage},
};
use crate::{clock::Dice, matrix::homeserver::fake::Fate};

/// The number of seeds that are tried unless the environment says otherwise.
const SEEDS: u64 = 600;
/// Seeds that have found a fault.
const FOUND_FAULTS: [u64; 4] = [249, 293, 532, 601];
/// How long the faults go on.
const TROUBLE: Duration = Duration::from_secs(90);
/// The time after the faults in which everything has to be done. A homeserver that was slow is asked for a room again
/// after ten minutes.
const PATIENCE: Duration = Duration::from_mins(30);

/// The probability of each fault, in a thousand.
#[derive(Clone, Copy, Debug)]
struct Odds {
    request_refused: u32,
    request_lost: u32,
    answer_lost: u32,
    slow_answer: u32,
    transaction_fails: u32,
    commit_unanswered: u32,
    slow_transaction: u32,
    killed: u32,
    database_crash: u32,
    homeserver_restart: u32,
    room_lost: u32,
    database_clock: bool,
    server_clocks: bool,
}

impl Odds {
    /// Each run has faults of its own, some of them many.
    fn roll(dice: &mut Dice) -> Self {
        let mut of = |most: u32| {
            if dice.random_bool(0.5) {
                0
            } else {
                dice.random_range(0..=most)
            }
        };
        let (request_refused, request_lost, answer_lost) = (of(200), of(200), of(300));
        let (slow_answer, transaction_fails, commit_unanswered) = (of(200), of(100), of(100));
        let (slow_transaction, killed, database_crash) = (of(100), of(150), of(60));
        let (homeserver_restart, room_lost) = (of(60), of(30));
        // Only one kind of clock may be wrong at a time, so that the others can tell.
        let (database_clock, server_clocks) = match dice.random_range(0..3) {
            0 => (true, false),
            1 => (false, true),
            _ => (false, false),
        };
        Self {
            request_refused,
            request_lost,
            answer_lost,
            slow_answer,
            transaction_fails,
            commit_unanswered,
            slow_transaction,
            killed,
            database_crash,
            homeserver_restart,
            room_lost,
            database_clock,
            server_clocks,
        }
    }
}

fn chance(dice: &mut Dice, of_thousand: u32) -> bool {
    dice.random_range(0..1_000) < of_thousand
}

fn millis(dice: &mut Dice, range: std::ops::Range<u64>) -> Duration {
    Duration::from_millis(dice.random_range(range))
}

/// What happens to a request.
fn request_fate(dice: &mut Dice, odds: &Odds, name: &str) -> Fate {
    // A room that is made a minute after it was asked for would be a second one.
    let longest = if name == "create_room" { 50_000 } else { 9_000 };
    if chance(dice, odds.request_refused) {
        return Fate::busy(Duration::from_secs(dice.random_range(0..600)));
    }
    if chance(dice, odds.request_lost) {
        return if dice.random_bool(0.5) {
            Fate::Unreachable
        } else {
            Fate::RequestLost
        };
    }
    if chance(dice, odds.answer_lost) {
        return Fate::AnswerLost {
            after: millis(dice, 0..longest),
        };
    }
    let each_way = if chance(dice, odds.slow_answer) {
        millis(dice, 0..longest)
    } else {
        millis(dice, 1..50)
    };
    Fate::Answered { each_way }
}

/// What happens to a transaction.
fn database_fate(dice: &mut Dice, odds: &Odds) -> DatabaseFate {
    if chance(dice, odds.transaction_fails) {
        return DatabaseFate::Failed;
    }
    if chance(dice, odds.commit_unanswered) {
        return DatabaseFate::AnswerLost;
    }
    let slow = chance(dice, odds.slow_transaction);
    DatabaseFate::Committed(millis(dice, if slow { 0..4_000 } else { 0..10 }))
}

struct Simulation {
    stage: Stage,
    dice: Dice,
    odds: Odds,
    in_trouble: Arc<AtomicBool>,
    servers: Vec<Server>,
    /// Each session, with the number of rooms that it has lost.
    sessions: Vec<(Uuid, usize)>,
    texts: usize,
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let mut dice = Dice::seeded(seed);
        let odds = Odds::roll(&mut dice);
        let stage = Stage::new();
        let in_trouble = Arc::new(AtomicBool::new(true));
        let (troubled, mut of_requests) = (in_trouble.clone(), Dice::seeded(!seed));
        stage.homeserver.decide(move |call| {
            if troubled.load(Ordering::Relaxed) {
                request_fate(&mut of_requests, &odds, call.name)
            } else {
                Fate::PROMPT
            }
        });
        let mut simulation = Self {
            stage,
            dice,
            odds,
            in_trouble,
            servers: Vec::new(),
            sessions: Vec::new(),
            texts: 0,
        };
        for _ in 0..simulation.dice.random_range(1..=2) {
            simulation.start_server();
        }
        simulation
    }

    fn start_server(&mut self) {
        let (odds, in_trouble) = (self.odds, self.in_trouble.clone());
        let dice = Dice::seeded(self.dice.random());
        let of_database = dice.clone();
        let server = self.stage.start_with(dice, move || {
            if in_trouble.load(Ordering::Relaxed) {
                database_fate(&mut of_database.clone(), &odds)
            } else {
                DatabaseFate::Committed(Duration::from_millis(1))
            }
        });
        if self.odds.server_clocks {
            let by = self.dice.random_range(-7_200..7_200);
            server.step_clock(TimeDelta::seconds(by));
        }
        self.servers.push(server);
    }

    /// Visitors write.
    fn visit(&mut self) {
        if self.servers.is_empty() {
            return;
        }
        let server = self.dice.random_range(0..self.servers.len());
        let server = &self.servers[server];
        self.texts += 1;
        let text = format!("text {}", self.texts);
        if self.sessions.is_empty() || (self.sessions.len() < 4 && self.dice.random_bool(0.1)) {
            let name = self.dice.random_bool(0.5).then_some("Ada");
            let session_id = self.stage.begin_session(server, name, &text);
            self.sessions.push((session_id, 0));
            return;
        }
        let session = self.dice.random_range(0..self.sessions.len());
        let session_id = self.sessions[session].0;
        if self.stage.database().messages(session_id).len() < 20 {
            self.stage.write(server, session_id, &text);
        }
    }

    /// Something breaks, perhaps.
    fn trouble(&mut self) {
        let odds = self.odds;
        if chance(&mut self.dice, odds.killed) && !self.servers.is_empty() {
            let server = self.dice.random_range(0..self.servers.len());
            self.servers.swap_remove(server).kill();
        }
        if self.servers.len() < 2 && self.dice.random_bool(0.1) {
            self.start_server();
        }
        if chance(&mut self.dice, odds.database_crash) {
            self.stage.database().crash();
        }
        if chance(&mut self.dice, odds.homeserver_restart) {
            self.stage.homeserver.restart();
        }
        if chance(&mut self.dice, odds.room_lost) && !self.sessions.is_empty() {
            let session = self.dice.random_range(0..self.sessions.len());
            let (session_id, lost) = &mut self.sessions[session];
            let room_id = self.stage.database().room_of(*session_id);
            let of_bot = self.stage.homeserver.rooms_of_bot();
            if let Some(room_id) = room_id.filter(|room_id| of_bot.contains(room_id)) {
                self.stage.homeserver.put_bot_out(&room_id);
                *lost += 1;
            }
        }
        let by = TimeDelta::seconds(self.dice.random_range(-7_200..7_200));
        if odds.database_clock && chance(&mut self.dice, 20) {
            self.stage.database().step_clock(by);
        }
        if odds.server_clocks && chance(&mut self.dice, 20) && !self.servers.is_empty() {
            let server = self.dice.random_range(0..self.servers.len());
            self.servers[server].step_clock(by);
        }
    }

    fn judge(&self) -> Result<(), String> {
        for (session_id, lost) in &self.sessions {
            oracle::judge(&self.stage, *session_id, *lost)?;
        }
        match self.stage.database().queued() {
            0 => Ok(()),
            queued => Err(format!("{queued} tasks are left")),
        }
    }

    async fn run(mut self) -> Result<Instant, String> {
        let began = Instant::now();
        while began.elapsed() < TROUBLE {
            time::sleep(millis(&mut self.dice, 1..2_000)).await;
            if self.dice.random_bool(0.5) {
                self.visit();
            }
            self.trouble();
        }
        self.in_trouble.store(false, Ordering::Relaxed);
        if self.servers.is_empty() {
            self.start_server();
        }
        // A visitor who writes finds out that the room is lost.
        let server = &self.servers[0];
        for (session_id, _) in &self.sessions {
            self.stage.write(server, *session_id, "the last text");
        }
        let ends = Instant::now() + PATIENCE;
        loop {
            match self.judge() {
                Ok(()) => return Ok(Instant::now()),
                Err(wrong) if Instant::now() > ends => {
                    return Err(format!("{wrong} ({:?})", self.odds));
                }
                Err(_) => time::sleep(Duration::from_secs(5)).await,
            }
        }
    }
}

/// Runs a seed; returns how long it took in simulated time.
fn simulate(seed: u64) -> Result<Duration, String> {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime can be made");
    runtime.block_on(async {
        let began = Instant::now();
        let ended = Simulation::new(seed).run().await?;
        Ok(ended - began)
    })
}

fn number(variable: &str) -> Option<u64> {
    let number = env::var(variable).ok()?;
    Some(number.parse().expect("it is a number"))
}

#[test]
fn whatever_fails_each_text_stands_once_and_in_order_in_its_sessions_one_room() {
    if let Some(seed) = number("SIMULATION_SEED") {
        let result = simulate(seed);
        assert!(result.is_ok(), "SIMULATION_SEED={seed}: {result:?}");
        return;
    }
    let first = number("SIMULATION_FIRST_SEED").unwrap_or_default();
    let seeds = first..first + number("SIMULATION_SEEDS").unwrap_or(SEEDS);
    let failures: Vec<_> = FOUND_FAULTS
        .into_iter()
        .chain(seeds)
        .filter_map(|seed| Some(format!("SIMULATION_SEED={seed}: {}", simulate(seed).err()?)))
        .take(5)
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn a_seed_always_gives_the_same_run() {
    for seed in 0..5 {
        assert_eq!(simulate(seed), simulate(seed), "seed {seed}");
    }
}
