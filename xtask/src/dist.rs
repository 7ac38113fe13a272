//! `cargo xtask dist`: what is published, in `dist/`.

use crate::failure::Result;
use crate::layout::Layout;
use crate::process::watch_signals;
use crate::progress::note;
use crate::{node, npm_package, widget};

/// Builds everything that is published, and says where it is.
pub(crate) fn run(layout: &Layout) -> Result<()> {
    watch_signals()?;
    node::check()?;
    widget::build(layout)?;
    let made = [npm_package::pack(layout)?];
    for path in made {
        note(path.display());
    }
    Ok(())
}
