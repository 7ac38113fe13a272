//! The time of day, and random numbers. The composition root passes both to every part that needs them, so that a test
//! or a simulation can choose them.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use rand::{Rng, SeedableRng, TryRng, rngs::StdRng};
use uuid::{Builder, Uuid};

/// A clock and dice. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Ambient {
    clock: Clock,
    dice: Dice,
}

impl Ambient {
    /// The clock and the dice of the machine.
    #[must_use]
    pub const fn system() -> Self {
        Self::new(Clock::system(), Dice::system())
    }

    /// This clock and these dice.
    #[must_use]
    pub const fn new(clock: Clock, dice: Dice) -> Self {
        Self { clock, dice }
    }

    /// The time of day.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// The dice.
    #[must_use]
    pub fn dice(&self) -> Dice {
        self.dice.clone()
    }
}

/// Tells the time of day. Cheap to clone; clones of a clock that was set agree.
#[derive(Clone, Debug, Default)]
pub struct Clock(Option<Arc<Mutex<DateTime<Utc>>>>);

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub const fn system() -> Self {
        Self(None)
    }

    /// A clock that stands still until it is moved.
    #[must_use]
    pub fn set_to(time: DateTime<Utc>) -> Self {
        Self(Some(Arc::new(Mutex::new(time))))
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.0.as_deref().map_or_else(Utc::now, |time| *lock(time))
    }

    /// Moves a clock that was set, forwards or backwards; the machine's stays as it is.
    pub fn step(&self, by: TimeDelta) {
        if let Some(time) = &self.0 {
            *lock(time) += by;
        }
    }
}

/// Rolls dice: for delays that should not be the same everywhere, and for ids that nobody may guess. Cheap to clone;
/// clones of seeded dice take turns.
#[derive(Clone, Debug, Default)]
pub struct Dice(Option<Arc<Mutex<StdRng>>>);

impl Dice {
    /// The thread's generator, which is cryptographically secure.
    #[must_use]
    pub const fn system() -> Self {
        Self(None)
    }

    /// Dice that roll the same sequence for the same seed.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self(Some(Arc::new(Mutex::new(StdRng::seed_from_u64(seed)))))
    }

    /// A random id.
    #[must_use]
    pub fn uuid(&mut self) -> Uuid {
        let mut bytes = [0; 16];
        self.fill_bytes(&mut bytes);
        Builder::from_random_bytes(bytes).into_uuid()
    }

    fn roll<T>(&self, from: impl FnOnce(&mut dyn Rng) -> T) -> T {
        match &self.0 {
            Some(seeded) => from(&mut *lock(seeded)),
            None => from(&mut rand::rng()),
        }
    }
}

impl TryRng for Dice {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.roll(|rng| rng.next_u32()))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.roll(|rng| rng.next_u64()))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.roll(|rng| rng.fill_bytes(bytes));
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No invariant spans a panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_of_a_clock_that_was_set_move_together() {
        let clock = Clock::set_to(DateTime::UNIX_EPOCH);
        let same = clock.clone();
        assert_eq!(same.now(), DateTime::UNIX_EPOCH);
        clock.step(TimeDelta::seconds(90));
        clock.step(TimeDelta::seconds(-30));
        assert_eq!(same.now().timestamp(), 60);
    }

    #[test]
    fn the_machines_clock_cannot_be_moved() {
        let clock = Clock::system();
        clock.step(TimeDelta::days(1));
        assert!(clock.now() - Utc::now() < TimeDelta::hours(1));
    }

    #[test]
    fn dice_of_the_same_seed_roll_the_same_and_their_clones_take_turns() {
        let rolls = |mut one: Dice, mut other: Dice| [one.uuid(), other.uuid()];
        let dice = Dice::seeded(7);
        let shared = rolls(dice.clone(), dice);
        let mut again = Dice::seeded(7);
        assert_eq!(shared, [again.uuid(), again.uuid()]);
        assert_ne!(shared[0], shared[1]);
        assert_ne!(shared[0], Dice::seeded(8).uuid());
        assert_ne!(Dice::system().uuid(), Dice::system().uuid());
    }
}
