//! Compares the ledger with what a broker holds.

use std::collections::{HashMap, HashSet};

use anyhow::Result;
use uuid::Uuid;

use super::goal_run::RunEvent;
use super::ledger::{Entry, Ledger};
use super::rig::{TASKS, Target};
use crate::row::Row;

/// Maximum number of calls of a target in flight, and of events in each: what a kill can repeat on Kafka.
const MAX_IN_FLIGHT: u64 = 4 * 1_024;

/// What the faults of the scenario excuse.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Expected {
    /// Events accepted before this entry of the ledger may be missing: an operator deleted them, or the file was damaged.
    pub(super) first_counted: usize,
    /// Damage of the file may cost events, which are dead letters or in a file that was set aside.
    pub(super) is_damaged: bool,
}

/// The faults of a scenario.
#[derive(Debug)]
pub(super) struct Faults {
    pub(super) kills: u64,
    /// Contents of the damaged files that were set aside, and their logs.
    pub(super) set_aside: Vec<Vec<u8>>,
    /// Number of those databases.
    pub(super) databases: u64,
    pub(super) expected: Expected,
}

/// Checks the events that a broker holds, which are in the order in which they were stored. Returns how many there are,
/// without duplicates.
pub(super) fn check(
    ledger: &Ledger,
    stored: &[RunEvent],
    target: Target,
    faults: &Faults,
    row: &mut Row,
) -> Result<u64> {
    let mut seen = HashSet::with_capacity(stored.len());
    let (mut first_copies, mut last) = (HashMap::new(), HashMap::new());
    let mut repeats: HashMap<_, u64> = HashMap::new();
    let (mut out_of_order, mut copies) = (0, 0);
    for event in stored {
        let goal = event.goal()?;
        if last.insert(goal, event.line).is_some_and(|line| event.line <= line) {
            *repeats.entry(goal).or_default() += 1;
        }
        if !seen.insert(*event) {
            copies += 1;
            continue;
        }
        let is_late = first_copies
            .insert(goal, event.line)
            .is_some_and(|line| event.line < line);
        out_of_order += u64::from(is_late);
    }
    let lost = lost(ledger, &seen, faults);
    let unknown = unknown(ledger, &seen);
    let (lost, missing) = match faults.expected.is_damaged {
        true => (lost.later, lost.earlier),
        false => (lost.later, 0),
    };
    // A kill repeats at most the batch in flight of a goal.
    let is_excused = target == Target::Kafka && repeats.values().all(|count| *count <= faults.kills);
    let is_bounded = copies <= faults.kills * MAX_IN_FLIGHT;
    let duplicates = if is_excused && is_bounded { 0 } else { copies };
    row.check(lost == 0, || format!("{lost} accepted events are lost ({target:?})"));
    row.check(duplicates == 0, || {
        format!("{duplicates} events are duplicates ({target:?})")
    });
    row.check(out_of_order == 0, || {
        format!("{out_of_order} events are out of order ({target:?})")
    });
    row.check(unknown.wrong.is_empty(), || {
        let examples: Vec<_> = unknown.wrong.iter().take(3).map(ToString::to_string).collect();
        format!(
            "{} events are stored although they were not accepted ({target:?}), such as {examples:?}",
            unknown.wrong.len()
        )
    });
    row.check(unknown.unconfirmed <= faults.kills * u64::from(TASKS), || {
        format!(
            "{} stored events have no line in the ledger ({target:?})",
            unknown.unconfirmed
        )
    });
    row.verdict.stored += seen.len() as u64;
    row.verdict.lost += lost;
    row.verdict.missing += missing;
    row.verdict.duplicates += duplicates;
    row.verdict.counted_duplicates += copies - duplicates;
    row.verdict.out_of_order += out_of_order;
    row.unconfirmed += unknown.unconfirmed;
    if faults.expected.is_damaged {
        row.check_damage(ledger, faults.databases, missing);
    } else {
        row.check_undamaged(ledger, faults.databases);
    }
    Ok(seen.len() as u64)
}

impl Faults {
    /// Returns whether a file that was set aside holds the event.
    fn is_aside(&self, event: RunEvent) -> bool {
        let id = event.to_string();
        let holds = |file: &Vec<u8>| file.windows(id.len()).any(|window| window == id.as_bytes());
        self.set_aside.iter().any(holds)
    }
}

/// Accepted events that the broker does not hold.
#[derive(Debug, Default)]
struct Lost {
    /// Accepted before the first counted entry, or in a file that was set aside.
    earlier: u64,
    later: u64,
}

fn lost(ledger: &Ledger, seen: &HashSet<RunEvent>, faults: &Faults) -> Lost {
    let expected = faults.expected;
    let mut lost = Lost::default();
    let mut previous: HashMap<Uuid, u8> = HashMap::new();
    for (number, entry) in ledger.entries.iter().enumerate() {
        let event = match entry {
            Entry::Accepted(event) | Entry::Refused(event, _) => event,
            Entry::State { .. } | Entry::Closed { .. } => continue,
        };
        let is_counted = number >= expected.first_counted;
        // The first event of each task may have been sent before. No driver ran when the file was damaged.
        let follows = is_counted && (expected.is_damaged || previous.insert(event.run, event.line).is_some());
        let is_lost = matches!(entry, Entry::Accepted(_)) && !seen.contains(event);
        let is_counted = follows || expected.first_counted == 0;
        if is_counted && !(is_lost && faults.is_aside(*event)) {
            lost.later += u64::from(is_lost);
        } else {
            lost.earlier += u64::from(is_lost);
        }
    }
    lost
}

/// Stored events that the ledger does not have as accepted.
#[derive(Debug, Default)]
struct Unknown {
    /// The driver was killed before it could write its receipt: the next event of a run, behind all in the ledger.
    unconfirmed: u64,
    wrong: Vec<RunEvent>,
}

fn unknown(ledger: &Ledger, seen: &HashSet<RunEvent>) -> Unknown {
    let mut accepted = HashSet::with_capacity(ledger.entries.len());
    let mut next: HashMap<Uuid, u8> = HashMap::new();
    for entry in &ledger.entries {
        if let Entry::Accepted(event) | Entry::Refused(event, _) = entry {
            next.insert(event.run, event.line + 1);
            if matches!(entry, Entry::Accepted(_)) {
                accepted.insert(*event);
            }
        }
    }
    let mut unknown = Unknown::default();
    for event in seen.difference(&accepted) {
        if event.line == next.get(&event.run).copied().unwrap_or_default() {
            unknown.unconfirmed += 1;
        } else {
            unknown.wrong.push(*event);
        }
    }
    unknown
}
