//! The page around the chat, as `js/chat.js` presents it.

use alloc::string::String;

use js_sys::Function;
use wasm_bindgen::prelude::*;
use web_sys::{Element, EventTarget};

#[wasm_bindgen]
extern "C" {
    /// The element on the page, and the visitor's language.
    #[derive(Clone)]
    pub type Host;

    /// Where the API is, without a slash at the end.
    #[wasm_bindgen(method, getter, js_name = apiUrl)]
    pub(crate) fn api_url(this: &Host) -> String;

    /// The page without query and fragment: those may hold what is not for others.
    #[wasm_bindgen(method, getter, js_name = pageUrl)]
    pub(crate) fn page_url(this: &Host) -> String;

    /// What the tab holds for this API under a name, as an object; nothing where there is none.
    #[wasm_bindgen(method)]
    pub(crate) fn load(this: &Host, name: &str) -> JsValue;

    /// Has the tab hold the object of this JSON for this API; without JSON, nothing.
    #[wasm_bindgen(method)]
    pub(crate) fn keep(this: &Host, name: &str, json: &str);

    /// Whether something else has changed what the tab holds.
    #[wasm_bindgen(method, getter, js_name = isStale)]
    pub(crate) fn is_stale(this: &Host) -> bool;

    /// A request to make.
    #[wasm_bindgen(method)]
    pub(crate) fn http(this: &Host) -> Http;

    /// A new idempotency key.
    #[wasm_bindgen(method)]
    pub(crate) fn key(this: &Host) -> String;

    /// What the page knows of the visitor; empty where it knows nothing.
    #[wasm_bindgen(method, getter, js_name = visitorName)]
    pub(crate) fn visitor_name(this: &Host) -> String;
    #[wasm_bindgen(method, getter, js_name = visitorEmail)]
    pub(crate) fn visitor_email(this: &Host) -> String;

    /// The language of [`Self::text`]; it changes with the page's.
    #[wasm_bindgen(method, getter)]
    pub(crate) fn language(this: &Host) -> String;

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

    /// Shows a text in a node, with its addresses as links.
    #[wasm_bindgen(method)]
    pub(crate) fn fill(this: &Host, node: &Element, text: &str);

    /// The panel covers the page, which then must not scroll behind it, or does not any more.
    #[wasm_bindgen(method)]
    pub(crate) fn cover(this: &Host, is_covered: bool);

    /// Closes the panel.
    #[wasm_bindgen(method)]
    pub(crate) fn close(this: &Host);

    /// Makes of a function one whose failure does not leave the visitor with a dead panel.
    #[wasm_bindgen(method)]
    pub(crate) fn guard(this: &Host, call: &Function) -> Function;

    /// Tells the page what happened.
    #[wasm_bindgen(method)]
    pub(crate) fn emit(this: &Host, name: &str, detail: &JsValue);

    /// A request, of `js/http.js`.
    #[wasm_bindgen(extends = EventTarget)]
    pub(crate) type Http;

    #[wasm_bindgen(method, js_name = setHeader)]
    pub(crate) fn set_header(this: &Http, name: &str, value: &str);

    /// Sends it. Whatever becomes of it ends in `loadend`.
    #[wasm_bindgen(method)]
    pub(crate) fn send(this: &Http, method: &str, url: &str, body: Option<String>, timeout_ms: u32);

    /// Nobody waits for it any more.
    #[wasm_bindgen(method, js_name = letGo)]
    pub(crate) fn let_go(this: &Http);

    /// The answer's status; 0 if there was none.
    #[wasm_bindgen(method, getter)]
    pub(crate) fn status(this: &Http) -> u16;

    /// The answer's JSON, or `null`.
    #[wasm_bindgen(method, getter)]
    pub(crate) fn json(this: &Http) -> JsValue;

    /// One of the answer's headers.
    #[wasm_bindgen(method)]
    pub(crate) fn header(this: &Http, name: &str) -> Option<String>;
}
