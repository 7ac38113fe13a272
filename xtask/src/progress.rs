//! Progress at the terminal: each step, and how long it took.

use std::fmt::Display;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use crate::failure::Result;

/// Announces a piece of work, does it, and says how long it took unless that was very short.
pub(crate) fn step<T>(what: impl Display, work: impl FnOnce() -> Result<T>) -> Result<T> {
    println!("{what} ...");
    let started = Instant::now();
    let result = work();
    let took = started.elapsed();
    if result.is_ok() && took > Duration::from_secs(1) {
        println!("    {what}: {}", seconds(took));
    }
    result
}

/// Prints a line of its own.
pub(crate) fn note(text: impl Display) {
    println!("{text}");
}

/// Prints an error, on standard error.
pub(crate) fn error(text: impl Display) {
    eprintln!("error: {text}");
}

/// Shows that a long silent piece of work goes on: often at a terminal, rarely in a log file.
pub(crate) struct Heartbeat {
    started: Instant,
    last: Instant,
    every: Duration,
}

impl Heartbeat {
    /// Starts counting.
    pub(crate) fn new() -> Self {
        let (started, is_seen) = (Instant::now(), std::io::stdout().is_terminal());
        Self {
            started,
            last: started,
            every: Duration::from_secs(if is_seen { 5 } else { 30 }),
        }
    }

    /// Prints a sign of life if one is due.
    pub(crate) fn beat(&mut self, doing: impl FnOnce() -> String) {
        if self.last.elapsed() >= self.every {
            self.last = Instant::now();
            println!("    {}: {}", seconds(self.started.elapsed()), doing());
        }
    }
}

/// A duration as people read it.
pub(crate) fn seconds(duration: Duration) -> String {
    match duration.as_secs() {
        0..60 => format!("{:.1} s", duration.as_secs_f64()),
        seconds => format!("{} min {:02} s", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well() {
        assert_eq!(seconds(Duration::from_millis(1234)), "1.2 s");
        assert_eq!(seconds(Duration::from_secs(125)), "2 min 05 s");
    }
}
