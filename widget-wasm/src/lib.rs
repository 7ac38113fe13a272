//! The chat widget behind `<matrix-support-chat>`.
//!
//! What a page loads is `js/element.js`: it draws the launcher, and when a visitor shows that they
//! mean to chat, it fetches `js/chat.js`, which brings this crate. From then on the crate has the
//! shadow root, and [`Host`] is how it reaches the page.
//!
//! `session` decides everything (events in, effects out) and knows no browser; `driver` carries
//! out its effects, `view` shows its state.

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

/// Half the size of Rust's own allocator for WASM.
#[cfg(all(target_family = "wasm", not(test)))]
#[global_allocator]
static ALLOCATOR: rlsf::SmallGlobalTlsf = rlsf::SmallGlobalTlsf::new();

/// Builds the panel, closed, in `root`. `launcher` is the button that opens and closes it. From then on events at `root` say
/// what to do (see [`Driver`]), until one of them takes everything away.
#[wasm_bindgen]
pub fn start(host: Host, root: &ShadowRoot, launcher: HtmlElement) -> Result<(), JsValue> {
    Driver::start(host, root, launcher)
}
