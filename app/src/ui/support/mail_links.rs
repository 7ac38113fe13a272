//! The pages to which links in mails lead. A link itself only shows a button, because programs that
//! scan mails follow links, and must not use up a code or stop the mails.

use leptos::prelude::*;

use super::{
    document,
    paths::{PATH, RESUME_PATH, UNSUBSCRIBE_PATH},
};
use crate::{
    contract::ErrorCode,
    ui::{
        contact::CONTACT_HREF,
        shell::{Document, to_html},
    },
};

/// The page of a code, with a button that uses it. `key` makes a second click harmless.
#[must_use]
pub fn render_resume(code: &str, key: &str) -> String {
    let action = format!("{RESUME_PATH}/{code}");
    let key = key.to_owned();
    page(
        "Your conversation",
        view! {
            <p class="lead">"Our team has answered you. Go on with your conversation here."</p>
            <form class="chat-form" method="post" action=action>
                <input type="hidden" name="key" value=key />
                <p class="actions">
                    <button class="button">"Go on with the conversation"</button>
                </p>
                <p class="hint">
                    "The link from your mail works once. Your browser then keeps one cookie that opens this conversation, and forgets it when it is closed."
                </p>
            </form>
        }
        .into_any(),
    )
}

/// The page of a code that did not work.
#[must_use]
pub fn render_not_resumed(why: ErrorCode) -> String {
    let (heading, text) = match why {
        ErrorCode::ResumeCodeUnknown => (
            "This link does not work any more",
            "It works once, for 7 days, and only while the address that it was mailed to is the conversation's. If you \
             have used it in this browser, your conversation is still here.",
        ),
        ErrorCode::SessionClosed | ErrorCode::SessionExpired => (
            "This chat has ended",
            "You have ended this conversation. You can begin a new one.",
        ),
        ErrorCode::RateLimited => (
            "That was a lot in a short time",
            "Nothing was done. Please wait a minute, and open the link again.",
        ),
        ErrorCode::OriginNotAllowed => (
            "Please open the link again",
            "Nothing was done: the button was not pressed on this page.",
        ),
        _ => (
            "That did not work",
            "Something went wrong on our side. Please open the link from your mail again in a moment.",
        ),
    };
    page(
        heading,
        view! {
            <p class="lead">{text}</p>
            <p class="actions">
                <a class="button" href=PATH>
                    "Go to the chat"
                </a>
            </p>
            <p class="hint">"You can also " <a href=CONTACT_HREF>"write us an email"</a> "."</p>
        }
        .into_any(),
    )
}

/// The page with a button that stops the mails.
#[must_use]
pub fn render_unsubscribe(id: &str) -> String {
    let action = format!("{UNSUBSCRIBE_PATH}/{id}");
    page(
        "Stop these mails?",
        view! {
            <p class="lead">"You will get no more mails of this conversation at this address."</p>
            <form class="chat-form" method="post" action=action>
                <p class="actions">
                    <button class="button">"Stop the mails"</button>
                </p>
            </form>
        }
        .into_any(),
    )
}

/// The page that confirms that the mails were stopped.
#[must_use]
pub fn render_unsubscribed() -> String {
    page(
        "The mails are stopped",
        view! { <p class="lead">"You get no more mails of this conversation."</p> }.into_any(),
    )
}

/// The page that says that no mails were stopped.
#[must_use]
pub fn render_not_unsubscribed(why: ErrorCode) -> String {
    let (heading, text) = match why {
        ErrorCode::NotFound => (
            "There is nothing to stop",
            "No mails are sent to this address for that conversation.",
        ),
        _ => (
            "That did not work",
            "The mails are not stopped yet. Please open the link again in a moment.",
        ),
    };
    page(heading, view! { <p class="lead">{text}</p> }.into_any())
}

fn page(heading: &'static str, content: AnyView) -> String {
    to_html(|| Document {
        indexed: false,
        content: view! {
            <div class="support wrap">
                <p class="eyebrow">"Support chat"</p>
                <h1>{heading}</h1>
                {content}
            </div>
        }
        .into_any(),
        ..document("Support chat | WebDevelop.pro")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_shows_a_button_and_no_search_engine_keeps_it() {
        let html = render_resume("c0de", "k<ey");
        assert!(
            html.contains(r#"<form method="post" action="/support/resume/c0de""#),
            "{html}"
        );
        assert!(html.contains(r#"value="k&lt;ey""#), "{html}");
        let stop = render_unsubscribe("1d");
        assert!(
            stop.contains(r#"method="post" action="/support/unsubscribe/1d""#),
            "{stop}"
        );
        for html in [html, stop, render_not_resumed(ErrorCode::ResumeCodeUnknown)] {
            assert!(
                html.contains(r#"<meta name="robots" content="noindex""#),
                "{html}"
            );
            assert!(!html.contains("<script"), "{html}");
        }
    }
}
