//! The message to the visitor at the top of the page.

use leptos::prelude::*;

use super::{
    Notice, Refusal, SupportPage,
    words::{amount, date_and_time, field_name, words},
};
use crate::{contract::ErrorCode, ui::contact::CONTACT_HREF};

/// The element that describes the refused fields.
pub(super) const PROBLEM_ID: &str = "problem";

pub(super) fn problem(notice: &Notice, page: &SupportPage) -> impl IntoView {
    let needs_script = matches!(
        notice,
        Notice::Refused(Refusal {
            code: ErrorCode::ProofRequired,
            ..
        })
    );
    let (title, text, field, retry) = match notice {
        Notice::AlreadyBegun => (
            "Not sent yet",
            "You have a conversation already. What you wrote is below. Send it if it belongs there."
                .to_owned(),
            None,
            None,
        ),
        Notice::NoCookie => (
            "Answers cannot be shown here",
            "Your browser did not keep the cookie that opens the conversation. To chat here, allow \
             cookies for this site and begin again; or write us an email."
                .to_owned(),
            None,
            None,
        ),
        Notice::WillBeMailed => ("", String::new(), None, None),
        Notice::Refused(refusal) => (
            "There is a problem",
            words(refusal, &page.draft.message, page.max_message_chars),
            refusal.fields.first().and_then(|field| field_name(field)),
            refusal.retry.clone(),
        ),
    };
    view! {
        <div class="problem" role="alert" id=PROBLEM_ID>
            <h2>{title}</h2>
            <p>{text}</p>
            {needs_script
                .then(|| {
                    view! {
                        <p>
                            "You can send it again later, or switch JavaScript on and use the chat in the corner of our "
                            <a href="/">"home page"</a> ", or " <a href=CONTACT_HREF>"write us an email"</a>
                            ": it reaches the same people."
                        </p>
                    }
                })}
            {retry
                .map(|(seconds, at)| {
                    let clock = (seconds >= 60)
                        .then(|| {
                            let words = date_and_time(&at);
                            view! { ", at " <time datetime=at>{words}</time> }
                        });
                    view! { <p>"Try again in "{amount(seconds)}{clock}"."</p> }
                })}
            {field
                .map(|(id, name)| {
                    view! {
                        <p>
                            <a href=format!("#{id}")>{format!("Go to: {name}")}</a>
                        </p>
                    }
                })}
        </div>
    }
}

pub(super) fn no_challenge() -> impl IntoView {
    view! {
        <div class="problem">
            <h2>"Beginning a chat needs JavaScript"</h2>
            <p>
                "We first ask visitors to show that they are human, and that check only works with JavaScript. Switch it on and use the chat in the corner of our "
                <a href="/">"home page"</a> ", or " <a href=CONTACT_HREF>"write us an email"</a>
                ": it reaches the same people."
            </p>
        </div>
    }
}
