//! The page around the chat, as `js/chat.js` presents it.

use alloc::string::String;

use js_sys::Function;
use wasm_bindgen::prelude::*;
use web_sys::{Element, EventTarget, Request};

#[wasm_bindgen]
extern "C" {
    /// The element on the page, in the visitor's language.
    #[derive(Clone)]
    pub type Host;

    /// A value from the page: `apiUrl`, the API's address without a slash at its end; `pageUrl`,
    /// without query and fragment, which may be confidential; `visitorName` and `visitorEmail`,
    /// empty if the page does not know them; `language`, the language of [`Self::text`], which
    /// changes with the page's.
    #[wasm_bindgen(method, structural, indexing_getter)]
    pub(crate) fn get(this: &Host, name: &str) -> String;

    /// The object that the tab stores for this API under a name; null if there is none.
    #[wasm_bindgen(method)]
    pub(crate) fn load(this: &Host, name: &str) -> JsValue;

    /// Stores the object in this JSON for this API; without JSON, removes it.
    #[wasm_bindgen(method)]
    pub(crate) fn keep(this: &Host, name: &str, json: &str);

    /// Whether another page of the tab has changed what it stores.
    #[wasm_bindgen(method, getter, js_name = isStale)]
    pub(crate) fn is_stale(this: &Host) -> bool;

    /// Creates the object with which a request is made.
    #[wasm_bindgen(method)]
    pub(crate) fn http(this: &Host) -> Http;

    /// Creates an idempotency key.
    #[wasm_bindgen(method)]
    pub(crate) fn key(this: &Host) -> String;

    /// One of [`texts`](crate::texts) in the visitor's language.
    #[wasm_bindgen(method)]
    pub(crate) fn text(this: &Host, key: &str) -> String;

    /// Formats a number for the visitor.
    #[wasm_bindgen(method)]
    pub(crate) fn number(this: &Host, value: u32) -> String;

    /// Formats a time in RFC 3339's format for the visitor.
    #[wasm_bindgen(method)]
    pub(crate) fn time(this: &Host, at: &str) -> String;

    /// Solves the proof of work that this problem asks for. The result is an event `proof`.
    #[wasm_bindgen(method)]
    pub(crate) fn prove(this: &Host, problem: &JsValue);

    /// Shows Turnstile's challenge with this site key in a node; without one, removes it. The
    /// result is an event `proof` as well.
    #[wasm_bindgen(method)]
    pub(crate) fn challenge(this: &Host, node: &Element, site_key: &str);

    /// Shows a text in a node, with links for the addresses in it.
    #[wasm_bindgen(method)]
    pub(crate) fn fill(this: &Host, node: &Element, text: &str);

    /// Shows in a node what the page wants known before the first message, or takes it away.
    #[wasm_bindgen(method)]
    pub(crate) fn consent(this: &Host, node: &Element, is_wanted: bool);

    /// The panel covers the page, which then must not scroll behind it, or does not any more.
    #[wasm_bindgen(method)]
    pub(crate) fn cover(this: &Host, is_covered: bool);

    /// Switches the sound of replies on or off.
    #[wasm_bindgen(method)]
    pub(crate) fn sound(this: &Host);

    /// Closes the panel.
    #[wasm_bindgen(method)]
    pub(crate) fn close(this: &Host);

    /// Wraps a function, so that a failure does not leave the visitor with a dead panel.
    #[wasm_bindgen(method)]
    pub(crate) fn guard(this: &Host, call: &Function) -> Function;

    /// Tells the page what has happened.
    #[wasm_bindgen(method)]
    pub(crate) fn emit(this: &Host, name: &str, detail: &JsValue);

    /// One request, as `js/http.js` makes it.
    #[wasm_bindgen(extends = EventTarget)]
    pub(crate) type Http;

    /// The request, to be sent with `fetch`. If the address is invalid, `fetch` will fail.
    #[wasm_bindgen(method)]
    pub(crate) fn request(
        this: &Http,
        method: &str,
        url: &str,
        authorization: Option<String>,
        key: Option<String>,
        body: Option<String>,
        timeout_ms: u32,
    ) -> Request;

    /// Stops waiting for the request.
    #[wasm_bindgen(method, js_name = letGo)]
    pub(crate) fn let_go(this: &Http);

    /// Fires `loadend` at the waiting requests, since one of them has made progress.
    pub(crate) fn woken();
}
