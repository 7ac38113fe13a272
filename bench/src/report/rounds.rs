//! Rounds: the measured side and its limit in turn, several times.

use std::time::Duration;

use crate::{Result, Setup};

/// The side of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Measured,
    Limit,
}

/// The results of each round for both sides. The first round of each side is a warm-up and does not count.
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

/// The same without a limit.
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

/// The median of the rounds.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// In milliseconds.
pub(crate) fn median_ms(times: impl IntoIterator<Item = Duration>) -> f64 {
    median(times.into_iter().map(|it| it.as_secs_f64() * 1e3))
}

/// The medians of both sides of one value.
pub(crate) fn medians<T>(
    (measured, limits): &(Vec<T>, Vec<T>),
    value: impl Fn(&T) -> f64,
) -> (f64, f64) {
    (
        median(measured.iter().map(&value)),
        median(limits.iter().map(&value)),
    )
}
