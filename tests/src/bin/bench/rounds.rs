//! Alternating rounds: every side of a comparison runs once in each, so that changes in the speed of the machine affect all.

use std::time::{Duration, Instant};

use crate::Failure;
use crate::report::Ratio;

/// Number of measured rounds. One warm-up round precedes them.
pub(crate) const ROUNDS: usize = 11;
/// Number of rounds where the ratios of fewer are on both sides of the target.
const MOST_ROUNDS: usize = 33;

/// The codec of a side that is written by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codec {
    /// The one of the types crate: the ratio shows what the rest costs.
    Ours,
    /// The plain serde derive, as a user would write it.
    Derive,
}

/// Time of each side in one round.
#[derive(Clone, Copy)]
pub(crate) struct Round {
    pub(crate) ours: Duration,
    pub(crate) raw: Duration,
    pub(crate) derive: Option<Duration>,
}

/// Measures rounds, and more of them while their ratios are on both sides of the target.
pub(crate) fn alternate(
    (ratio, target): (Ratio, Option<f64>),
    has_derive: bool,
    mut ours: impl FnMut() -> Result<Duration, Failure>,
    mut raw: impl FnMut(Codec) -> Result<Duration, Failure>,
) -> Result<Vec<Round>, Failure> {
    let mut round = |number: usize| {
        let (mut own, mut by_hand, mut derive) = (Duration::ZERO, Duration::ZERO, None);
        // Each side is the first one in some rounds.
        for turn in 0..3 {
            match (turn + number) % 3 {
                0 => own = ours()?,
                1 => by_hand = raw(Codec::Ours)?,
                _ if has_derive => derive = Some(raw(Codec::Derive)?),
                _ => {}
            }
        }
        Ok::<_, Failure>(Round {
            ours: own,
            raw: by_hand,
            derive,
        })
    };
    round(0)?;
    let mut rounds = Vec::with_capacity(MOST_ROUNDS);
    while rounds.len() < ROUNDS
        || (rounds.len() < MOST_ROUNDS && target.is_some_and(|target| spans(&rounds, ratio, target)))
    {
        rounds.push(round(rounds.len())?);
    }
    Ok(rounds)
}

fn spans(rounds: &[Round], ratio: Ratio, target: f64) -> bool {
    let is_below = |round: &Round| ratio.of(round.ours, round.raw) < target;
    rounds.iter().any(is_below) && !rounds.iter().all(is_below)
}

/// Measures the time that `work` takes.
pub(crate) fn timed<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<Duration, Failure> {
    let start = Instant::now();
    let result = work()?;
    let time = start.elapsed();
    std::hint::black_box(result);
    Ok(time)
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
