//! What survives a page view in the tab: the credentials, and what was typed and is not accepted
//! yet. It is stored separately for each API.
//!
//! If the browser forbids storage, the chat works, but ends with the page.

use alloc::vec::Vec;

use app::contract::MessageId;
use js_sys::Array;
use wasm_bindgen::JsValue;

use crate::{
    host::Host,
    json::{get, text},
    session::{Credentials, Outgoing, Page, Unsent},
};

/// Suffixes after the name of the element.
const SESSION: &str = "";
const UNSENT: &str = "-draft";
const READ: &str = "-read";

pub(crate) fn session(host: &Host) -> Option<Credentials> {
    let kept = host.load(SESSION);
    Some(Credentials {
        session_id: text(&kept, "sessionId")?.into(),
        token: text(&kept, "token")?,
    })
}

/// Reads what was written from an [`Unsent`]. (A generic reader would cost a kilobyte.)
pub(crate) fn unsent(host: &Host) -> Unsent {
    let kept = host.load(UNSENT);
    let list = get(&kept, "outgoing");
    let mut outgoing = Vec::new();
    if Array::is_array(&list) {
        outgoing.extend(Array::from(&list).iter().filter_map(|it| message(&it)));
    }
    Unsent {
        draft: text(&kept, "draft").unwrap_or_default(),
        outgoing,
    }
}

fn message(kept: &JsValue) -> Option<Outgoing> {
    let page = get(kept, "page");
    let is = |name| get(kept, name).is_truthy();
    Some(Outgoing {
        key: text(kept, "key")?,
        body: text(kept, "body")?,
        page: Page {
            url: text(&page, "url"),
            title: text(&page, "title"),
            visitor_name: text(&page, "visitor_name"),
            visitor_email: text(&page, "visitor_email"),
        },
        to: text(kept, "to").map(Into::into),
        in_draft: is("inDraft"),
        may_have_begun: is("mayHaveBegun"),
    })
}

/// The last entry that the visitor has seen.
pub(crate) fn read(host: &Host) -> Option<MessageId> {
    text(&host.load(READ), "id").map(Into::into)
}

/// An id contains nothing that JSON has to escape.
pub(crate) fn mark(host: &Host, id: &MessageId) {
    host.keep(READ, &["{\"id\":\"", id.as_str(), "\"}"].concat());
}

pub(crate) fn remember(host: &Host, credentials: &Credentials) {
    host.keep(
        SESSION,
        &serde_json::to_string(credentials).unwrap_or_default(),
    );
}

pub(crate) fn forget(host: &Host) {
    host.keep(SESSION, "");
    host.keep(READ, "");
}

pub(crate) fn keep_unsent(host: &Host, json: &str) {
    host.keep(UNSENT, json);
}
