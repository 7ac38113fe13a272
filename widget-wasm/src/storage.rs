//! What outlives a page view, for as long as the tab lives: the credentials, and what was typed and
//! is not accepted yet. Each API has its own.
//!
//! A browser may forbid storage altogether. The chat then works, and ends with the page.

use serde::de::DeserializeOwned;

use crate::{
    host::Host,
    json,
    session::{Credentials, Unsent},
};

/// After the name of the element.
const SESSION: &str = "";
const UNSENT: &str = "-draft";

pub(crate) fn session(host: &Host) -> Option<Credentials> {
    load(host, SESSION)
}

pub(crate) fn unsent(host: &Host) -> Unsent {
    load(host, UNSENT).unwrap_or_default()
}

pub(crate) fn remember(host: &Host, credentials: &Credentials) {
    host.keep(
        SESSION,
        &serde_json::to_string(credentials).unwrap_or_default(),
    );
}

pub(crate) fn forget(host: &Host) {
    host.keep(SESSION, "");
}

pub(crate) fn keep_unsent(host: &Host, json: &str) {
    host.keep(UNSENT, json);
}

fn load<T: DeserializeOwned>(host: &Host, name: &str) -> Option<T> {
    json::read(host.load(name)).ok()
}
