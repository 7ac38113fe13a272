//! Arbitrary bytes as the homeserver's answers, for a minute.

use crate::failure::Result;
use crate::files;
use crate::layout::Layout;
use crate::process::{command, run_shown};
use crate::tools;

const TARGET: &str = "sync_answer";
const SECONDS: u32 = 60;

/// Runs the fuzz target on its corpus and on what comes of that. What is found stays in `fuzz/artifacts`.
pub(crate) fn run(layout: &Layout) -> Result<()> {
    let cargo_fuzz = tools::cargo_fuzz(layout)?;
    // New inputs go into the first corpus; the one that is committed is only read.
    let found = layout.test().join("fuzz-corpus");
    files::create_private_dir(&found)?;
    let mut fuzz = command(cargo_fuzz);
    fuzz.args(["fuzz", "run", "--sanitizer", "none", "--target-dir"])
        .arg(layout.target()?.join("fuzz"))
        .arg(TARGET)
        .arg(&found)
        .arg(format!("fuzz/corpus/{TARGET}"))
        .arg("--")
        .arg(format!("-max_total_time={SECONDS}"))
        .arg(format!("-dict=fuzz/{TARGET}.dict"))
        .args([
            "-max_len=65536",
            "-timeout=10",
            "-print_final_stats=1",
            "-verbosity=0",
        ])
        // Coverage is counted by an option that only a nightly compiler takes without this.
        .env("RUSTC_BOOTSTRAP", "1")
        .current_dir(&layout.root);
    run_shown(&mut fuzz, "the fuzz target")
}
