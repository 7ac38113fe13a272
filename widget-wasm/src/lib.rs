//! The chat widget behind `<matrix-support-chat>`.
//!
//! Pages load `js/element.js`, which draws the launcher. When a visitor is about to use the chat,
//! it fetches `js/chat.js`, which contains this crate. From then on the crate controls the shadow
//! root, and reaches the page through [`Host`].
//!
//! `session` makes all decisions (events in, effects out) and does not depend on a browser;
//! `driver` carries out its effects, and `view` shows its state.

extern crate alloc;

#[cfg(test)]
#[cfg(target_family = "wasm")]
mod browser_tests;
mod client;
mod driver;
mod host;
mod json;
#[cfg(test)]
mod samples;
mod session;
mod storage;
mod texts;
mod timeout;
mod transcript;
mod view;

use wasm_bindgen::prelude::*;
use web_sys::{HtmlElement, ShadowRoot};

use driver::Driver;
use host::Host;

/// This allocator is half the size of Rust's own for WASM.
#[cfg(all(target_family = "wasm", not(test)))]
#[global_allocator]
static ALLOCATOR: rlsf::SmallGlobalTlsf = rlsf::SmallGlobalTlsf::new();

/// Builds the closed panel in `root`. `launcher` is the button that opens and closes it. From then
/// on the chat follows the events at `root` (see [`Driver`]), until one of them destroys it.
#[wasm_bindgen]
pub fn start(host: Host, root: &ShadowRoot, launcher: HtmlElement) -> Result<(), JsValue> {
    Driver::start(host, root, launcher)
}
