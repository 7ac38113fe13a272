//! The clocks of Postgres and the servers, which run with libfaketime and read how far they are wrong from a
//! file each.

use std::{env, fs, path::PathBuf};

/// A part whose time of day can be set.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Clock {
    Postgres,
    /// All servers of a scenario.
    Server,
}

impl Clock {
    fn file(self) -> PathBuf {
        let dir = env::var("CLOCK_FILES").expect("CLOCK_FILES: `cargo xtask test resilience`");
        let name = format!("clock-{self:?}").to_lowercase();
        PathBuf::from(dir).join(name)
    }

    /// Sets the clock wrong by this much, as in `-1h` or `+1y`; `+0` is right.
    pub(crate) fn set(self, wrong_by: &str) {
        let (file, new) = (self.file(), self.file().with_extension("new"));
        fs::write(&new, wrong_by).unwrap();
        // A reader sees the one or the other.
        fs::rename(new, file).unwrap();
    }
}

/// The variables of a server whose clock can be set.
pub(crate) fn variables() -> Vec<(&'static str, String)> {
    let library = env::var("CLOCK_LIBRARY").expect("CLOCK_LIBRARY: `cargo xtask test resilience`");
    let file = Clock::Server.file().to_str().unwrap().to_owned();
    vec![
        ("LD_PRELOAD", library),
        ("FAKETIME_TIMESTAMP_FILE", file),
        ("FAKETIME_NO_CACHE", "1".to_owned()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ("DONT_FAKE_MONOTONIC", "1".to_owned()),
        ("NO_FAKE_STAT", "1".to_owned()),
    ]
}
