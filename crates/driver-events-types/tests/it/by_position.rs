//! The encoder agrees with serde's implementations of the types.

use driver_events_types::{DriverEvent, EncodeErrorKind, Limits};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::support::tree::Node;
use crate::support::{cases, encode, strategies};

/// Encodes through serde, which compares floats by their text.
fn encode_unlimited(event: &DriverEvent) -> String {
    serde_json::to_string(event).unwrap()
}

/// Returns the nesting depth of JSON.
fn depth(node: &Node) -> usize {
    match node {
        Node::Text(_) => 0,
        Node::Array(values) => 1 + values.iter().map(depth).max().unwrap_or(0),
        Node::Object(members) => 1 + members.iter().map(|(_, value)| depth(value)).max().unwrap_or(0),
    }
}

proptest! {
    #![proptest_config(cases(1000))]

    #[test]
    fn events_are_written_as_by_serde_within_the_limits(
        event in strategies::event(),
        max_bytes in any::<Index>(),
        max_depth in 0_usize..12,
    ) {
        let expected = encode_unlimited(&event);
        let depth = depth(&Node::parse(&expected));
        for max_bytes in [max_bytes.index(expected.len() + 1), expected.len() - 1, expected.len(), usize::MAX] {
            for max_depth in [max_depth, depth - 1, depth] {
                let limits = Limits::default().with_max_bytes(max_bytes).with_max_depth(max_depth);
                let mut out = b"before ".to_vec();
                let written = event.write_json_with(&mut out, limits);
                prop_assert_eq!(written.is_ok(), expected.len() <= max_bytes && depth <= max_depth);
                match written {
                    Ok(()) => prop_assert_eq!(out, format!("before {expected}").into_bytes()),
                    Err(error) => {
                        prop_assert_eq!(out, b"before ");
                        let is_cause = match error.kind() {
                            EncodeErrorKind::TooLarge => expected.len() > max_bytes,
                            EncodeErrorKind::TooDeep => depth > max_depth,
                            _ => false,
                        };
                        prop_assert!(is_cause, "{}", error);
                    }
                }
            }
        }
    }
}

#[test]
fn control_characters_are_escaped_as_by_serde() {
    for code in 0..0x100_u32 {
        for padding in [0, 1, 15, 16, 17] {
            let character = char::from_u32(code).unwrap();
            let reason = format!("{0}{character}{0}", "x".repeat(padding));
            let event = DriverEvent::Escalate {
                goal_id: crate::support::GOAL,
                reason,
            };
            let json = encode(&event);
            assert_eq!(json, encode_unlimited(&event));
        }
    }
}
