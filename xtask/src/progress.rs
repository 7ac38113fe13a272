//! What the person at the terminal sees: each step, and how long it took.

use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::failure::Result;

/// Whether a step's name is on the terminal and still waits for its duration behind it.
static LINE_OPEN: AtomicBool = AtomicBool::new(false);

/// Announces a piece of work, does it, and says how long it took.
pub(crate) fn step<T>(what: impl Display, work: impl FnOnce() -> Result<T>) -> Result<T> {
    close_line();
    print!("{what} ... ");
    flush();
    LINE_OPEN.store(true, Ordering::Relaxed);
    let started = Instant::now();
    let result = work();
    if result.is_ok() {
        let took = seconds(started.elapsed());
        if LINE_OPEN.swap(false, Ordering::Relaxed) {
            println!("{took}");
        } else {
            println!("    {what}: {took}");
        }
    }
    result
}

/// Prints a line of its own.
pub(crate) fn note(text: impl Display) {
    close_line();
    println!("{text}");
    flush();
}

/// Prints an error, on standard error.
pub(crate) fn error(text: impl Display) {
    close_line();
    eprintln!("error: {text}");
}

/// Ends a step's unfinished line before something else is printed.
pub(crate) fn close_line() {
    if LINE_OPEN.swap(false, Ordering::Relaxed) {
        println!();
        flush();
    }
}

/// Shows that a long silent piece of work goes on: often to a person, rarely to a log file.
pub(crate) struct Heartbeat {
    started: Instant,
    last: Instant,
    every: Duration,
}

impl Heartbeat {
    /// Starts counting.
    pub(crate) fn new() -> Self {
        let now = Instant::now();
        let every = if std::io::stdout().is_terminal() {
            5
        } else {
            30
        };
        Self {
            started: now,
            last: now,
            every: Duration::from_secs(every),
        }
    }

    /// Prints a sign of life when one is due.
    pub(crate) fn beat(&mut self, doing: impl FnOnce() -> String) {
        if self.last.elapsed() >= self.every {
            self.last = Instant::now();
            note(format!(
                "    {}: {}",
                seconds(self.started.elapsed()),
                doing()
            ));
        }
    }
}

/// A duration as people read it.
pub(crate) fn seconds(duration: Duration) -> String {
    if duration < Duration::from_mins(1) {
        format!("{:.1} s", duration.as_secs_f64())
    } else {
        format!(
            "{} min {:02} s",
            duration.as_secs() / 60,
            duration.as_secs() % 60
        )
    }
}

fn flush() {
    // Nothing useful can be done about a terminal that went away.
    let _ = std::io::stdout().flush();
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
