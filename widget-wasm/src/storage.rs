//! What outlives a page view: the credentials, for as long as the tab lives.
//!
//! A browser may forbid storage altogether. The chat then works, and ends with the page.

use js_sys::JSON;
use web_sys::{Storage, Window};

use crate::{json, session::Credentials};

const KEY: &str = "matrix-support-chat";

pub(crate) fn load(window: &Window) -> Option<Credentials> {
    let json = storage(window)?.get_item(KEY).ok()??;
    json::read(JSON::parse(&json).ok()?).ok()
}

pub(crate) fn save(window: &Window, credentials: &Credentials) {
    if let (Some(storage), Ok(json)) = (storage(window), serde_json::to_string(credentials)) {
        // A refusal (no room left) costs no more than storage that is forbidden.
        let _ = storage.set_item(KEY, &json);
    }
}

pub(crate) fn clear(window: &Window) {
    if let Some(storage) = storage(window) {
        let _ = storage.remove_item(KEY);
    }
}

fn storage(window: &Window) -> Option<Storage> {
    window.session_storage().ok()?
}
