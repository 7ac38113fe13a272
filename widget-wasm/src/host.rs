//! The page around the chat, as `js/chat.js` presents it.

use alloc::string::String;

use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// The element on the page, and the visitor's language.
    #[derive(Clone)]
    pub type Host;

    /// Where the API is.
    #[wasm_bindgen(method, getter, js_name = apiUrl)]
    pub(crate) fn api_url(this: &Host) -> String;

    /// The page without query and fragment: those may hold what is not for others.
    #[wasm_bindgen(method, getter, js_name = pageUrl)]
    pub(crate) fn page_url(this: &Host) -> String;

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

    /// Closes the panel.
    #[wasm_bindgen(method)]
    pub(crate) fn close(this: &Host);

    /// Tells the page what happened.
    #[wasm_bindgen(method)]
    pub(crate) fn emit(this: &Host, name: &str, detail: &JsValue);
}
