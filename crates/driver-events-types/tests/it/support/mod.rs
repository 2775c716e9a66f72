pub(crate) mod locations;
pub(crate) mod samples;
pub(crate) mod strategies;
pub(crate) mod tree;

use driver_events_types::{Decoded, DriverEvent, GoalId, Uuid};
use proptest::test_runner::{Config, RngSeed};

/// The goal id of every sample.
pub(crate) const GOAL: GoalId = GoalId(Uuid::from_u128(0x6f2c1f0e_8f5b_4f53_9d7c_0b1f6a0c1a01));

/// [`GOAL`] as JSON, with quotes.
pub(crate) const GOAL_JSON: &str = r#""6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01""#;

/// Returns a configuration with a fixed seed: every run has the same cases.
pub(crate) fn cases(cases: u32) -> Config {
    Config {
        cases,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(0x5eed),
        ..Config::default()
    }
}

pub(crate) fn encode(event: &DriverEvent) -> String {
    String::from_utf8(event.to_json().unwrap()).unwrap()
}

pub(crate) fn decode(json: &str) -> DriverEvent {
    DriverEvent::from_json(json.as_bytes()).unwrap_or_else(|error| panic!("{error}\nin {json}"))
}

/// Asserts that every decoder returns `event` for `json`.
pub(crate) fn assert_decodes(json: &str, event: &DriverEvent) {
    assert_eq!(decode(json), *event, "from_json of {json}");
    assert_eq!(
        Decoded::from_json(json.as_bytes()).unwrap(),
        Decoded::Known(event.clone()),
        "{json}"
    );
    assert_eq!(
        serde_json::from_str::<DriverEvent>(json).unwrap(),
        *event,
        "from_str of {json}"
    );
    assert_eq!(
        serde_json::from_reader::<_, DriverEvent>(json.as_bytes()).unwrap(),
        *event,
        "from_reader of {json}"
    );
    let value: serde_json::Value = serde_json::from_str(json).unwrap();
    assert_eq!(
        serde_json::from_value::<DriverEvent>(value).unwrap(),
        *event,
        "from_value of {json}"
    );
}

/// Asserts that every encoder returns `json` for `event`.
pub(crate) fn assert_encodes(event: &DriverEvent, json: &str) {
    assert_eq!(encode(event), json);
    assert_eq!(serde_json::to_string(event).unwrap(), json);
    let mut appended = b"before ".to_vec();
    event.write_json(&mut appended).unwrap();
    assert_eq!(appended, format!("before {json}").into_bytes());
}
