//! The support chat as a page: for browsers without WASM or JavaScript.
//!
//! Everything is a form or a link. Nothing refreshes by itself: a page that did would take away what
//! is being written, and WCAG 2.2.1 asks for a way to stop it that HTML alone does not have. So there
//! is "Check for replies", which keeps the draft.

mod lines;
#[cfg(test)]
mod tests;
mod words;

use leptos::prelude::*;

use super::{CONTACT_HREF, shell::Document, to_html};
use crate::contract::{Delivery, ErrorCode, Message, Sender};
use lines::{Line, lines};
use words::{amount, date_and_time, field_name, words};

/// The page's address. Its cookie is for this path and those below.
pub const PATH: &str = "/support";
/// Where the form of a first message is sent.
pub const START_PATH: &str = "/support/api/start";
/// Where "Check for replies" is sent, with the draft.
pub const READ_PATH: &str = "/support/api/read";
/// Where the form of a later message is sent.
pub const SEND_PATH: &str = "/support/api/send";
/// Where "End chat" is sent.
pub const END_PATH: &str = "/support/api/end";

/// What the page shows.
#[derive(Clone, Debug)]
pub struct SupportPage {
    /// What was said so far.
    pub conversation: Conversation,
    /// What the visitor has to know first.
    pub notice: Option<Notice>,
    /// What the visitor was writing.
    pub draft: Draft,
    /// The idempotency key of what is sent next.
    pub key: String,
    /// Proves that a form came from this visitor's page.
    pub form_token: Option<String>,
    /// A conversation begins with a challenge, and that needs JavaScript.
    pub challenged: bool,
    /// The operator's limit, in Unicode scalar values.
    pub max_message_chars: usize,
}

/// How far the conversation is.
#[derive(Clone, Debug)]
pub enum Conversation {
    /// Nothing was said yet.
    NotBegun,
    /// It goes on; its newest entries, oldest first, and whether nothing came before them.
    Open(Vec<Message>, bool),
    /// The visitor ended it.
    Closed,
    /// It ended by itself.
    Expired,
    /// There is one, and it is not shown with what was refused.
    NotShown,
}

/// What a visitor has typed, as it was when the form was sent.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// The message.
    pub message: String,
    /// How the visitor wants to be called.
    pub visitor_name: String,
    /// Where the visitor can be reached.
    pub visitor_email: String,
    /// The page the visitor came from; not to be seen.
    pub source_url: String,
}

/// What the visitor has to know first.
#[derive(Clone, Debug)]
pub enum Notice {
    /// What was asked for was not done.
    Refused(Refusal),
    /// A first message, where there is a conversation already: it is still only a draft.
    AlreadyBegun,
    /// A conversation has begun that this browser cannot come back to.
    NoCookie,
}

/// Why something was not done.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The kind of problem.
    pub code: ErrorCode,
    /// The names of the fields that are not acceptable.
    pub fields: Vec<String>,
    /// In how many seconds it may be tried again, and when that is (RFC 3339, UTC).
    pub retry: Option<(u64, String)>,
}

