//! The limits with which `is_claimable` recognises a time that a wrong clock has set.

use std::time::Duration;

/// The longest delay of a task for the homeserver.
pub const LONGEST_DELAY: Duration = Duration::from_mins(5);
/// How much further ahead than any delay a time may lie before it counts as set by a wrong clock.
pub const CLOCK_MARGIN: Duration = Duration::from_secs(6);
