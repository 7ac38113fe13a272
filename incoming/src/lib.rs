//! The homeserver's answers as data. [`answer`] parses answers, [`event`] finds the meaning of an event,
//! [`formatted_text`] reads markup, [`command`] reads commands, [`visible_text`] makes a text fit for visitors, and
//! [`plan`] decides what to store.
//!
//! Nothing here does I/O: the fuzz target and the property tests feed it arbitrary bytes. Whatever the input is, a plan
//! can be stored, and a visitor may read its texts.

pub mod answer;
pub mod bounds;
pub mod command;
pub mod desk;
pub mod event;
pub mod formatted_text;
#[doc(hidden)]
pub mod fuzzing;
pub mod plan;
pub mod signals;
pub mod visible_text;
