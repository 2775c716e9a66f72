//! The allocations of each operation are pinned: one more is a decision.

use allocation_counter::measure;
use driver_events_costs::Operation;

/// Allocations of one call.
fn allocations(operation: Operation) -> u64 {
    let mut call = operation.prepare().unwrap();
    // The first call fills what is cached.
    call().unwrap();
    measure(|| call().unwrap()).count_total
}

#[test]
fn allocations_of_each_operation_are_those_that_are_expected() {
    // Encode, decode (all events of the run), mint, NATS headers and message, Kafka headers and record, bare record, send.
    let expected = [0, 145, 1, 45, 39, 24, 6, 2, 5];
    let found = Operation::ALL.map(|operation| (operation.name(), allocations(operation)));
    let expected: Vec<_> = Operation::ALL
        .iter()
        .map(|operation| operation.name())
        .zip(expected)
        .collect();
    assert_eq!(found.to_vec(), expected);
}

#[test]
fn one_more_allocation_is_counted() {
    assert_eq!(
        allocations(Operation::SendWithAllocation),
        allocations(Operation::Send) + 1
    );
}
