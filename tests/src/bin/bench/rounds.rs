use std::time::{Duration, Instant};

use crate::Failure;

/// Number of measured rounds. One warm-up round precedes them.
pub(crate) const ROUNDS: usize = 11;

/// Prints the header of a table.
pub(crate) fn print_head() {
    println!(
        "{:<44} {:>12} {:>12} {:>8} {:>17}",
        "what", "ours", "raw", "ratio", "min – max"
    );
}

/// Times both sides alternately and prints their medians per event, and their ratio.
pub(crate) fn compare(
    what: &str,
    events: usize,
    ratio: Ratio,
    mut ours: impl FnMut() -> Result<Duration, Failure>,
    mut raw: impl FnMut() -> Result<Duration, Failure>,
) -> Result<(), Failure> {
    ours()?;
    raw()?;
    let mut times = Vec::with_capacity(ROUNDS);
    for round in 0..ROUNDS {
        // The sides alternate in which goes first.
        times.push(if round % 2 == 0 {
            let ours = ours()?;
            (ours, raw()?)
        } else {
            let raw = raw()?;
            (ours()?, raw)
        });
    }
    let per_event = |time: Duration| time.as_secs_f64() * 1e9 / events as f64;
    let ours = median(times.iter().map(|(ours, _)| per_event(*ours)).collect());
    let raw = median(times.iter().map(|(_, raw)| per_event(*raw)).collect());
    let ratios: Vec<f64> = times
        .iter()
        .map(|(ours, raw)| match ratio {
            Ratio::Time => ours.as_secs_f64() / raw.as_secs_f64(),
            Ratio::Speed => raw.as_secs_f64() / ours.as_secs_f64(),
        })
        .collect();
    let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
    let most = ratios.iter().copied().fold(0.0, f64::max);
    println!(
        "{what:<44} {ours:>9.0} ns {raw:>9.0} ns {:>8.2} {:>17}",
        median(ratios),
        format!("{least:.2} – {most:.2}")
    );
    Ok(())
}

/// Quantity that a ratio compares.
#[derive(Clone, Copy)]
pub(crate) enum Ratio {
    /// Our time / theirs: less is better.
    Time,
    /// Our events per second / theirs: more is better.
    Speed,
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
