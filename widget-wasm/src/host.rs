//! The page around the chat, as `js/chat.js` presents it.

use alloc::string::String;

use js_sys::Function;
use wasm_bindgen::prelude::*;
use web_sys::{Element, EventTarget, Request};

#[wasm_bindgen]
extern "C" {
    /// The element on the page, and the visitor's language.
    #[derive(Clone)]
    pub type Host;

    /// What the page says: `apiUrl`, where the API is, without a slash at the end; `pageUrl`, without query and fragment,
    /// since those may hold what is not for others; `visitorName` and `visitorEmail`, empty where it knows nothing;
    /// `language`, that of [`Self::text`], which changes with the page's.
    #[wasm_bindgen(method, structural, indexing_getter)]
    pub(crate) fn get(this: &Host, name: &str) -> String;

    /// What the tab holds for this API under a name, as an object; nothing where there is none.
    #[wasm_bindgen(method)]
    pub(crate) fn load(this: &Host, name: &str) -> JsValue;

    /// Has the tab hold the object of this JSON for this API; without JSON, nothing.
    #[wasm_bindgen(method)]
    pub(crate) fn keep(this: &Host, name: &str, json: &str);

    /// Whether something else has changed what the tab holds.
    #[wasm_bindgen(method, getter, js_name = isStale)]
    pub(crate) fn is_stale(this: &Host) -> bool;

    /// What a request is made with.
    #[wasm_bindgen(method)]
    pub(crate) fn http(this: &Host) -> Http;

    /// A new idempotency key.
    #[wasm_bindgen(method)]
    pub(crate) fn key(this: &Host) -> String;

    /// One of [`texts`](crate::texts), in words.
    #[wasm_bindgen(method)]
    pub(crate) fn text(this: &Host, key: &str) -> String;

    /// A number as the visitor writes it.
    #[wasm_bindgen(method)]
    pub(crate) fn number(this: &Host, value: u32) -> String;

    /// A time of RFC 3339 as the visitor writes it.
    #[wasm_bindgen(method)]
    pub(crate) fn time(this: &Host, at: &str) -> String;

    /// Solves the proof of work that this problem asks for. What comes of it is an event `proof`.
    #[wasm_bindgen(method)]
    pub(crate) fn prove(this: &Host, problem: &JsValue);

    /// Shows Turnstile's challenge with this site key in a node; without one, takes it away. What comes of it is an event
    /// `proof`, too.
    #[wasm_bindgen(method)]
    pub(crate) fn challenge(this: &Host, node: &Element, site_key: &str);

    /// Shows a text in a node, with its addresses as links.
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

    /// Makes of a function one whose failure does not leave the visitor with a dead panel.
    #[wasm_bindgen(method)]
    pub(crate) fn guard(this: &Host, call: &Function) -> Function;

    /// Tells the page what happened.
    #[wasm_bindgen(method)]
    pub(crate) fn emit(this: &Host, name: &str, detail: &JsValue);

    /// One request, of `js/http.js`.
    #[wasm_bindgen(extends = EventTarget)]
    pub(crate) type Http;

    /// The request, which is to be sent with `fetch`; what cannot be one, that refuses.
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

    /// Nobody waits for it any more.
    #[wasm_bindgen(method, js_name = letGo)]
    pub(crate) fn let_go(this: &Http);

    /// Some request has got further: it tells of it by `loadend`.
    pub(crate) fn woken();
}
