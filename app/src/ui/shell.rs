//! The document around every page: head, header, footer.

use std::borrow::Cow;

use leptos::prelude::*;

use super::{Page, contact::CONTACT_HREF, icons::mark};
use crate::Language;

const ENGLISH: &str = "en-GB";

const COMPANY: &str = "WebDevelop.pro";

/// The sections of the landing page that the navigation offers, with their names.
const SECTIONS: [(&str, &str); 5] = [
    ("/#what-it-is", "What it is"),
    ("/#how-it-works", "How it works"),
    ("/#features", "Features"),
    ("/#security", "Security"),
    ("/#faq", "FAQ"),
];

/// A page without the frame that surrounds all pages.
pub(super) struct Document {
    /// The language of the title and the content. The frame is in English.
    pub(super) language: Language,
    pub(super) title: Cow<'static, str>,
    pub(super) description: &'static str,
    /// Which of the site's pages this is, for the navigation.
    pub(super) page: Option<Page>,
    /// Whether search engines should index it.
    pub(super) indexed: bool,
    /// The address to which the browser goes on at once, if the page is only an intermediate step.
    pub(super) leads_to: Option<&'static str>,
    /// Whether the page has parts for `/assets/client-only.js`.
    pub(super) scripted: bool,
    /// The content of `<main>`.
    pub(super) content: AnyView,
    /// The content after the footer.
    pub(super) aside: Option<AnyView>,
}

/// Renders a document as complete HTML.
pub(super) fn to_html(document: impl FnOnce() -> Document) -> String {
    let owner = Owner::new();
    let html = owner.with(|| shell(document()).to_html());
    owner.unset();
    // Removes Leptos's markers for hydration, which is not used. Texts cannot contain them, because
    // `<` is escaped.
    html.replace("<!>", "")
}

fn shell(document: Document) -> impl IntoView {
    let page = document.page;
    let language = document.language;
    let (tag, direction) = match language {
        Language::English => (ENGLISH, None),
        other => (other.tag(), Some(other.direction())),
    };
    view! {
        <!DOCTYPE html>
        <html lang=tag dir=direction>
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1" />
                <title>{document.title}</title>
                <meta name="description" content=document.description />
                <meta name="color-scheme" content="light dark" />
                {(!document.indexed).then(|| view! { <meta name="robots" content="noindex" /> })}
                {document
                    .leads_to
                    .map(|path| {
                        view! { <meta http-equiv="refresh" content=format!("0; url={path}") /> }
                    })}
                <link rel="icon" href="/assets/favicon.svg" type="image/svg+xml" />
                <link rel="stylesheet" href="/assets/landing.css" />
                {document
                    .scripted
                    .then(|| view! { <script type="module" src="/assets/client-only.js"></script> })}
            </head>
            <body>
                <a class="skip-link" href="#main" lang=ENGLISH dir="ltr">
                    "Skip to content"
                </a>
                <Header page />
                <main id="main" tabindex="-1">
                    {document.content}
                </main>
                <Footer page />
                {document.aside}
            </body>
        </html>
    }
}

#[component]
fn Header(page: Option<Page>) -> impl IntoView {
    view! {
        <header class="site-header" lang=ENGLISH dir="ltr">
            <div class="wrap">
                <a class="brand" href="/" aria-current=current(page, Page::Landing)>
                    {mark()}
                    <span>{COMPANY}</span>
                </a>
                <nav class="site-nav" aria-label="Main">
                    <ul>
                        {SECTIONS
                            .map(|(href, name)| {
                                view! {
                                    <li class="wide-only">
                                        <a href=href>{name}</a>
                                    </li>
                                }
                            })
                            .collect_view()} <li>
                            <a href="/about" aria-current=current(page, Page::About)>
                                "About"
                            </a>
                        </li>
                    </ul>
                </nav>
                <a class="button button-quiet" href="/#contact">
                    "Contact"
                </a>
            </div>
        </header>
    }
}

#[component]
fn Footer(page: Option<Page>) -> impl IntoView {
    view! {
        <footer class="site-footer" lang=ENGLISH dir="ltr">
            <div class="wrap">
                <div class="footer-company">
                    <p class="brand">{mark()} <span>{COMPANY}</span></p>
                    <p>
                        "Software for issuing and servicing tokenized real-world assets, built to be run by the firms that are answerable for them."
                    </p>
                </div>
                <nav aria-label="Footer">
                    <ul>
                        {SECTIONS
                            .map(|(href, name)| view! { <li><a href=href>{name}</a></li> })
                            .collect_view()} <li>
                            <a href="/about" aria-current=current(page, Page::About)>
                                "About"
                            </a>
                        </li> <li>
                            <a href=CONTACT_HREF>"Email us"</a>
                        </li>
                    </ul>
                </nav>
                <p class="small-print">
                    "Nothing on this site is an offer of securities, or investment, legal or tax advice. WebDevelop.pro is a software company: it does not hold client assets, arrange deals or give investment recommendations."
                </p>
            </div>
        </footer>
    }
}

/// The `aria-current` of a link to `target` on `page`.
fn current(page: Option<Page>, target: Page) -> Option<&'static str> {
    (page == Some(target)).then_some("page")
}
