//! Back-off: how long a task that failed waits before it is tried again.

use std::time::Duration;

use rand::{Rng, RngExt};

/// The wait doubles with each failure. It is spread at random, so that what failed together is not tried again together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    /// The longest wait after a first failure.
    pub(crate) first: Duration,
    /// The longest wait of all.
    pub(crate) longest: Duration,
}

impl Backoff {
    /// The wait after a failure, given the number of failures before it.
    pub(crate) fn delay(self, earlier_failures: i32, dice: &mut impl Rng) -> Duration {
        let doublings = u32::try_from(earlier_failures).unwrap_or(0);
        let growing = self.first.saturating_mul(2_u32.saturating_pow(doublings));
        let most = growing.min(self.longest);
        most.mul_f64(dice.random_range(0.5..=1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Dice;

    #[test]
    fn the_wait_doubles_with_each_failure_up_to_the_longest_and_is_spread() {
        let backoff = Backoff {
            first: Duration::from_secs(5),
            longest: Duration::from_hours(1),
        };
        let mut dice = Dice::seeded(1);
        for (failures, most) in [
            (-1, 5),
            (0, 5),
            (1, 10),
            (3, 40),
            (10, 3_600),
            (i32::MAX, 3_600),
        ] {
            let most = Duration::from_secs(most);
            let delays: Vec<_> = (0..100)
                .map(|_| backoff.delay(failures, &mut dice))
                .collect();
            assert!(
                delays.iter().all(|delay| (most / 2..=most).contains(delay)),
                "{failures}: {delays:?}"
            );
            let (least, longest) = (delays.iter().min().unwrap(), delays.iter().max().unwrap());
            assert!(
                longest.saturating_sub(*least) > most / 4,
                "{failures}: {delays:?}"
            );
        }
    }
}
