use std::collections::BTreeSet;

use driver_events_core::{Envelope, Observation, SequenceTracker, Stamp};
use proptest::prelude::*;

use crate::support::{event, event_of};

fn numbered(goal: u32, run: &str, sequence: u64) -> Envelope {
    event_of(goal, 0)
        .with_stamp(Stamp {
            run: run.into(),
            sequence,
        })
        .unwrap()
}

fn observe_all(tracker: &mut SequenceTracker, sequences: &[u64]) -> Vec<Observation> {
    let envelopes = sequences.iter().map(|sequence| numbered(1, "run", *sequence));
    envelopes.map(|envelope| tracker.observe(&envelope)).collect()
}

#[test]
fn reports_gaps_late_events_and_duplicates() {
    use Observation::{Duplicate, First, Gap, Late, Next};
    let observed = observe_all(&mut SequenceTracker::default(), &[1, 2, 2, 6, 4, 4, 3, 5, 5, 7, 1]);
    let gap = Gap { missing: 3..=5 };
    assert_eq!(
        observed,
        [
            First { sequence: 1 },
            Next,
            Duplicate,
            gap,
            Late,
            Duplicate,
            Late,
            Late,
            Duplicate,
            Next,
            Duplicate
        ]
    );
}

#[test]
fn events_before_the_first_are_late() {
    use Observation::{Duplicate, First, Late, Next};
    let observed = observe_all(&mut SequenceTracker::default(), &[3, 2, 4, 2]);
    assert_eq!(observed, [First { sequence: 3 }, Late, Next, Duplicate]);
}

#[test]
fn goals_and_runs_are_independent() {
    let first = |sequence| Observation::First { sequence };
    let mut tracker = SequenceTracker::default();
    assert_eq!(tracker.observe(&numbered(1, "a", 1)), first(1));
    assert_eq!(tracker.observe(&numbered(2, "a", 1)), first(1));
    assert_eq!(
        tracker.observe(&numbered(1, "b", 1)),
        first(1),
        "a restart is not a duplicate"
    );
    assert_eq!(tracker.observe(&numbered(1, "a", 2)), Observation::Next);
    assert_eq!(format!("{tracker:?}"), "SequenceTracker(3 goals and runs)");
}

