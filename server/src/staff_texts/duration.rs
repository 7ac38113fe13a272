//! Durations in words.

use std::time::Duration;

/// What stands behind the numbers of days, hours, minutes and seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Units([&'static str; 4]);

impl Units {
    pub(super) const ENGLISH: Self = Self(["d", "h", "m", "s"]);
    pub(super) const GERMAN: Self = Self(["\u{a0}T.", "\u{a0}Std.", "\u{a0}Min.", "\u{a0}Sek."]);
    pub(super) const FRENCH: Self = Self(["\u{a0}j", "\u{a0}h", "\u{a0}min", "\u{a0}s"]);
    pub(super) const SPANISH: Self = Self(["\u{a0}d", "\u{a0}h", "\u{a0}min", "\u{a0}s"]);
    pub(super) const UKRAINIAN: Self = Self(["\u{a0}дн", "\u{a0}год", "\u{a0}хв", "\u{a0}с"]);
    pub(super) const ARABIC: Self = Self(["\u{a0}ي", "\u{a0}س", "\u{a0}د", "\u{a0}ث"]);

    /// The duration in its two largest units.
    pub(super) fn tell(self, duration: Duration) -> String {
        let seconds = duration.as_secs();
        let parts = [
            seconds / 86_400,
            seconds / 3_600 % 24,
            seconds / 60 % 60,
            seconds % 60,
        ];
        let first = parts.iter().position(|part| *part > 0).unwrap_or(3);
        let named = parts.iter().zip(self.0).skip(first).take(2);
        let named = named.filter(|(part, _)| **part > 0 || seconds == 0);
        let named: Vec<_> = named.map(|(part, unit)| format!("{part}{unit}")).collect();
        named.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_told_in_its_two_largest_units() {
        for (seconds, expected) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (61, "1m 1s"),
            (3_600, "1h"),
            (3_605, "1h"),
            (90_000, "1d 1h"),
        ] {
            assert_eq!(Units::ENGLISH.tell(Duration::from_secs(seconds)), expected);
        }
    }
}
