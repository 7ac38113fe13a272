//! What the server and the browser share ([`contract`]), and the pages the server renders (`ui`).
//!
//! The contract alone needs no standard library: without one, the widget is a third smaller.

#![cfg_attr(not(any(test, feature = "openapi", feature = "ui")), no_std)]

extern crate alloc;

pub mod contract;
mod language;
#[cfg(feature = "ui")]
pub mod ui;

pub use language::Language;