impl SupportPage {
    /// Renders the page to a complete HTML document.
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

/// A page that leads to the chat at once. A browser that comes from another site does not show the
/// chat's cookie (`SameSite=Strict`); on the way from here it does.
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
    let notice = page
        .notice
        .as_ref()
        .map(|notice| problem(notice, page).into_any());
    let body = match &page.conversation {
        Conversation::Open(messages, are_all) => view! {
            {(!are_all).then(|| view! { <p class="hint">"Earlier messages are not shown."</p> })}
            {transcript(messages)}
            {message_form(page)}
            {end_form(page.form_token.as_deref())}
            {hint()}
        }
        .into_any(),
        Conversation::NotShown => view! {
            {message_form(page)}
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

const PROBLEM_ID: &str = "problem";

fn problem(notice: &Notice, page: &SupportPage) -> impl IntoView {
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

fn no_challenge() -> impl IntoView {
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

fn transcript(messages: &[Message]) -> impl IntoView {
    let lines = lines(messages);
    // The region scrolls, so it must be reachable by keyboard.
    view! {
        <section class="transcript" aria-label="Conversation" tabindex="0">
            <ol>{lines.iter().map(line).collect_view()}</ol>
        </section>
    }
}

fn line(line: &Line<'_>) -> impl IntoView + use<> {
    let message = line.message;
    let (class, who) = match message.sender {
        Sender::Visitor => ("from-visitor", "You"),
        Sender::Staff => ("from-staff", "Support"),
    };
    let delivery = message.delivery.map(|delivery| match delivery {
        Delivery::Pending => "Sent",
        Delivery::Delivered => "Delivered",
        Delivery::Failed => "Not delivered",
    });
    let text = if line.removed {
        view! { <p class="removed">"This message was removed."</p> }.into_any()
    } else {
        view! {
            <p class="text" dir="auto">
                {line.body.to_owned()}
            </p>
        }
        .into_any()
    };
    let edited = (line.edited && !line.removed).then_some("Edited");
    view! {
        <li class=class>
            <p class="who">{who}</p>
            {text}
            <p class="when">
                <time datetime=message.created_at.clone()>{date_and_time(&message.created_at)}</time>
                {edited.map(|word| view! { <span>{word}</span> })}
                {delivery.map(|word| view! { <span>{word}</span> })}
            </p>
        </li>
    }
}

fn first_form(page: &SupportPage) -> impl IntoView {
    let Draft {
        visitor_name,
        visitor_email,
        source_url,
        ..
    } = page.draft.clone();
    let refused = |field: &str| is_refused(page, field);
    let detail = |field: &str| refused(field).then_some(PROBLEM_ID);
    let invalid = |field: &str| refused(field).then_some("true");
    view! {
        <form class="chat-form" method="post" action=START_PATH>
            <input type="hidden" name="key" value=page.key.clone() />
            <input type="hidden" name="sourceUrl" value=source_url />
            {message_field("initialMessage", page)}
            <div class="fields">
                <div>
                    <label for="visitor-name">"Your name "<span>"(optional)"</span></label>
                    <input
                        id="visitor-name"
                        name="visitorName"
                        autocomplete="name"
                        value=visitor_name
                        aria-invalid=invalid("visitorName")
                        aria-describedby=detail("visitorName")
                    />
                </div>
                <div>
                    <label for="visitor-email">"Your email "<span>"(optional)"</span></label>
                    <input
                        id="visitor-email"
                        name="visitorEmail"
                        inputmode="email"
                        autocomplete="email"
                        spellcheck="false"
                        value=visitor_email
                        aria-invalid=invalid("visitorEmail")
                        aria-describedby=detail("visitorEmail")
                    />
                </div>
            </div>
            <p class="actions">
                <button class="button">"Send"</button>
            </p>
            <p class="hint">
                "While you chat here, your browser keeps one cookie that opens this conversation, and forgets it when it is closed."
            </p>
        </form>
    }
}

fn message_form(page: &SupportPage) -> impl IntoView {
    view! {
        <form class="chat-form" method="post" action=SEND_PATH>
            <input type="hidden" name="key" value=page.key.clone() />
            <input type="hidden" name="formToken" value=page.form_token.clone() />
            {message_field("body", page)}
            <p class="actions">
                <button class="button">"Send"</button>
                // What is typed goes with it, and comes back.
                <button class="button button-quiet" formaction=READ_PATH formnovalidate>
                    "Check for replies"
                </button>
            </p>
        </form>
    }
}

fn message_field(name: &'static str, page: &SupportPage) -> impl IntoView {
    let refused = is_refused(page, name);
    view! {
        <label for="message">"Message"</label>
        <textarea
            id="message"
            name=name
            rows="3"
            dir="auto"
            required
            aria-invalid=refused.then_some("true")
            aria-describedby=refused.then_some(PROBLEM_ID)
        >
            {text_of_textarea(&page.draft.message)}
        </textarea>
    }
}

/// Leptos takes a textarea's text for markup, so it is escaped here. HTML drops a line break right
/// after the tag: this one, and not one of the draft's.
fn text_of_textarea(draft: &str) -> String {
    format!("\n{}", draft.replace('&', "&amp;").replace('<', "&lt;"))
}

fn end_form(form_token: Option<&str>) -> impl IntoView {
    view! {
        <form class="end-form" method="post" action=END_PATH>
            <input type="hidden" name="formToken" value=form_token.map(str::to_owned) />
            <button class="button button-quiet">"End chat"</button>
        </form>
    }
}

fn is_refused(page: &SupportPage, field: &str) -> bool {
    matches!(&page.notice, Some(Notice::Refused(refusal))
        if refusal.fields.iter().any(|refused| refused == field))
}
