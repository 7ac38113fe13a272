//! The limits by which `is_claimable` tells a time that a server has set from one that a wrong clock has set.

use std::time::Duration;

/// The longest delay that a server gives a task that is owed to the homeserver.
pub const LONGEST_DELAY: Duration = Duration::from_mins(5);
/// By how much more a time may lie ahead than any server sets it, before a wrong clock is to blame.
pub const CLOCK_MARGIN: Duration = Duration::from_secs(6);
