//! Arbitrary bytes as the homeserver's answers, for a minute.

use crate::failure::Result;
use crate::files;
use crate::layout::Layout;
use crate::process::{command, run_shown};
use crate::tools;

/// Runs the fuzz target on its corpus and on what comes of that. What is found stays in `fuzz/artifacts`.
pub(crate) fn run(layout: &Layout) -> Result<()> {
    let mut fuzz = command(tools::get(layout, &tools::CARGO_FUZZ)?);
    // New inputs go into the first corpus; the one that is committed is only read.
    let found = layout.test().join("fuzz-corpus");
    files::create_private_dir(&found)?;
    let options = "fuzz/corpus/sync_answer -- -dict=fuzz/sync_answer.dict -max_total_time=60 \
                   -max_len=65536 -timeout=10 -print_final_stats=1 -verbosity=0";
    fuzz.args(["fuzz", "run", "--sanitizer", "none", "--target-dir"])
        .arg(layout.target()?.join("fuzz"))
        .arg("sync_answer")
        .arg(&found)
        .args(options.split(' '))
        // Coverage is counted by an option that only a nightly compiler takes without this.
        .env("RUSTC_BOOTSTRAP", "1")
        .current_dir(&layout.root);
    run_shown(&mut fuzz, "the fuzz target")
}
