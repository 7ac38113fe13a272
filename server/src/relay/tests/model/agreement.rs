//! Compares the model with the SQL statements that it represents: random operations run on both,
//! and every answer and everything stored must be the same. It needs a real Postgres, so it runs
//! with the suite `api`.

mod database;
mod operations;
mod rooms_and_staff;

use std::{
    fmt::Debug,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use rand::{RngExt, seq::IndexedRandom};
use sqlx::PgPool;
use uuid::Uuid;

use super::{Database, DatabaseFate, ModelStore};
use crate::{
    clock::Dice,
    config,
    relay::{queue::Claim, store::PostgresStore},
    storage::{Shares, staff_members::Wanted},
};
use database::{STORED, prepare, stored};

const SEEDS: u64 = 6;
const STEPS: usize = 250;
const STAFF: [&str; 2] = ["@alice:model", "@bob:model"];
/// Nothing in the model expires.
const SESSION_TTL: Duration = Duration::from_hours(24 * 365 * 100);

/// The model and Postgres, on which the test does the same.
struct Both {
    database: Arc<Mutex<Database>>,
    model: ModelStore,
    postgres: PostgresStore,
    shares: Shares,
    pool: PgPool,
    dice: Dice,
    now: DateTime<Utc>,
    names: u32,
    sessions: Vec<Uuid>,
    /// Claims that were held at some time, of the model and of Postgres. They differ in the ids of their rows.
    claims: Vec<(Claim, Claim)>,
    wanted: Vec<Wanted>,
}

/// A claim without its id.
fn shown(claim: &Claim, now: DateTime<Utc>) -> String {
    let asked = claim.room_asked.map(|asked| asked.ago(now));
    format!(
        "{} attempts {} asked {asked:?} {:?} {:?} {:?}",
        claim.position, claim.attempts, claim.task, claim.text, claim.subject
    )
}

fn agree<T: Debug>(what: &str, model: T, postgres: T) {
    assert_eq!(
        format!("{model:?}"),
        format!("{postgres:?}"),
        "{what}: model, Postgres"
    );
}

fn sorted<T: Ord>(mut list: Vec<T>) -> Vec<T> {
    list.sort_unstable();
    list
}

impl Both {
    async fn new(seed: u64, pool: &PgPool) -> Self {
        let mut database = Database::new();
        // Postgres keeps microseconds, and everything here happens at whole seconds.
        let now = DateTime::from_timestamp(1_800_000_000, 0).expect("it is a time");
        database.stand_still_at(now);
        let database = Arc::new(Mutex::new(database));
        let options = (*pool.connect_options()).clone();
        let shares = Shares::new(&config::Database {
            options,
            requires_sync_replication: false,
        });
        sqlx::raw_sql("TRUNCATE sessions, configured_staff RESTART IDENTITY CASCADE")
            .execute(pool)
            .await
            .unwrap();
        let both = Self {
            model: ModelStore::new(database.clone(), || DatabaseFate::Committed(Duration::ZERO)),
            postgres: PostgresStore::new(shares.clone(), SESSION_TTL),
            database,
            shares,
            pool: pool.clone(),
            dice: Dice::seeded(seed),
            now,
            names: 0,
            sessions: Vec::new(),
            claims: Vec::new(),
            wanted: Vec::new(),
        };
        both.set_clocks().await;
        both
    }

    fn database(&self) -> MutexGuard<'_, Database> {
        self.database.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn set_clocks(&self) {
        self.database().stand_still_at(self.now);
        sqlx::query("UPDATE test_clock.clock SET at = $1")
            .bind(self.now)
            .execute(&self.pool)
            .await
            .unwrap();
    }

    fn new_name(&mut self, kind: &str) -> String {
        self.names += 1;
        format!("{kind}-{}", self.names)
    }

    fn any_session(&mut self) -> Option<Uuid> {
        self.sessions.choose(&mut self.dice).copied()
    }

    fn any_claim(&mut self) -> Option<(Claim, Claim)> {
        // Mostly one of the latest, because the older ones do not count any more.
        let from = self
            .claims
            .len()
            .saturating_sub(self.dice.random_range(1..12));
        self.claims[from..].choose(&mut self.dice).cloned()
    }

    fn agree_on_claims(&mut self, what: &str, mut model: Vec<Claim>, mut postgres: Vec<Claim>) {
        for claims in [&mut model, &mut postgres] {
            claims.sort_by_key(|claim| (claim.position, claim.subject.id));
        }
        let lines = |claims: &[Claim]| {
            claims
                .iter()
                .map(|it| shown(it, self.now))
                .collect::<Vec<_>>()
        };
        agree(what, lines(&model), lines(&postgres));
        self.claims.extend(model.into_iter().zip(postgres));
    }

    async fn agree_on_stored(&self, what: &str) {
        let postgres: Vec<String> = sqlx::query_scalar(STORED)
            .fetch_all(&self.pool)
            .await
            .unwrap();
        let model = stored(&self.database());
        assert_eq!(model, sorted(postgres), "{what}: model, Postgres");
    }

    /// Runs a random operation on both, and checks that both answer the same. Returns the name of the operation.
    async fn step(&mut self) -> &'static str {
        let kind = self.dice.random_range(0..26);
        match kind {
            0 | 1 => {
                self.begin_session().await;
                return "a session begins";
            }
            2..5 => {
                self.claim().await;
                return "claim";
            }
            5 | 6 => {
                let by = [1, 3, 5, 6, 10, 30, 300, 400, 4000, -2, -20, -4000];
                let by = by.choose(&mut self.dice).copied().unwrap_or_default();
                self.now += TimeDelta::seconds(by);
                self.set_clocks().await;
                return "the clock is set";
            }
            7 => {
                self.claim_invitations().await;
                return "claim_invitations";
            }
            8 => {
                self.invite().await;
                return "an invitation ends";
            }
            _ => {}
        }
        if let Some(session_id) = self.any_session() {
            match kind {
                9..12 => {
                    self.write(session_id).await;
                    return "a message";
                }
                12 => {
                    self.push(session_id).await;
                    return "push";
                }
                13 => {
                    self.end_or_reopen(session_id).await;
                    return "the session ends or goes on";
                }
                14 | 15 => {
                    self.set_rooms(session_id).await;
                    return "rooms";
                }
                16 => {
                    self.look_up(session_id).await;
                    return "look-ups";
                }
                _ => {}
            }
        }
        if let Some(claim) = self.any_claim() {
            match kind {
                17..21 => {
                    self.finish().await;
                    return "finish";
                }
                21 => {
                    self.finish_failed(claim).await;
                    return "finish_failed";
                }
                22 => {
                    self.replace_room(claim).await;
                    return "replace_room";
                }
                _ => {
                    self.keep_or_give_back(claim).await;
                    return "renew, give_back, retry, set_room_asked or yield_turn";
                }
            }
        }
        "nothing"
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn the_model_and_postgres_agree(pool: PgPool) {
    prepare(&pool).await;
    for seed in 0..SEEDS {
        let mut both = Both::new(seed, &pool).await;
        for n in 0..STEPS {
            let done = both.step().await;
            both.agree_on_stored(&format!("seed {seed}, step {n}, {done}"))
                .await;
        }
        assert!(
            both.claims.len() > STEPS / 10,
            "seed {seed} claims next to nothing"
        );
        both.shares.close().await;
    }
}
