//! What the server and the browser share ([`contract`]), and the pages that the server renders
//! (`ui`).
//!
//! The contract does not need the standard library, and the widget is a third smaller without it.

#![cfg_attr(not(any(test, feature = "openapi", feature = "ui")), no_std)]

extern crate alloc;

pub mod contract;
mod language;
#[cfg(feature = "ui")]
pub mod ui;

pub use language::Language;
