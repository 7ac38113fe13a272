//! What the homeserver says, as data. [`answer`] reads its answers, [`event`] tells what an event means,
//! [`formatted_text`] reads markup, [`command`] reads commands, [`visible_text`] makes a text fit to be shown, and
//! [`plan`] says what is to be stored.
//!
//! Nothing here speaks to anybody: the fuzz target and the property tests feed it arbitrary bytes.
//! Whatever comes in, a plan can be stored, and a visitor may read its texts.

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
