//! `cargo xtask docs`: the documentation as a site, by mdBook.

use fs_err as fs;

use crate::failure::Result;
use crate::interruption::watch_signals;
use crate::layout::Layout;
use crate::process::{command, run_shown};
use crate::progress::{note, step};
use crate::{links, node, tools};

/// Builds the site into `dist/docs`. The script that draws its diagrams comes from npm, so that readers'
/// browsers fetch nothing from other sites.
pub(crate) fn run(layout: &Layout) -> Result<()> {
    watch_signals()?;
    node::ensure(layout)?;
    links::check(layout)?;
    let mdbook = tools::mdbook(layout)?;
    let mut build = command(mdbook);
    build.arg("build").current_dir(&layout.root);
    run_shown(build, "mdBook")?;
    let site = layout.root.join("dist/docs");
    let mermaid = step("mermaid", || node::mermaid(layout))?;
    fs::copy(mermaid, site.join("mermaid.min.js"))?;
    note(site.join("index.html").display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::files;

    #[test]
    fn every_page_is_in_the_table_of_contents() {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
        let summary = fs::read_to_string(docs.join("SUMMARY.md")).unwrap();
        let pages = files::walk(&docs).into_iter();
        for page in pages.filter(|path| path.extension().is_some_and(|it| it == "md")) {
            let name = page.strip_prefix(&docs).unwrap().to_str().unwrap();
            let is_listed = name == "SUMMARY.md" || summary.contains(&format!("({name})"));
            assert!(is_listed, "docs/SUMMARY.md does not list {name}");
        }
    }
}
