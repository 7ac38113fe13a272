//! The document around every page: head, header, footer.

use leptos::prelude::*;

use super::about::about;
use super::icons::mark;
use super::landing::{landing, support_chat};
use super::not_found::not_found;
use super::{CONTACT_HREF, LandingConfig, Page};

const COMPANY: &str = "WebDevelop.pro";

/// The landing page's sections that the navigation offers, with their names.
const SECTIONS: [(&str, &str); 5] = [
    ("/#what-it-is", "What it is"),
    ("/#how-it-works", "How it works"),
    ("/#features", "Features"),
    ("/#security", "Security"),
    ("/#faq", "FAQ"),
];

/// What a page says of itself in its head.
struct Head {
    title: &'static str,
    description: &'static str,
}

fn head_of(page: Page) -> Head {
    match page {
        Page::Landing => Head {
            title: "Tokenize Real-World Assets with Enterprise-Grade Infrastructure",
            description: "Issuance, investor onboarding, transfer rules and servicing for tokenized \
                          real-world assets, built into your systems and run under your brand.",
        },
        Page::About => Head {
            title: "About | WebDevelop.pro",
            description: "WebDevelop.pro builds software that issues, services and accounts for \
                          tokenized real-world assets.",
        },
        Page::NotFound => Head {
            title: "Page not found | WebDevelop.pro",
            description: "There is no page at this address.",
        },
    }
}

/// A complete HTML document for `page`.
pub(super) fn shell(page: Page, config: LandingConfig) -> impl IntoView {
    let head = head_of(page);
    let with_chat = page == Page::Landing && config.chat_enabled;

    view! {
        <!DOCTYPE html>
        <html lang="en-GB">
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1" />
                <title>{head.title}</title>
                <meta name="description" content=head.description />
                <meta name="color-scheme" content="light dark" />
                {(page == Page::NotFound)
                    .then(|| view! { <meta name="robots" content="noindex" /> })}
                <link rel="icon" href="/assets/favicon.svg" type="image/svg+xml" />
                <link rel="stylesheet" href="/assets/landing.css" />
                {with_chat
                    .then(|| view! { <script type="module" src="/assets/client-only.js"></script> })}
            </head>
            <body>
                <a class="skip-link" href="#main">
                    "Skip to content"
                </a>
                <Header page />
                <main id="main" tabindex="-1">
                    {match page {
                        Page::Landing => landing(with_chat).into_any(),
                        Page::About => about().into_any(),
                        Page::NotFound => not_found().into_any(),
                    }}
                </main>
                <Footer page />
                {with_chat.then(|| support_chat(config.chat_api_url))}
            </body>
        </html>
    }
}

#[component]
fn Header(page: Page) -> impl IntoView {
    view! {
        <header class="site-header">
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
fn Footer(page: Page) -> impl IntoView {
    view! {
        <footer class="site-footer">
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

/// The `aria-current` of a link to `target`, seen on `page`.
fn current(page: Page, target: Page) -> Option<&'static str> {
    (page == target).then_some("page")
}
