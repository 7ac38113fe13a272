//! What the rendered documents promise, read from the HTML itself.

use super::{ASSETS, LandingConfig, Page, render, support};

const EVERY_PAGE: [Page; 3] = [Page::Landing, Page::About, Page::NotFound];

fn with_chat(api_url: &str) -> LandingConfig {
    LandingConfig {
        chat_enabled: true,
        chat_api_url: api_url.to_owned(),
    }
}

/// The start tags of `name` in `html`, including their attributes.
fn tags<'a>(html: &'a str, name: &str) -> Vec<&'a str> {
    html.match_indices('<')
        .filter_map(|(at, _)| html[at + 1..].split_once('>'))
        .map(|(tag, _)| tag)
        .filter(|tag| tag.split([' ', '/']).next() == Some(name))
        .collect()
}

/// All start tags of `html`.
fn all_tags(html: &str) -> Vec<&str> {
    html.match_indices('<')
        .filter_map(|(at, _)| html[at + 1..].split_once('>'))
        .map(|(tag, _)| tag)
        .filter(|tag| tag.starts_with(|first: char| first.is_ascii_alphabetic()))
        .collect()
}

/// The value of a double-quoted attribute of a start tag.
fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let start = tag.find(&format!(" {name}=\""))? + name.len() + 3;
    tag[start..].split('"').next()
}

/// The names of the attributes of a start tag, all of which have quoted values.
fn attribute_names(tag: &str) -> impl Iterator<Item = &str> {
    let outside_quotes = tag.split('"').step_by(2);
    outside_quotes.filter_map(|part| part.trim().strip_suffix('=')?.split(' ').next_back())
}

#[test]
fn every_page_is_a_document_with_landmarks() {
    for page in EVERY_PAGE {
        let html = render(page, &with_chat("/"));
        assert!(
            html.starts_with("<!DOCTYPE html><html lang=\"en-GB\">"),
            "{page:?}"
        );
        assert!(html.ends_with("</body></html>"), "{page:?}");
        for landmark in ["header", "main", "footer", "h1", "title"] {
            assert_eq!(tags(&html, landmark).len(), 1, "{landmark} on {page:?}");
        }
        let named: Vec<_> = tags(&html, "nav")
            .into_iter()
            .map(|tag| attribute(tag, "aria-label").expect("every nav has a name"))
            .collect();
        assert_eq!(named, ["Main", "Footer"], "{page:?}");
    }
}

#[test]
fn the_skip_link_comes_first_and_leads_to_the_content() {
    for page in EVERY_PAGE {
        let html = render(page, &with_chat("/"));
        let first_link = tags(&html, "a")[0];
        assert_eq!(
            attribute(first_link, "class"),
            Some("skip-link"),
            "{page:?}"
        );
        assert_eq!(attribute(first_link, "href"), Some("#main"), "{page:?}");
        assert_eq!(
            attribute(tags(&html, "main")[0], "id"),
            Some("main"),
            "{page:?}"
        );
    }
}

#[test]
fn every_page_has_its_own_title() {
    let titles = EVERY_PAGE.map(|page| {
        let html = render(page, &LandingConfig::default());
        let (_, rest) = html.split_once("<title>").expect("a title");
        rest.split_once("</title>")
            .expect("a closed title")
            .0
            .to_owned()
    });
    assert_eq!(
        titles,
        [
            "Tokenize Real-World Assets with Enterprise-Grade Infrastructure",
            "About | WebDevelop.pro",
            "Page not found | WebDevelop.pro",
        ]
    );
}

#[test]
fn no_hydration_markers_are_left() {
    for page in EVERY_PAGE {
        assert!(!render(page, &with_chat("/")).contains("<!>"), "{page:?}");
    }
}

#[test]
fn nothing_on_a_page_needs_unsafe_inline() {
    for page in EVERY_PAGE {
        let html = render(page, &with_chat("/"));
        assert!(tags(&html, "style").is_empty(), "{page:?}");
        for script in tags(&html, "script") {
            assert!(
                attribute(script, "src").is_some(),
                "inline script on {page:?}: {script}"
            );
        }
        assert_eq!(
            html.matches("<script").count(),
            html.matches("></script>").count(),
            "{page:?}"
        );
        for tag in all_tags(&html) {
            for name in attribute_names(tag) {
                assert_ne!(name, "style", "{tag} on {page:?}");
                assert!(!name.starts_with("on"), "inline handler on {page:?}: {tag}");
            }
        }
    }
}

#[test]
fn pages_load_only_what_this_origin_serves() {
    for page in EVERY_PAGE {
        let html = render(page, &with_chat("/"));
        let mut loaded: Vec<_> = ["link", "script", "img"]
            .into_iter()
            .flat_map(|name| tags(&html, name))
            .map(|tag| {
                attribute(tag, "href")
                    .or(attribute(tag, "src"))
                    .expect("an address")
            })
            .collect();
        loaded.sort_unstable();
        for address in loaded {
            assert!(
                ASSETS.iter().any(|asset| asset.path == address),
                "{page:?} loads {address}, which is not among the assets"
            );
        }
    }
}

