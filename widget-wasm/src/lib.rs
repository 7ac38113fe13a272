//! The chat widget behind `<matrix-support-chat>`.
//!
//! What a page loads is `js/element.js`: it draws the launcher, and when a visitor shows that they
//! mean to chat, it fetches `js/chat.js`, which brings this crate. From then on [`Widget`] has the
//! shadow root, and [`Host`] is how it reaches the page.
//!
//! `session` decides everything (events in, effects out) and knows no browser; `driver` carries
//! out its effects, `view` shows its state.

#![cfg_attr(all(target_family = "wasm", not(test)), no_std)]

extern crate alloc;

#[cfg(test)]
#[cfg(target_family = "wasm")]
mod browser_tests;
mod challenge;
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

use alloc::rc::Rc;
use core::cell::RefCell;

use wasm_bindgen::prelude::*;
use web_sys::{HtmlElement, ShadowRoot};

use driver::Driver;
use host::Host;

/// Half the size of Rust's own allocator for WASM.
#[cfg(all(target_family = "wasm", not(test)))]
#[global_allocator]
static ALLOCATOR: rlsf::SmallGlobalTlsf = rlsf::SmallGlobalTlsf::new();

/// What is left of a panic: a trap. Nobody would read the message, which alone costs 5 KB.
#[cfg(all(target_family = "wasm", not(test)))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}

/// The chat of one `<matrix-support-chat>` element.
#[wasm_bindgen]
pub struct Widget(RefCell<Option<Rc<Driver>>>);

#[wasm_bindgen]
impl Widget {
    /// Builds the panel, closed, in `root`. `launcher` is the button that opens and closes it.
    #[wasm_bindgen(constructor)]
    pub fn new(host: Host, root: &ShadowRoot, launcher: HtmlElement) -> Result<Self, JsValue> {
        let driver = Driver::new(host, root, launcher)?;
        Ok(Self(RefCell::new(Some(driver))))
    }

    /// Opens the panel, or closes it.
    #[wasm_bindgen(js_name = setOpen)]
    pub fn set_open(&self, open: bool) {
        let driver = self.0.borrow().clone();
        if let Some(driver) = driver {
            driver.set_open(open);
        }
    }

    /// Says everything in the language that the host now speaks.
    pub fn translate(&self) {
        let driver = self.0.borrow().clone();
        if let Some(driver) = driver {
            driver.translate();
        }
    }

    /// Goes on with what the tab keeps by now.
    pub fn resume(&self) {
        let driver = self.0.borrow().clone();
        if let Some(driver) = driver {
            driver.resume();
        }
    }

    /// Another tab has shown what was unread.
    pub fn read(&self) {
        let driver = self.0.borrow().clone();
        if let Some(driver) = driver {
            driver.read();
        }
    }

    /// Takes the panel away, with every listener, timer and request.
    pub fn destroy(&self) {
        self.0.take();
    }
}
