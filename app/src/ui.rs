//! The landing page and its companions, rendered on the server and nowhere else.
//!
//! No page depends on the request, so [`render`] can run once at start-up and the result be served
//! as a fixed document; only the chat as a page ([`support`]) is one visitor's. Pages carry no inline
//! script and no inline style: they work under a Content-Security-Policy without `unsafe-inline`.
//! Leptos is used for its typed, escaping templates; nothing hydrates in the browser. The only
//! client-side part is the chat's widget, which [`client_only`] keeps out of the way until the page is
//! usable.

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

/// The pages of the site that are the same for everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// The landing page, the only one with the support chat.
    Landing,
    /// Who is behind it.
    About,
    /// What an unknown address gets; to be answered with status 404.
    NotFound,
}

impl Page {
    /// The pages that have an address of their own.
    pub const ROUTED: [Self; 2] = [Self::Landing, Self::About];

    /// The page's address; `None` for the page that stands in for unknown ones.
    #[must_use]
    pub fn path(self) -> Option<&'static str> {
        match self {
            Self::Landing => Some("/"),
            Self::About => Some("/about"),
            Self::NotFound => None,
        }
    }
}

/// What the landing page needs to know of the deployment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LandingConfig {
    /// Whether the landing page offers the support chat at all.
    pub chat_enabled: bool,
    /// Base address of the support-chat API. Empty or `/`: the origin that serves the page.
    pub chat_api_url: String,
}

/// A file the pages refer to, to be served by the same origin under [`Asset::path`].
#[derive(Clone, Copy, Debug)]
pub struct Asset {
    /// Absolute path of the file's address.
    pub path: &'static str,
    /// Value of its `Content-Type`.
    pub content_type: &'static str,
    /// The file itself.
    pub body: &'static str,
}

/// Every file the pages refer to, except the widget's.
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

/// Renders a page to a complete HTML document.
#[must_use]
pub fn render(page: Page, config: &LandingConfig) -> String {
    to_html(|| document(page, config))
}