#[test]
fn links_within_the_site_lead_somewhere() {
    let landing = render(Page::Landing, &with_chat("/"));
    for page in EVERY_PAGE {
        let html = render(page, &with_chat("/"));
        for link in tags(&html, "a") {
            let href = attribute(link, "href").expect("a link has an address");
            if href.starts_with("mailto:") {
                continue;
            }
            let (path, fragment) = href.split_once('#').unwrap_or((href, ""));
            let target = match path {
                "" => &html,
                "/" => &landing,
                support::PATH => continue,
                other => {
                    assert!(
                        Page::ROUTED.iter().any(|page| page.path() == Some(other)),
                        "{href}"
                    );
                    continue;
                }
            };
            assert!(
                fragment.is_empty() || target.contains(&format!(" id=\"{fragment}\"")),
                "{href} on {page:?} leads nowhere"
            );
        }
    }
}

#[test]
fn every_named_section_refers_to_its_heading() {
    let html = render(Page::Landing, &with_chat("/"));
    let sections = tags(&html, "section");
    assert!(sections.len() >= 6);
    for section in sections {
        let heading = attribute(section, "aria-labelledby").expect("a section has a name");
        assert!(html.contains(&format!(" id=\"{heading}\"")), "{heading}");
    }
}

#[test]
fn the_chat_waits_in_a_template_with_a_fallback_before_it() {
    let html = render(Page::Landing, &with_chat("https://chat.example"));
    let template = tags(&html, "template");
    assert_eq!(template.len(), 1);
    assert!(attribute(template[0], "data-client-only").is_some());
    assert_eq!(
        attribute(template[0], "data-module"),
        Some("/widget/matrix-support-chat.js")
    );

    let widget = tags(&html, "matrix-support-chat");
    assert_eq!(widget.len(), 1);
    assert_eq!(
        attribute(widget[0], "api-url"),
        Some("https://chat.example")
    );
    assert_eq!(attribute(widget[0], "enabled"), Some("true"));

    let at = |needle: &str| html.find(needle).expect(needle);
    assert!(at("class=\"client-only\"") < at("class=\"chat-fallback\""));
    assert!(at("class=\"chat-fallback\"") < at("<template"));
    assert!(at("<template") < at("<matrix-support-chat"));
    assert!(at("</matrix-support-chat>") < at("</template>"));
    assert!(
        at("</footer>") < at("class=\"client-only\""),
        "outside the page's landmarks"
    );
}

#[test]
fn the_fallback_leads_to_the_chat_as_a_page() {
    for (api_url, href) in [
        ("", "/support"),
        ("/", "/support"),
        ("https://chat.example", "https://chat.example/support"),
        ("https://chat.example/", "https://chat.example/support"),
    ] {
        let html = render(Page::Landing, &with_chat(api_url));
        let fallback = tags(&html, "a")
            .into_iter()
            .find(|tag| attribute(tag, "class") == Some("chat-fallback"))
            .expect("a fallback");
        assert_eq!(attribute(fallback, "href"), Some(href));
        let (_, element) = html.split_once("<matrix-support-chat").expect("a chat");
        let (element, _) = element
            .split_once("</matrix-support-chat>")
            .expect("an end");
        let within = tags(element, "a");
        assert_eq!(within.len(), 1, "{element}");
        assert_eq!(attribute(within[0], "href"), Some(href));
    }
}

#[test]
fn an_empty_api_url_means_this_origin() {
    for url in ["", "/"] {
        let html = render(Page::Landing, &with_chat(url));
        let widget = tags(&html, "matrix-support-chat")[0];
        assert_eq!(attribute(widget, "api-url"), Some("/"));
    }
}

#[test]
fn without_chat_there_is_no_trace_of_it() {
    let disabled = LandingConfig {
        chat_enabled: false,
        ..with_chat("https://chat.example")
    };
    let pages = [
        render(Page::Landing, &disabled),
        render(Page::About, &with_chat("https://chat.example")),
        render(Page::NotFound, &with_chat("https://chat.example")),
    ];
    for html in pages {
        for trace in [
            "matrix-support",
            "<template",
            "client-only",
            "chat.example",
            "<script",
        ] {
            assert!(!html.contains(trace), "{trace} in {html}");
        }
    }
}

#[test]
fn configuration_cannot_break_out_of_the_markup() {
    let html = render(Page::Landing, &with_chat("\"><script>alert(1)</script>&"));
    assert!(!html.contains("alert(1)</script>"));
    let widget = tags(&html, "matrix-support-chat")[0];
    assert!(widget.contains("api-url=\"&quot;"), "{widget}");
    assert_eq!(tags(&html, "script").len(), 1, "only the page's own");
}

#[test]
fn the_current_page_is_marked_in_the_navigation() {
    let current = |page| {
        let html = render(page, &LandingConfig::default());
        let mut hrefs: Vec<_> = tags(&html, "a")
            .into_iter()
            .filter(|tag| attribute(tag, "aria-current") == Some("page"))
            .map(|tag| attribute(tag, "href").expect("an address").to_owned())
            .collect();
        hrefs.dedup();
        hrefs
    };
    assert_eq!(current(Page::Landing), ["/"]);
    assert_eq!(current(Page::About), ["/about"]);
    assert!(current(Page::NotFound).is_empty());
}
