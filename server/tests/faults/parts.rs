//! The parts that all scenarios share, Postgres and Synapse, and how they are killed.

use std::{env, process::Command, time::Duration};

use tokio::{sync::RwLock, task::spawn_blocking};

/// Anything that takes longer than this will never happen.
pub(crate) const PATIENCE: Duration = Duration::from_mins(10);

/// A scenario that breaks something of its own holds this for reading, and one that kills shared parts for writing, so
/// that each has only its own kind of fault.
pub(crate) static SHARED: RwLock<()> = RwLock::const_new(());

/// A part that can be killed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part {
    /// It is killed by SIGKILL.
    Synapse,
    /// It is stopped by an `immediate` shutdown, which saves nothing, so that it has to recover.
    Postgres,
    /// A standby of Postgres, made when it is first started. It is killed by SIGKILL.
    Standby,
}

impl Part {
    /// Kills it.
    pub(crate) async fn kill(self) {
        self.control("stop").await;
    }

    /// Starts it; returns when it is ready.
    pub(crate) async fn start(self) {
        self.control("start").await;
    }

    /// Makes a backup of Synapse, which is down meanwhile.
    pub(crate) async fn save(self) {
        self.control("save").await;
    }

    /// Restores the backup that was made last.
    pub(crate) async fn restore(self) {
        self.control("restore").await;
    }

    /// Has Synapse forget which transactions it has seen.
    pub(crate) async fn forget_transactions(self) {
        self.control("forget").await;
    }

    async fn control(self, command: &'static str) {
        let program =
            env::var("PARTS_CONTROL").expect("PARTS_CONTROL: a program that controls the parts");
        let part = match self {
            Self::Synapse => "synapse",
            Self::Postgres => "postgres",
            Self::Standby => "standby",
        };
        let run = move || Command::new(program).args([part, command]).output();
        let output = spawn_blocking(run).await.unwrap().unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command} {part}: {words}");
    }
}

/// The amount of work, relative to an ordinary run of all tests.
pub(crate) fn scale() -> u32 {
    env::var("FAULT_SCALE").map_or(1, |scale| scale.parse().expect("FAULT_SCALE: a number"))
}

/// The seed of all random choices.
pub(crate) fn seed() -> u64 {
    env::var("FAULT_SEED").map_or_else(
        |_| rand::random(),
        |seed| seed.parse().expect("FAULT_SEED: a number"),
    )
}
