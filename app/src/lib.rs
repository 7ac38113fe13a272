//! What the server and the browser share ([`contract`]), and the pages the server renders (`ui`).

pub mod contract;
#[cfg(feature = "ui")]
pub mod ui;
