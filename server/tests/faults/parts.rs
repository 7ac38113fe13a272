//! The parts that all scenarios share, Postgres and Synapse, and how they are killed.

use std::{env, process::Command, time::Duration};

use tokio::{sync::RwLock, task::spawn_blocking};

/// What takes longer than this will never be.
pub(crate) const PATIENCE: Duration = Duration::from_mins(4);

/// Held for reading by who breaks something of its own, for writing by who kills what all share: so
/// each scenario has its own kind of fault.
pub(crate) static SHARED: RwLock<()> = RwLock::const_new(());

/// A part that can be killed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part {
    /// By SIGKILL.
    Synapse,
    /// By an `immediate` shutdown: without saving anything, so that it has to recover.
    Postgres,
}

impl Part {
    /// Ends it at once.
    pub(crate) async fn kill(self) {
        self.control("stop").await;
    }

    /// Starts it; returns when it serves.
    pub(crate) async fn start(self) {
        self.control("start").await;
    }

    async fn control(self, command: &'static str) {
        let program =
            env::var("PARTS_CONTROL").expect("PARTS_CONTROL: a program that controls the parts");
        let part = match self {
            Self::Synapse => "synapse",
            Self::Postgres => "postgres",
        };
        let run = move || Command::new(program).args([part, command]).output();
        let output = spawn_blocking(run).await.unwrap().unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command} {part}: {words}");
    }
}

/// How much is done, compared with what every run of all tests does.
pub(crate) fn scale() -> u32 {
    env::var("FAULT_SCALE").map_or(1, |scale| scale.parse().expect("FAULT_SCALE: a number"))
}

/// From what all random choices follow.
pub(crate) fn seed() -> u64 {
    env::var("FAULT_SEED").map_or_else(
        |_| rand::random(),
        |seed| seed.parse().expect("FAULT_SEED: a number"),
    )
}
