//! Where replies are mailed that the visitor does not read here, and the conversation by mail.

use leptos::prelude::*;

use super::{
    SupportPage,
    forms::is_refused,
    paths::{EMAIL_PATH, MAIL_TRANSCRIPT_PATH},
    problem::PROBLEM_ID,
};
use crate::contract::MAX_EMAIL_CHARS;

/// What the page knows of the visitor's address, where this server mails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mailing {
    /// There is none, and nobody is there to answer, or nobody has answered for a while.
    Ask,
    /// It is this one.
    To(String),
}

/// The one field for an address, or what is mailed to the one that there is.
pub(super) fn mailing(what: &Mailing, page: &SupportPage) -> AnyView {
    match what {
        Mailing::Ask => email_form(page).into_any(),
        Mailing::To(address) => view! {
            <p class="hint">"If you leave, we answer at " <bdi>{address.clone()}</bdi> "."</p>
            <form class="end-form" method="post" action=EMAIL_PATH>
                <input type="hidden" name="formToken" value=page.form_token.clone() />
                <input type="hidden" name="email" value="" />
                <button class="button button-quiet">"Do not mail me"</button>
            </form>
            {mail_transcript_form(page)}
        }
        .into_any(),
    }
}

fn email_form(page: &SupportPage) -> impl IntoView {
    let refused = is_refused(page, "email");
    view! {
        <form class="chat-form" method="post" action=EMAIL_PATH>
            <input type="hidden" name="formToken" value=page.form_token.clone() />
            <div class="fields">
                <div>
                    <label for="email">
                        "Where may we answer if you leave? "<span>"(optional)"</span>
                    </label>
                    <input
                        id="email"
                        name="email"
                        inputmode="email"
                        autocomplete="email"
                        spellcheck="false"
                        maxlength=MAX_EMAIL_CHARS
                        value=page.draft.email.clone()
                        aria-invalid=refused.then_some("true")
                        aria-describedby=refused.then_some(PROBLEM_ID)
                    />
                </div>
            </div>
            <p class="actions">
                <button class="button button-quiet">"Save the address"</button>
            </p>
        </form>
    }
}

/// The button that has the conversation mailed.
pub(super) fn mail_transcript_form(page: &SupportPage) -> impl IntoView {
    view! {
        <form class="end-form" method="post" action=MAIL_TRANSCRIPT_PATH>
            <input type="hidden" name="key" value=page.key.clone() />
            <input type="hidden" name="formToken" value=page.form_token.clone() />
            <button class="button button-quiet">"Mail me this conversation"</button>
        </form>
    }
}
