//! The support chat as a page, for browsers without WASM or JavaScript.
//!
//! Everything is a form or a link. The page does not refresh by itself, because that would discard
//! what is being written, and WCAG 2.2.1 requires a way to stop it that HTML alone does not have.
//! So there is "Check for replies", which keeps the draft.

mod afterwards;
mod forms;
mod lines;
mod mail_links;
mod mailing;
mod paths;
mod problem;
#[cfg(test)]
mod tests;
mod transcript;
mod words;

use leptos::prelude::*;

use super::{
    contact::CONTACT_HREF,
    shell::{Document, to_html},
};
use crate::{
    Language,
    contract::{ErrorCode, Message},
};
use afterwards::{afterwards, save_link};
use forms::{end_form, first_form, message_form};
use mailing::mail_transcript_form;
use problem::{no_challenge, problem};
use transcript::transcript;

pub use afterwards::Afterwards;
pub use mail_links::{
    render_not_resumed, render_not_unsubscribed, render_resume, render_unsubscribe,
    render_unsubscribed,
};
pub use mailing::Mailing;
pub use paths::{
    EMAIL_PATH, END_PATH, MAIL_TRANSCRIPT_PATH, PATH, RATE_PATH, READ_PATH, RESUME_PATH, SEND_PATH,
    START_PATH, TRANSCRIPT_PATH, UNSUBSCRIBE_PATH,
};

/// The content of the page.
#[derive(Clone, Debug)]
pub struct SupportPage {
    /// The conversation so far.
    pub conversation: Conversation,
    /// What the visitor can do in a conversation that ended recently.
    pub afterwards: Option<Afterwards>,
    /// Where replies are mailed, or may be; `None` where nothing is asked or mailed.
    pub mailing: Option<Mailing>,
    /// A message to the visitor, before everything else.
    pub notice: Option<Notice>,
    /// The text that the visitor was writing.
    pub draft: Draft,
    /// The idempotency key of the next message.
    pub key: String,
    /// The token that proves that a form came from this visitor's page.
    pub form_token: Option<String>,
    /// Whether beginning a conversation needs a challenge, and so JavaScript.
    pub challenged: bool,
    /// The operator's limit, in Unicode scalar values.
    pub max_message_chars: usize,
    /// The absence of staff, if they are known to be away.
    pub away: Option<Away>,
}

/// Staff are away.
#[derive(Clone, Debug)]
pub struct Away {
    /// When staff are back, with the time zone of that time; `None` if it is unknown.
    pub until: Option<String>,
}

/// The state of the conversation.
#[derive(Clone, Debug)]
pub enum Conversation {
    /// It has not begun.
    NotBegun,
    /// It is open. Its newest entries, oldest first, and whether nothing came before them.
    Open(Vec<Message>, bool),
    /// The visitor ended it.
    Closed,
    /// It has expired.
    Expired,
    /// There is a conversation, but a refusal is shown instead of it.
    NotShown,
}

/// The visitor's input, as the form sent it.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// The message.
    pub message: String,
    /// The visitor's name.
    pub visitor_name: String,
    /// The visitor's email address.
    pub visitor_email: String,
    /// Where replies may be mailed.
    pub email: String,
    /// What the visitor says with a rating.
    pub comment: String,
    /// The page from which the visitor came, in a hidden field.
    pub source_url: String,
}

/// The kinds of message to the visitor.
#[derive(Clone, Debug)]
pub enum Notice {
    /// The request was refused.
    Refused(Refusal),
    /// There was a conversation already when the first message was sent, so the message is still a
    /// draft.
    AlreadyBegun,
    /// The conversation will be mailed to the visitor.
    WillBeMailed,
    /// A conversation has begun that this browser cannot return to, because it keeps no cookie.
    NoCookie,
}

/// Why a request was refused.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The kind of problem.
    pub code: ErrorCode,
    /// The names of the fields that are not acceptable.
    pub fields: Vec<String>,
    /// The seconds until the request may be repeated, and that time (RFC 3339, UTC).
    pub retry: Option<(u64, String)>,
}

impl SupportPage {
    /// Renders the page as a complete HTML document.
    #[must_use]
    pub fn render(self) -> String {
        to_html(|| self.document())
    }

