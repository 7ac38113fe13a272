//! Helpers for the DOM, with as few calls as possible.

use alloc::string::String;

use js_sys::Reflect;
use wasm_bindgen::prelude::*;
use web_sys::{Document, Element};

pub(super) type Done = Result<(), JsValue>;

/// Adds an element to `parent`.
pub(super) fn make(
    document: &Document,
    parent: &web_sys::Node,
    tag: &str,
    text: &str,
    attributes: &[(&str, &str)],
) -> Result<Element, JsValue> {
    let element = document.create_element(tag)?;
    element.set_text_content(Some(text));
    set(&element, attributes)?;
    parent.append_child(&element)?;
    Ok(element)
}

pub(super) fn set(element: &Element, attributes: &[(&str, &str)]) -> Done {
    attributes
        .iter()
        .try_for_each(|(name, value)| element.set_attribute(name, value))
}

/// Sets the text only if it changes, because a live region announces what is set again. It is
/// compared with the last text that was set, since a translator may have changed the node.
pub(super) fn set_text(node: &Element, text: &str) {
    let said = JsValue::from_str("said");
    if Reflect::get(node, &said)
        .ok()
        .as_ref()
        .and_then(JsValue::as_string)
        .as_deref()
        != Some(text)
    {
        node.set_text_content(Some(text));
        // Setting a property on a node cannot fail.
        let _ = Reflect::set(node, &said, &text.into());
    }
}

pub(super) fn set_flag(element: &Element, name: &str, on: bool) -> Done {
    element.set_attribute(name, if on { "true" } else { "false" })
}

#[wasm_bindgen]
extern "C" {
    /// Formats a number with JavaScript, so that Rust's own formatting is not part of the WASM.
    #[wasm_bindgen(js_name = String)]
    pub(super) fn decimal(number: f64) -> String;
}
