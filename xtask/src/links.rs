//! Checks that every relative link and anchor in the repository's Markdown leads somewhere.

use std::collections::HashMap;
use std::path::Path;

use fs_err as fs;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use crate::failure::{Result, bail, fail};
use crate::layout::Layout;
use crate::process::{command, output_of};
use crate::progress::{note, step};

/// Fails when a link leads nowhere, and names each one that does. Other sites are not asked.
pub(crate) fn check(layout: &Layout) -> Result<()> {
    let mut git = command("git");
    git.args("ls-files --cached --others --exclude-standard *.md".split(' '))
        .current_dir(&layout.root);
    let Some(files) = output_of(&mut git) else {
        return fail("git does not list the Markdown files");
    };
    step("links in the documentation", || {
        let mut broken = Vec::new();
        for file in files
            .lines()
            .filter(|file| layout.root.join(file).is_file())
        {
            let path = layout.root.join(file);
            for link in Page::read(&fs::read_to_string(&path)?).links {
                if let Some(fault) = fault(&path, &link)? {
                    broken.push(format!("    {file}: {link}: {fault}"));
                }
            }
        }
        broken.iter().for_each(note);
        match broken.len() {
            0 => Ok(()),
            count => bail!("{count} links lead nowhere"),
        }
    })
}

/// Why a link on a page leads nowhere.
fn fault(page: &Path, link: &str) -> Result<Option<&'static str>> {
    if link.contains("://") || link.starts_with("mailto:") {
        return Ok(None);
    }
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    let target = match file {
        "" => page.to_owned(),
        file => page.with_file_name("").join(file),
    };
    if !target.exists() {
        return Ok(Some("there is no such file"));
    }
    if anchor.is_empty() || target.extension().is_none_or(|it| it != "md") {
        return Ok(None);
    }
    let anchors = Page::read(&fs::read_to_string(target)?).anchors;
    let is_there = anchors.iter().any(|known| known == anchor);
    Ok((!is_there).then_some("there is no such heading"))
}

/// What a page links to, and what may be linked to on it.
#[derive(Default)]
struct Page {
    links: Vec<String>,
    anchors: Vec<String>,
}

impl Page {
    fn read(markdown: &str) -> Self {
        let mut page = Self::default();
        let mut seen = HashMap::new();
        let mut heading: Option<String> = None;
        for event in Parser::new_ext(markdown, Options::ENABLE_TABLES) {
            match event {
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    page.links.push(dest_url.into_string());
                }
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => {
                    let anchor = anchor(&heading.take().unwrap_or_default());
                    let before = seen.entry(anchor.clone()).or_insert(0_u32);
                    page.anchors.push(match *before {
                        0 => anchor,
                        before => format!("{anchor}-{before}"),
                    });
                    *before += 1;
                }
                Event::Text(text) | Event::Code(text) => {
                    if let Some(heading) = &mut heading {
                        heading.push_str(&text);
                    }
                }
                _ => {}
            }
        }
        page
    }
}

/// The anchor of a heading, as GitHub and mdBook make it.
fn anchor(heading: &str) -> String {
    heading
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || "-_ ".contains(*c))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_anchors_are_found() {
        let text =
            "# `a_b` and C, d\n\n[x](y.md#z) ![p](p.png)\n```\n[no](no.md)\n```\n## Two\n## Two\n";
        let page = Page::read(text);
        assert_eq!(page.links, ["y.md#z", "p.png"]);
        assert_eq!(page.anchors, ["a_b-and-c-d", "two", "two-1"]);
    }

    #[test]
    fn what_is_not_there_is_told() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
        let fault = |link: &str| fault(&page, link).unwrap();
        for good in [
            "LICENSE",
            "https://example.org/gone",
            "CONTRIBUTING.md#set-up",
            "docs",
        ] {
            assert_eq!(fault(good), None, "{good}");
        }
        assert_eq!(fault("docs/gone.md"), Some("there is no such file"));
        assert_eq!(
            fault("CONTRIBUTING.md#gone"),
            Some("there is no such heading")
        );
    }
}