#[test]
fn event_without_number_is_unstamped() {
    let mut tracker = SequenceTracker::default();
    assert_eq!(tracker.observe(&event(1)), Observation::Unstamped);
    assert_eq!(tracker.observe(&numbered(1, "run", 0)), Observation::Unstamped);
    let no_goal = Envelope::from_json(r#"{"kind":"host_restarted"}"#).unwrap();
    let no_goal = no_goal
        .with_stamp(Stamp {
            run: "run".into(),
            sequence: 1,
        })
        .unwrap();
    assert_eq!(tracker.observe(&no_goal), Observation::Unstamped);
    assert_eq!(
        tracker.observe(&numbered(1, "run", 1)),
        Observation::First { sequence: 1 }
    );
}

#[test]
fn largest_numbers_do_not_overflow() {
    use Observation::{Duplicate, First, Gap, Late, Next};
    let max = u64::MAX;
    let observed = observe_all(&mut SequenceTracker::default(), &[1, max, max, max - 1, 2, max - 1]);
    let gap = Gap { missing: 2..=max - 1 };
    assert_eq!(observed, [First { sequence: 1 }, gap, Duplicate, Late, Late, Duplicate]);
    let observed = observe_all(&mut SequenceTracker::default(), &[max - 1, max, max]);
    assert_eq!(observed, [First { sequence: max - 1 }, Next, Duplicate]);
}

#[test]
fn forgets_the_least_recent_goals() {
    let mut tracker = SequenceTracker::new(3);
    for goal in 0..1_000 {
        tracker.observe(&numbered(goal, "run", 1));
        // Seen in every iteration, so never forgotten.
        tracker.observe(&numbered(5_000, "run", u64::from(goal) + 1));
    }
    for goal in [998, 999] {
        assert_eq!(tracker.observe(&numbered(goal, "run", 2)), Observation::Next);
    }
    assert_eq!(tracker.observe(&numbered(5_000, "run", 1_001)), Observation::Next);
    assert_eq!(
        tracker.observe(&numbered(1, "run", 2)),
        Observation::First { sequence: 2 }
    );
    let remembered: usize = format!("{tracker:?}")
        .chars()
        .filter(char::is_ascii_digit)
        .collect::<String>()
        .parse()
        .unwrap();
    assert!(remembered <= 6, "{tracker:?}");
}

#[test]
fn joins_lowest_gaps_above_the_limit() {
    let mut tracker = SequenceTracker::default();
    let every_other: Vec<u64> = (1..=2_001).step_by(2).collect();
    observe_all(&mut tracker, &every_other);
    use Observation::{Duplicate, Late};
    // The lowest seen numbers are forgotten and count as missing, the highest are kept.
    assert_eq!(
        observe_all(&mut tracker, &[3, 2, 2_000, 1_999]),
        [Late, Late, Late, Duplicate]
    );
}

/// 128 gaps are remembered, so no number that was seen counts as missing.
#[test]
fn joins_no_gaps_at_the_limit() {
    let mut tracker = SequenceTracker::default();
    let every_other: Vec<u64> = (1..=257).step_by(2).collect();
    observe_all(&mut tracker, &every_other);
    use Observation::{Duplicate, Late};
    assert_eq!(
        observe_all(&mut tracker, &[3, 5, 255]),
        [Duplicate, Duplicate, Duplicate]
    );
    // The first and the last number of a gap leave nothing behind that would take the place of another gap.
    assert_eq!(
        observe_all(&mut tracker, &[2, 256, 259]),
        [Late, Late, Observation::Gap { missing: 258..=258 }]
    );
    assert_eq!(
        observe_all(&mut tracker, &[2, 3, 256]),
        [Duplicate, Duplicate, Duplicate]
    );
}

/// Late events split one gap into many.
#[test]
fn joins_lowest_parts_of_a_split_gap_above_the_limit() {
    let mut tracker = SequenceTracker::default();
    observe_all(&mut tracker, &[1, 2_001]);
    let every_other: Vec<u64> = (3..2_000).step_by(2).collect();
    observe_all(&mut tracker, &every_other);
    use Observation::{Duplicate, Late};
    assert_eq!(observe_all(&mut tracker, &[3, 1_999]), [Late, Duplicate]);
}

proptest! {
    #[test]
    fn agrees_with_a_reference_set(sequences in prop::collection::vec(1_u64..60, 1..200)) {
        let mut tracker = SequenceTracker::default();
        let mut seen = BTreeSet::new();
        for sequence in sequences {
            let expected = match seen.last().copied() {
                None => Observation::First { sequence },
                Some(_) if seen.contains(&sequence) => Observation::Duplicate,
                Some(highest) if sequence < highest => Observation::Late,
                Some(highest) if sequence == highest + 1 => Observation::Next,
                Some(highest) => Observation::Gap { missing: highest + 1..=sequence - 1 },
            };
            seen.insert(sequence);
            prop_assert_eq!(tracker.observe(&numbered(1, "run", sequence)), expected);
        }
    }

    /// Holds for any number of gaps, also above the limit.
    #[test]
    fn never_reports_a_new_event_as_duplicate(sequences in prop::collection::vec(any::<u64>(), 1..1_000)) {
        let mut tracker = SequenceTracker::default();
        let mut seen = BTreeSet::new();
        for sequence in sequences {
            let observed = tracker.observe(&numbered(1, "run", sequence));
            if observed == Observation::Duplicate {
                prop_assert!(seen.contains(&sequence));
            }
            seen.insert(sequence);
        }
    }
}