    fn document(self) -> Document {
        let title = match self.notice {
            Some(Notice::Refused(_)) => "Error: Support chat | WebDevelop.pro",
            _ => "Support chat | WebDevelop.pro",
        };
        Document {
            content: content(&self).into_any(),
            ..document(title)
        }
    }
}

/// A page that leads to the chat at once. A browser that comes from another site does not send the
/// chat's cookie (`SameSite=Strict`), but it does when it follows from this page.
#[must_use]
pub fn render_way_in() -> String {
    let content = || {
        view! {
            <article class="plain wrap">
                <h1>"Support chat"</h1>
                <p class="actions">
                    <a class="button" href=PATH>
                        "Go to the chat"
                    </a>
                </p>
            </article>
        }
    };
    to_html(|| Document {
        leads_to: Some(PATH),
        content: content().into_any(),
        ..document("Support chat | WebDevelop.pro")
    })
}

fn document(title: &'static str) -> Document {
    Document {
        language: Language::English,
        title: title.into(),
        description: "Write to us, and read our answers on the same page.",
        page: None,
        indexed: true,
        leads_to: None,
        scripted: false,
        content: ().into_any(),
        aside: None,
    }
}

fn content(page: &SupportPage) -> impl IntoView {
    let no_cookie = matches!(page.notice, Some(Notice::NoCookie));
    let (heading, lead) = match page.conversation {
        Conversation::NotBegun if no_cookie => ("Your message was sent", "Our team has it."),
        Conversation::NotBegun if page.challenged => {
            ("How can we help?", "There are two ways to reach our team.")
        }
        Conversation::NotBegun => (
            "How can we help?",
            "Write to us below. Our team answers here, on this page, while your browser is open.",
        ),
        Conversation::Open(..) => ("Your conversation", "Our team replies here."),
        Conversation::Closed => ("This chat has ended", "Thank you for writing to us."),
        Conversation::Expired => ("This chat has expired", "Nothing was written for a while."),
        Conversation::NotShown => (
            "Your conversation",
            "It is not shown on this page. To see it, check for replies.",
        ),
    };
    let notice = page.notice.as_ref().map(|notice| match notice {
        Notice::WillBeMailed => {
            view! { <p role="status">"The conversation is on its way to your mailbox."</p> }
                .into_any()
        }
        notice => problem(notice, page).into_any(),
    });
    let mailing = page.mailing.as_ref();
    let can_write = matches!(
        page.conversation,
        Conversation::NotBegun | Conversation::Open(..)
    );
    let away = page.away.as_ref().filter(|_| can_write && !no_cookie);
    let away = away.map(|away| view! { <p>{words::away(away)}</p> });
    let body = match &page.conversation {
        Conversation::Open(messages, are_all) => view! {
            {(!are_all).then(|| view! { <p class="hint">"Earlier messages are not shown."</p> })}
            {transcript(messages)}
            {message_form(page)}
            {mailing.map(|what| mailing::mailing(what, page))}
            {end_form(page.form_token.as_deref())}
            {save_link()}
            {hint()}
        }
        .into_any(),
        Conversation::NotShown => view! {
            {message_form(page)}
            {mailing.map(|what| mailing::mailing(what, page))}
            <p class="hint">
                <a href=PATH>"Show the conversation"</a>
                ", without what is written above."
            </p>
            {hint()}
        }
        .into_any(),
        _ if no_cookie => hint().into_any(),
        _ if page.challenged => no_challenge().into_any(),
        _ => view! {
            {page.afterwards.map(|what| afterwards(what, page))}
            {matches!(mailing, Some(Mailing::To(_))).then(|| mail_transcript_form(page))}
            {first_form(page)}
            {hint()}
        }
        .into_any(),
    };
    view! {
        <div class="support wrap">
            <p class="eyebrow">"Support chat"</p>
            <h1>{heading}</h1>
            <p class="lead">{lead}</p>
            {away}
            {notice}
            {body}
        </div>
    }
}

fn hint() -> impl IntoView {
    view! {
        <p class="hint">"You can also " <a href=CONTACT_HREF>"write us an email"</a> "."</p>
    }
}
