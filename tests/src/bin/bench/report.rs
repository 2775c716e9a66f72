//! The tables: each row with its target, and at the end the rows that missed theirs.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use crate::Failure;
use crate::rounds::{Codec, Round, alternate, median};

/// Quantity that a ratio compares.
#[derive(Clone, Copy)]
pub(crate) enum Ratio {
    /// Our time / theirs: less is better.
    Time,
    /// Our events per second / theirs: more is better.
    Speed,
}

impl Ratio {
    pub(crate) fn of(self, ours: Duration, raw: Duration) -> f64 {
        match self {
            Self::Time => ours.as_secs_f64() / raw.as_secs_f64(),
            Self::Speed => raw.as_secs_f64() / ours.as_secs_f64(),
        }
    }

    fn sign(self) -> char {
        match self {
            Self::Time => '≤',
            Self::Speed => '≥',
        }
    }

    fn meets(self, ratio: f64, target: f64) -> bool {
        match self {
            Self::Time => ratio <= target,
            Self::Speed => ratio >= target,
        }
    }
}

/// A comparison of our side with one that is written by hand.
pub(crate) struct Row {
    what: String,
    events: usize,
    ratio: Ratio,
    target: Option<f64>,
    has_derive: bool,
}

impl Row {
    /// Compares speeds.
    pub(crate) fn speed(what: impl Into<String>, events: usize) -> Self {
        Self {
            what: what.into(),
            events,
            ratio: Ratio::Speed,
            target: None,
            has_derive: false,
        }
    }

    /// Compares times.
    pub(crate) fn time(what: impl Into<String>, events: usize) -> Self {
        Self {
            ratio: Ratio::Time,
            ..Self::speed(what, events)
        }
    }

    /// The least ratio of speeds, or the largest one of times, that the median should have.
    pub(crate) fn target(mut self, target: f64) -> Self {
        self.target = Some(target);
        self
    }

    /// Also measures the side that is written by hand with the plain serde derive.
    pub(crate) fn with_derive(mut self) -> Self {
        self.has_derive = true;
        self
    }
}

/// Prints the rows whose text contains a filter, and remembers which missed their target.
#[derive(Default)]
pub(crate) struct Report {
    filter: String,
    rows: Cell<usize>,
    missed: RefCell<Vec<String>>,
}

impl Report {
    /// `filter` is empty for all rows.
    pub(crate) fn new(filter: String) -> Self {
        Self {
            filter,
            ..Self::default()
        }
    }

    /// Prints the title and the head of a table of comparisons.
    pub(crate) fn ratios(&self, title: &str) {
        println!("\n{title}");
        println!(
            "{:<54} {:>10} {:>10} {:>6} {:>13} {:>6} {:>7}   {:>10} {:>6}",
            "what", "ours", "by hand", "ratio", "min – max", "rounds", "target", "derive", "ratio"
        );
    }

    /// Prints the title and the head of a table of figures.
    pub(crate) fn figures(&self, title: &str) {
        println!("\n{title}");
        println!("{:<60} {:>26} {:>12}", "what", "measured", "target");
    }

    /// Measures the sides alternately, and prints the medians of their times per event, and of their ratio.
    pub(crate) fn compare(
        &self,
        row: Row,
        ours: impl FnMut() -> Result<Duration, Failure>,
        raw: impl FnMut(Codec) -> Result<Duration, Failure>,
    ) -> Result<(), Failure> {
        if !row.what.contains(&self.filter) {
            return Ok(());
        }
        let rounds = alternate((row.ratio, row.target), row.has_derive, ours, raw)?;
        self.print_comparison(&row, &rounds);
        Ok(())
    }

    fn print_comparison(&self, row: &Row, rounds: &[Round]) {
        let per_event = |time: Duration| time.as_secs_f64() * 1e9 / row.events as f64;
        let time_of =
            |side: fn(&Round) -> Option<Duration>| median(rounds.iter().filter_map(side).map(per_event).collect());
        let ratios_to = |side: fn(&Round) -> Option<Duration>| -> Vec<f64> {
            let both = rounds.iter().filter_map(|round| Some((round.ours, side(round)?)));
            both.map(|(ours, other)| row.ratio.of(ours, other)).collect()
        };
        let ratios = ratios_to(|round| Some(round.raw));
        let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
        let most = ratios.iter().copied().fold(0.0, f64::max);
        let ratio = median(ratios);
        let (target, verdict) = match row.target {
            None => (String::new(), ""),
            Some(target) => {
                let is_met = row.ratio.meets(ratio, target);
                if !is_met {
                    self.missed.borrow_mut().push(format!("{}: {ratio:.2}", row.what));
                }
                (
                    format!("{} {target}", row.ratio.sign()),
                    if is_met { "" } else { "MISSED" },
                )
            }
        };
        let derive = match row.has_derive {
            true => {
                let (time, ratio) = (time_of(|round| round.derive), median(ratios_to(|round| round.derive)));
                format!("{time:>7.0} ns {ratio:>6.2}")
            }
            false => String::new(),
        };
        self.rows.set(self.rows.get() + 1);
        let line = format!(
            "{:<54} {:>7.0} ns {:>7.0} ns {ratio:>6.2} {:>13} {:>6} {target:>7}   {derive:>17} {verdict}",
            row.what,
            time_of(|round| Some(round.ours)),
            time_of(|round| Some(round.raw)),
            format!("{least:.2} – {most:.2}"),
            rounds.len(),
        );
        println!("{}", line.trim_end());
    }

    /// Prints a figure, its target, and whether it is met.
    pub(crate) fn figure(&self, what: &str, measured: &str, target: Option<(&str, bool)>) {
        let (target, verdict) = match target {
            Some((target, true)) => (target, ""),
            Some((target, false)) => {
                self.missed.borrow_mut().push(format!("{what}: {measured}"));
                (target, " MISSED")
            }
            None => ("", ""),
        };
        self.rows.set(self.rows.get() + 1);
        println!("{what:<60} {measured:>26} {target:>12}{verdict}");
    }

    /// Prints how many rows were measured, and those that missed their target.
    pub(crate) fn finish(&self) {
        let missed = self.missed.borrow();
        println!("\n{} rows, {} missed their target", self.rows.get(), missed.len());
        for row in missed.iter() {
            println!("  {row}");
        }
    }
}
