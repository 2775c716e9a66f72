use driver_events_core::{Deduplicator, EventId};
use proptest::prelude::*;

fn id(number: u32) -> EventId {
    EventId::new(number.to_string()).unwrap()
}

#[test]
fn remembers_the_last_ids_and_no_more() {
    let mut seen = Deduplicator::new(2);
    assert!(!seen.contains(&id(1)));
    assert!(seen.is_new(&id(1)) && seen.is_new(&id(2)));
    assert!(!seen.is_new(&id(1)), "a duplicate does not make an id younger");
    assert!(seen.is_new(&id(3)));
    assert!(!seen.contains(&id(1)) && seen.contains(&id(2)) && seen.contains(&id(3)));
    assert_eq!(format!("{seen:?}"), "Deduplicator(2 of 2 ids)");
}

#[test]
fn without_room_everything_is_new() {
    let mut seen = Deduplicator::new(0);
    assert!(seen.is_new(&id(1)) && seen.is_new(&id(1)));
    assert_eq!(format!("{seen:?}"), "Deduplicator(0 of 0 ids)");
}

proptest! {
    #[test]
    fn agrees_with_a_list(capacity in 0_usize..6, numbers in prop::collection::vec(0_u32..10, 0..100)) {
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
