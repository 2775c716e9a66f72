use driver_events_core::{Deduplicator, EventId};
use proptest::prelude::*;

fn id(number: u32) -> EventId {
    EventId::new(number.to_string()).unwrap()
}

#[test]
fn remembers_at_most_capacity_ids() {
    let mut seen = Deduplicator::new(2);
    assert!(!seen.contains(&id(1)));
    assert!(seen.is_new(&id(1)) && seen.is_new(&id(2)));
    assert!(!seen.is_new(&id(1)), "a duplicate does not renew an id");
    assert!(seen.is_new(&id(3)));
    assert!(!seen.contains(&id(1)) && seen.contains(&id(2)) && seen.contains(&id(3)));
    assert_eq!(format!("{seen:?}"), "Deduplicator(2 of 2 ids)");
}

#[test]
fn capacity_zero_remembers_nothing() {
    let mut seen = Deduplicator::new(0);
    assert!(seen.is_new(&id(1)) && seen.is_new(&id(1)));
    assert_eq!(format!("{seen:?}"), "Deduplicator(0 of 0 ids)");
}

proptest! {
    #[test]
    fn agrees_with_a_reference_list(capacity in 0_usize..6, numbers in prop::collection::vec(0_u32..10, 0..100)) {
        let mut seen = Deduplicator::new(capacity);
        let mut list: Vec<u32> = Vec::new();
        for number in numbers {
            prop_assert_eq!(seen.is_new(&id(number)), !list.contains(&number));
            if !list.contains(&number) {
                list.push(number);
                if list.len() > capacity {
                    list.remove(0);
                }
            }
        }
    }
}
