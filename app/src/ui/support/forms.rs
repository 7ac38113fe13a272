//! The page's forms: the first message, further messages, and the end.

use leptos::prelude::*;

use super::{
    Draft, Notice, SupportPage,
    paths::{END_PATH, READ_PATH, SEND_PATH, START_PATH},
    problem::PROBLEM_ID,
};

pub(super) fn first_form(page: &SupportPage) -> impl IntoView {
    let Draft {
        visitor_name,
        visitor_email,
        source_url,
        ..
    } = page.draft.clone();
    view! {
        <form class="chat-form" method="post" action=START_PATH>
            <input type="hidden" name="key" value=page.key.clone() />
            <input type="hidden" name="sourceUrl" value=source_url />
            {message_field("initialMessage", page)}
            <div class="fields">
                {optional_field("visitor-name", "visitorName", "Your name ", "name", visitor_name, page)}
                {optional_field("visitor-email", "visitorEmail", "Your email ", "email", visitor_email, page)}
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

/// A field of one line. `purpose` is what browsers fill in.
fn optional_field(
    id: &'static str,
    name: &'static str,
    label: &'static str,
    purpose: &'static str,
    value: String,
    page: &SupportPage,
) -> impl IntoView {
    let refused = is_refused(page, name);
    let is_email = purpose == "email";
    view! {
        <div>
            <label for=id>{label}<span>"(optional)"</span></label>
            <input
                id=id
                name=name
                inputmode=is_email.then_some("email")
                autocomplete=purpose
                spellcheck=is_email.then_some("false")
                value=value
                aria-invalid=refused.then_some("true")
                aria-describedby=refused.then_some(PROBLEM_ID)
            />
        </div>
    }
}

pub(super) fn message_form(page: &SupportPage) -> impl IntoView {
    view! {
        <form class="chat-form" method="post" action=SEND_PATH>
            <input type="hidden" name="key" value=page.key.clone() />
            <input type="hidden" name="formToken" value=page.form_token.clone() />
            {message_field("body", page)}
            <p class="actions">
                <button class="button">"Send"</button>
                // The draft is sent with the form, and shown again.
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

/// Leptos would interpret the text of a textarea as markup, so it is escaped here. HTML drops a
/// line break directly after the tag, so one is added to keep those of the draft.
fn text_of_textarea(draft: &str) -> String {
    format!("\n{}", draft.replace('&', "&amp;").replace('<', "&lt;"))
}

pub(super) fn end_form(form_token: Option<&str>) -> impl IntoView {
    view! {
        <form class="end-form" method="post" action=END_PATH>
            <input type="hidden" name="formToken" value=form_token.map(str::to_owned) />
            <button class="button button-quiet">"End chat"</button>
        </form>
    }
}

pub(super) fn is_refused(page: &SupportPage, field: &str) -> bool {
    matches!(&page.notice, Some(Notice::Refused(refusal))
        if refusal.fields.iter().any(|refused| refused == field))
}
