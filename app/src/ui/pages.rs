//! The pages that are the same for everybody, without the frame that surrounds all pages.

use leptos::prelude::*;

use crate::Language;

use super::{
    LandingConfig, Page, about::about, chat_place::support_chat, landing::landing,
    not_found::not_found, shell::Document,
};

/// One of the pages that are the same for everybody.
pub(super) fn document(page: Page, config: &LandingConfig) -> Document {
    let with_chat = page == Page::Landing && config.chat_enabled;
    let (title, description, content) = match page {
        Page::Landing => (
            "Tokenize Real-World Assets with Enterprise-Grade Infrastructure",
            "Issuance, investor onboarding, transfer rules and servicing for tokenized \
             real-world assets, built into your systems and run under your brand.",
            landing(with_chat).into_any(),
        ),
        Page::About => (
            "About | WebDevelop.pro",
            "WebDevelop.pro builds software that issues, services and accounts for tokenized \
             real-world assets.",
            about().into_any(),
        ),
        Page::NotFound => (
            "Page not found | WebDevelop.pro",
            "There is no page at this address.",
            not_found().into_any(),
        ),
    };
    Document {
        language: Language::English,
        title: title.into(),
        description,
        page: Some(page),
        indexed: page != Page::NotFound,
        leads_to: None,
        scripted: with_chat,
        content,
        aside: with_chat.then(|| support_chat(&config.chat_api_url).into_any()),
    }
}
