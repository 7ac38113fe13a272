//! The landing page and its companions, rendered only on the server.
//!
//! No page depends on the request, so [`render`] runs once at start-up and the result is served as
//! a fixed document. The exception is the chat as a page ([`support`]), which belongs to one
//! visitor. Pages contain no inline scripts or styles, so they work under a Content-Security-Policy
//! without `unsafe-inline`. Leptos provides typed, escaping templates; nothing is hydrated in the
//! browser. The only part that runs in the browser is the chat's widget, which [`client_only`]
//! delays until the page is usable.

mod about;
mod chat_place;
pub mod client_only;
mod contact;
mod icons;
mod landing;
mod not_found;
mod pages;
mod shell;
pub mod support;
#[cfg(test)]
mod tests;

use pages::document;
use shell::to_html;

/// The pages that are the same for everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// The landing page, the only one with the support chat.
    Landing,
    /// The page about the company.
    About,
    /// The page for unknown addresses, served with status 404.
    NotFound,
}

impl Page {
    /// The pages that have an address.
    pub const ROUTED: [Self; 2] = [Self::Landing, Self::About];

    /// The page's address; `None` for the page for unknown addresses.
    #[must_use]
    pub fn path(self) -> Option<&'static str> {
        match self {
            Self::Landing => Some("/"),
            Self::About => Some("/about"),
            Self::NotFound => None,
        }
    }
}

/// The part of the configuration that the landing page depends on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LandingConfig {
    /// Whether the landing page offers the support chat.
    pub chat_enabled: bool,
    /// The base address of the support-chat API. If it is empty or `/`, that is the page's own
    /// origin.
    pub chat_api_url: String,
}

/// A file that the pages refer to, served by the same origin under [`Asset::path`].
#[derive(Clone, Copy, Debug)]
pub struct Asset {
    /// The absolute path of the file.
    pub path: &'static str,
    /// The value of its `Content-Type`.
    pub content_type: &'static str,
    /// Its content.
    pub body: &'static str,
}

/// All files that the pages refer to, except the widget's.
pub const ASSETS: [Asset; 3] = [
    Asset {
        path: "/assets/landing.css",
        content_type: "text/css; charset=utf-8",
        body: concat!(
            include_str!("../../style/pages/base.css"),
            include_str!("../../style/pages/header.css"),
            include_str!("../../style/pages/sections.css"),
            include_str!("../../style/pages/footer.css"),
            include_str!("../../style/pages/support.css"),
            include_str!("../../style/pages/chat.css"),
        ),
    },
    Asset {
        path: "/assets/client-only.js",
        content_type: "text/javascript; charset=utf-8",
        body: include_str!("ui/client-only.js"),
    },
    Asset {
        path: "/assets/favicon.svg",
        content_type: "image/svg+xml",
        body: include_str!("ui/favicon.svg"),
    },
];

/// Renders a page as a complete HTML document.
#[must_use]
pub fn render(page: Page, config: &LandingConfig) -> String {
    to_html(|| document(page, config))
}
