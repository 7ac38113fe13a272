//! The chat widget behind `<matrix-support-chat>`.
//!
//! `matrix-support-chat.js` is what a page loads: it draws the launcher, and fetches this crate
//! when a visitor shows that they mean to chat. From then on [`Widget`] has the shadow root.
//!
//! `session` decides everything (events in, effects out) and knows no browser; `element` carries
//! out its effects, `view` shows its state.

mod challenge;
mod client;
mod element;
mod json;
mod session;
mod storage;
mod texts;
mod transcript;
mod view;

use std::{cell::RefCell, rc::Rc};

use wasm_bindgen::prelude::*;
use web_sys::{HtmlElement, ShadowRoot};

use element::Element;

/// Half the size of Rust's own allocator for WASM.
#[cfg(target_family = "wasm")]
#[global_allocator]
static ALLOCATOR: rlsf::SmallGlobalTlsf = rlsf::SmallGlobalTlsf::new();

/// The chat of one `<matrix-support-chat>` element.
#[wasm_bindgen]
pub struct Widget(RefCell<Option<Rc<Element>>>);

#[wasm_bindgen]
impl Widget {
    /// Builds the panel, closed, in `root`. `launcher` is the button that opens and closes it.
    #[wasm_bindgen(constructor)]
    pub fn new(root: &ShadowRoot, launcher: HtmlElement, api_url: &str) -> Result<Self, JsValue> {
        Ok(Self(RefCell::new(Some(Element::new(
            root, launcher, api_url,
        )?))))
    }

    /// Opens the panel, or closes it.
    pub fn toggle(&self) {
        let element = self.0.borrow().clone();
        if let Some(element) = element {
            element.toggle();
        }
    }

    /// Takes the panel away, with every listener, timer and request.
    pub fn destroy(&self) {
        self.0.take();
    }
}
