use driver_events_core::{Deduplicator, Envelope, EventId};
use proptest::prelude::*;

use crate::support::event;

/// Returns an event with this number as its id.
fn id(number: u32) -> Envelope {
    event(1).with_id(EventId::new(number.to_string()).unwrap())
}

#[test]
fn remembers_at_most_capacity_events() {
    let mut seen = Deduplicator::new(2);
    assert!(!seen.contains(&id(1)));
    assert!(seen.insert(&id(1)) && seen.insert(&id(2)));
    assert!(!seen.insert(&id(1)), "a duplicate does not renew an event");
    assert!(seen.insert(&id(3)));
    assert!(!seen.contains(&id(1)) && seen.contains(&id(2)) && seen.contains(&id(3)));
    assert_eq!(format!("{seen:?}"), "Deduplicator(2 of 2 events)");
}

#[test]
fn capacity_zero_remembers_nothing() {
    let mut seen = Deduplicator::new(0);
    assert!(seen.insert(&id(1)) && seen.insert(&id(1)));
    assert_eq!(format!("{seen:?}"), "Deduplicator(0 of 0 events)");
}

#[test]
fn equal_ids_of_two_sources_are_two_events() {
    let mut seen = Deduplicator::new(10);
    let of_source = |source: &'static str| id(1).with_source(source).unwrap();
    assert!(seen.insert(&id(1)));
    for source in ["urn:a", "urn:b"] {
        assert!(!seen.contains(&of_source(source)));
        assert!(seen.insert(&of_source(source)));
        assert!(!seen.insert(&of_source(source)));
    }
}

proptest! {
    #[test]
    fn agrees_with_a_reference_list(capacity in 0_usize..6, numbers in prop::collection::vec(0_u32..10, 0..100)) {
        let mut seen = Deduplicator::new(capacity);
        let mut list: Vec<u32> = Vec::new();
        for number in numbers {
            prop_assert_eq!(seen.insert(&id(number)), !list.contains(&number));
            if !list.contains(&number) {
                list.push(number);
                if list.len() > capacity {
                    list.remove(0);
                }
            }
        }
    }
}
