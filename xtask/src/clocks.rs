//! Clocks that tests set: programs that run with libfaketime read the time of day from a file.

use std::ffi::OsString;

use crate::apt;
use crate::prelude::*;

/// The library that gives a program another time of day.
pub(crate) struct Clocks(PathBuf);

impl Clocks {
    /// The names of all variables that [`of`](Self::of) gives.
    pub(crate) const VARIABLES: [&str; 6] = [
        "LD_PRELOAD",
        "FAKETIME_TIMESTAMP_FILE",
        "FAKETIME_NO_CACHE",
        "FAKETIME_DONT_FAKE_MONOTONIC",
        "DONT_FAKE_MONOTONIC",
        "NO_FAKE_STAT",
    ];

    /// Finds the library, or installs it. Without it, a note says what is not checked; in CI that is a failure.
    pub(crate) fn find(layout: &Layout) -> Result<Option<Self>> {
        let found = apt::find_or_install(layout, "faketime", Self::on_system)?;
        if found.is_none() {
            if std::env::var_os("CI").is_some() {
                bail!("there is no libfaketime: install Debian's package faketime");
            }
            note("nothing is tested with wrong clocks: there is no libfaketime");
        }
        Ok(found)
    }

    /// The variant for programs with many threads.
    fn on_system() -> Option<Self> {
        let mut dirs = files::list(Path::new("/usr/lib"));
        dirs.push(PathBuf::from("/usr/lib"));
        let libraries = dirs
            .iter()
            .map(|dir| dir.join("faketime/libfaketimeMT.so.1"));
        libraries.into_iter().find(|path| path.is_file()).map(Self)
    }

    pub(crate) fn library(&self) -> &Path {
        &self.0
    }

    /// The variables of a program whose clock is the file `clock-NAME` in the directory, which says how far the clock
    /// is wrong: not at all at first.
    pub(crate) fn of(&self, dir: &Path, name: &str) -> Result<Vec<(&'static str, OsString)>> {
        let file = dir.join(format!("clock-{name}"));
        fs_err::write(&file, "+0")?;
        Ok(vec![
            ("LD_PRELOAD", self.0.clone().into()),
            ("FAKETIME_TIMESTAMP_FILE", file.into()),
            // The file is read each time.
            ("FAKETIME_NO_CACHE", "1".into()),
            // Durations are measured by a clock that nobody sets.
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
            ("DONT_FAKE_MONOTONIC", "1".into()),
            ("NO_FAKE_STAT", "1".into()),
        ])
    }
}
