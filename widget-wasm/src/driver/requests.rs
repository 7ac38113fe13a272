//! The requests to the server, and the challenge that one may have to wait for.

use alloc::string::String;

use wasm_bindgen::prelude::*;

use crate::{
    challenge::{self, Challenge},
    client::Exchange,
    session::{Event, Request},
};

use super::Driver;

impl Driver {
    pub(super) fn ask(&self, request: Request) {
        if let Request::Type { .. } = request {
            // It goes on, and nobody waits for its end.
            return drop(Exchange::new(&self.host, &self.api_url, request, |_| ()));
        }
        let slot = if matches!(request, Request::Poll { .. }) {
            &self.poll
        } else {
            &self.action
        };
        let exchange = Exchange::new(&self.host, &self.api_url, request, |it| {
            let _ = self.listen(it, "loadend");
        });
        slot.set(Some(exchange));
    }

    /// Shows a challenge, now or as soon as what shows it is loaded.
    pub(super) fn challenge(&self, site_key: String) {
        let me = self.me.clone();
        let answer = move |token| {
            if let Some(driver) = me.upgrade() {
                driver.solved(token);
            }
        };
        let show = || {
            let document = self.window.document().ok_or(JsValue::NULL)?;
            let view = self.view.borrow();
            let mut challenge = Challenge::new(&document, view.challenge_box(), site_key, answer)?;
            if challenge::is_loaded(&self.window) {
                challenge.show()?;
            } else {
                let script = challenge::load(&document)?;
                self.listen(&script, "load")?;
                self.listen(&script, "error")?;
            }
            self.challenge.set(Some(challenge));
            Ok::<_, JsValue>(())
        };
        if show().is_err() {
            self.solved(None);
        }
    }

    /// The script was loaded, or cannot be.
    pub(super) fn show_challenge(&self) {
        if let Some(mut challenge) = self.challenge.take() {
            if challenge.show().is_err() {
                return self.solved(None);
            }
            self.challenge.set(Some(challenge));
        }
    }

    pub(super) fn solved(&self, answer: Option<String>) {
        self.challenge.take();
        self.handle(Event::Solved(answer));
    }

    pub(super) fn answered(&self, event: &web_sys::Event) {
        let Some(target) = event.target() else { return };
        for slot in [&self.poll, &self.action] {
            // One that was cancelled is in no slot, and says nothing any more.
            match slot.take() {
                Some(exchange) if *exchange.target() == target => {
                    self.answer.set(exchange.json());
                    self.handle(exchange.answer());
                }
                other => slot.set(other),
            }
        }
    }
}
