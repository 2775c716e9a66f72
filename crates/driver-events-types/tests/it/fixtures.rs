//! Recorded events of existing drivers round-trip byte for byte.

use driver_events_types::{Decoded, DriverEvent};

const GOAL_RUN: &str = include_str!("../fixtures/goal-run.ndjson");
const UPSTREAM_EVENTS: &str = include_str!("../fixtures/upstream-events.ndjson");

#[test]
fn fixtures_round_trip_byte_for_byte() {
    for (name, fixture, count) in [("goal-run", GOAL_RUN, 44), ("upstream-events", UPSTREAM_EVENTS, 157)] {
        let mut lines = 0;
        for (index, line) in fixture.lines().enumerate() {
            let event = DriverEvent::from_json(line.as_bytes()).unwrap_or_else(|e| panic!("{name}:{}: {e}", index + 1));
            assert_eq!(
                String::from_utf8(event.to_json().unwrap()).unwrap(),
                line,
                "{name}:{}",
                index + 1
            );
            assert_eq!(serde_json::to_string(&event).unwrap(), line);
            assert_eq!(serde_json::from_str::<DriverEvent>(line).unwrap(), event);
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(
                serde_json::from_value::<DriverEvent>(value).unwrap(),
                event,
                "{name}:{}",
                index + 1
            );
            assert_eq!(Decoded::from_json(line.as_bytes()).unwrap(), Decoded::Known(event));
            lines += 1;
        }
        assert_eq!(lines, count, "{name}");
    }
}
