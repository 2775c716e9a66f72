//! Times of the steps of a run.

use std::time::{Duration, Instant};

use crate::output::progress;

/// Measures steps one after the other.
#[derive(Debug)]
pub struct Stopwatch {
    start: Instant,
    lap: Instant,
    table: String,
    steps: usize,
}

impl Stopwatch {
    /// Starts the first step.
    #[must_use]
    pub fn start() -> Self {
        let start = Instant::now();
        let (lap, table, steps) = (start, String::new(), 0);
        Self {
            start,
            lap,
            table,
            steps,
        }
    }

    /// Ends a step, prints its time, and starts the next.
    pub fn lap(&mut self, name: &str) {
        let elapsed = seconds(self.lap.elapsed());
        progress(format_args!("=== {name} passed in {elapsed}"));
        self.table.push_str(&format!("{elapsed:>10}  {name}\n"));
        self.steps += 1;
        self.lap = Instant::now();
    }

    /// Prints the time of every step and of the run.
    pub fn print_table(&self) {
        let elapsed = seconds(self.start.elapsed());
        progress(format_args!(
            "\n{}{elapsed:>10}  all {} steps passed",
            self.table, self.steps
        ));
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}
