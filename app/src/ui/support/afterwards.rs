//! What a visitor can do after the end of the conversation: save it and rate it.

use leptos::prelude::*;

use super::{
    SupportPage,
    forms::is_refused,
    paths::{RATE_PATH, TRANSCRIPT_PATH},
    problem::PROBLEM_ID,
};
use crate::contract::{MAX_LINE_CHARS, Rating};

/// What can be done in a conversation that ended recently, besides saving it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Afterwards {
    /// Nothing.
    Save,
    /// The visitor has not rated it yet.
    Ask,
    /// The visitor has rated it.
    Rated(Rating),
}

pub(super) fn afterwards(what: Afterwards, page: &SupportPage) -> impl IntoView {
    let rating = match what {
        Afterwards::Save => None,
        Afterwards::Ask => Some(rating_form(page).into_any()),
        Afterwards::Rated(rating) => {
            let said = match rating {
                Rating::Good => "You said that it helped.",
                Rating::Bad => "You said that it did not help.",
            };
            let thanks = view! { <p class="thanks">"Thank you for telling us. " {said}</p> };
            Some(thanks.into_any())
        }
    };
    view! {
        {rating}
        {save_link()}
        <h2 class="again">"Write to us again"</h2>
    }
}

pub(super) fn save_link() -> impl IntoView {
    view! {
        <p class="save">
            <a href=TRANSCRIPT_PATH>"Save this conversation"</a>
        </p>
    }
}

fn rating_form(page: &SupportPage) -> impl IntoView {
    let refused = is_refused(page, "comment");
    view! {
        <form class="chat-form rating-form" method="post" action=RATE_PATH>
            <input type="hidden" name="formToken" value=page.form_token.clone() />
            // Enter in the field activates the form's first button, which must not be one of the
            // answers.
            <button disabled hidden></button>
            <h2 id="rating">"How was it?"</h2>
            <div class="fields">
                <div>
                    <label for="comment">
                        "What would you like to add? "<span>"(optional)"</span>
                    </label>
                    <input
                        id="comment"
                        name="comment"
                        dir="auto"
                        autocomplete="off"
                        maxlength=MAX_LINE_CHARS
                        value=page.draft.comment.clone()
                        aria-invalid=refused.then_some("true")
                        aria-describedby=refused.then_some(PROBLEM_ID)
                    />
                </div>
            </div>
            <p class="actions" role="group" aria-labelledby="rating">
                <button class="button button-quiet" name="rating" value="good">
                    "It helped"
                </button>
                <button class="button button-quiet" name="rating" value="bad">
                    "It did not help"
                </button>
            </p>
        </form>
    }
}
