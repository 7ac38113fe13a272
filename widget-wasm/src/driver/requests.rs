//! The requests to the server, and the challenge for which one may have to wait.

use alloc::string::String;

use crate::{
    client::Exchange,
    session::{Event, Request},
};

use super::Driver;

impl Driver {
    pub(super) fn ask(&self, request: Request) {
        if let Request::Type { .. } = request {
            // The request continues without anybody waiting for it.
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

    /// Shows a challenge; without a site key, removes it.
    pub(super) fn challenge(&self, site_key: &str) {
        self.host
            .challenge(self.view.borrow().challenge_box(), site_key);
    }

    /// The answer to a challenge or a proof of work, if there is one.
    pub(super) fn solved(&self, answer: Option<String>) {
        self.challenge("");
        self.handle(Event::Solved(answer));
    }

    pub(super) fn answered(&self, event: &web_sys::Event) {
        let Some(target) = event.target() else { return };
        for slot in [&self.poll, &self.action] {
            // A cancelled request is in no slot, and its events are ignored.
            match slot.take() {
                Some(mut exchange) if *exchange.target() == target => {
                    if let Some((event, json)) = exchange.poll() {
                        self.answer.set(json);
                        self.handle(event);
                    } else {
                        slot.set(Some(exchange));
                    }
                }
                other => slot.set(other),
            }
        }
    }
}
