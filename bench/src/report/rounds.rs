//! Rounds: the same again and again, of what is measured and of its limit in turn.

use std::time::Duration;

use crate::{Result, Setup};

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Measured,
    Limit,
}

/// What came of each round: of what is measured, and of its limit. Each first one is for warming up, and
/// does not count.
pub(crate) async fn alternate<T>(
    setup: &Setup,
    mut round: impl AsyncFnMut(Side) -> Result<T>,
) -> Result<(Vec<T>, Vec<T>)> {
    let (mut measured, mut limits) = (Vec::new(), Vec::new());
    for number in 0..=setup.rounds {
        let (one, other) = (round(Side::Measured).await?, round(Side::Limit).await?);
        if number > 0 {
            measured.push(one);
            limits.push(other);
        }
    }
    Ok((measured, limits))
}

/// The same where there is nothing to compare with.
pub(crate) async fn repeat<T>(
    setup: &Setup,
    mut round: impl AsyncFnMut() -> Result<T>,
) -> Result<Vec<T>> {
    round().await?;
    let mut measured = Vec::new();
    for _ in 0..setup.rounds {
        measured.push(round().await?);
    }
    Ok(measured)
}

/// The middle of so many rounds.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// In milliseconds.
pub(crate) fn median_ms(times: impl IntoIterator<Item = Duration>) -> f64 {
    median(times.into_iter().map(|it| it.as_secs_f64() * 1e3))
}

/// The middles of both sides, for what is looked at.
pub(crate) fn medians<T>(
    (measured, limits): &(Vec<T>, Vec<T>),
    value: impl Fn(&T) -> f64,
) -> (f64, f64) {
    (
        median(measured.iter().map(&value)),
        median(limits.iter().map(&value)),
    )
}
