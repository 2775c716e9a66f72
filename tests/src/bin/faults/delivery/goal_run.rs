//! The realistic run of the fixture, with fresh goal ids.

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use anyhow::{Context, Error, Result};
use driver_events_core::{Envelope, EventId};
use uuid::Uuid;

const FIXTURE: &str = include_str!("../../../../../crates/driver-events-types/tests/fixtures/goal-run.ndjson");
/// What the fixture's goal ids have in common: all but the last digit.
const FIXTURE_GOALS: &str = "6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a0";

/// What the event of a line is about, in the order of the lines.
static LINES: LazyLock<Vec<Line>> = LazyLock::new(|| FIXTURE.lines().filter_map(Line::of).collect());

#[derive(Debug)]
struct Line {
    text: &'static str,
    /// The last digit of the goal's id.
    goal: char,
    is_terminal: bool,
}

/// Identifies an event by its run and its line in the fixture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct RunEvent {
    pub(super) run: Uuid,
    pub(super) line: u8,
}

impl RunEvent {
    /// Returns the events of a new run, in order.
    pub(super) fn new_run() -> impl Iterator<Item = Self> {
        let mut bytes = Uuid::new_v4().into_bytes();
        bytes[15] &= 0xf0;
        let run = Uuid::from_bytes(bytes);
        (0..).zip(LINES.iter()).map(move |(line, _)| Self { run, line })
    }

    /// Returns the event with its id. The source and the stamp are not set.
    pub(super) fn envelope(self) -> Result<Envelope> {
        let envelope = Envelope::from_json(self.json()?)?;
        Ok(envelope.with_id(EventId::new(self.to_string())?))
    }

    /// Returns the payload: the line of the fixture with the goal ids of the run.
    pub(super) fn json(self) -> Result<String> {
        let run = self.run.to_string();
        let goals = run.get(..FIXTURE_GOALS.len()).context("a UUID has 36 digits")?;
        Ok(self.line()?.text.replace(FIXTURE_GOALS, goals))
    }

    /// Returns the run and the digit of the goal.
    pub(super) fn goal(self) -> Result<(Uuid, char)> {
        Ok((self.run, self.line()?.goal))
    }

    pub(super) fn is_terminal(self) -> bool {
        self.line().is_ok_and(|line| line.is_terminal)
    }

    fn line(self) -> Result<&'static Line> {
        LINES.get(usize::from(self.line)).context("the run has no such line")
    }
}

impl Line {
    fn of(text: &'static str) -> Option<Self> {
        let envelope = Envelope::from_json(text).ok()?;
        Some(Self {
            text,
            goal: envelope.goal_id()?.to_string().chars().next_back()?,
            is_terminal: envelope.is_terminal(),
        })
    }
}

/// The id of the event.
impl fmt::Display for RunEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.run, self.line)
    }
}

impl FromStr for RunEvent {
    type Err = Error;

    fn from_str(id: &str) -> Result<Self> {
        let (run, line) = id.split_once('.').with_context(|| format!("unknown id `{id}`"))?;
        Ok(Self {
            run: run.parse()?,
            line: line.parse()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{FIXTURE, RunEvent};

    #[test]
    fn run_has_every_line_with_fresh_goals() {
        let events: Vec<_> = RunEvent::new_run().collect();
        assert_eq!(events.len(), FIXTURE.lines().count());
        for event in events {
            let envelope = event.envelope().unwrap();
            assert_eq!(envelope.id().as_str().parse::<RunEvent>().unwrap(), event);
            let goal = envelope.goal_id().unwrap().to_string();
            assert_eq!(goal[..35], event.run.to_string()[..35]);
            assert!(goal.ends_with(event.goal().unwrap().1));
        }
    }
}
