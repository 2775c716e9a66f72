//! Free JSON inside an event is encoded identically with every feature set of serde_json.

use driver_events_types::serde_json::{Value, json};
use driver_events_types::{AcceptanceCriterion, DriverEvent, EventKind};
use proptest::prelude::*;
use serde::de::value::{BorrowedStrDeserializer, Error, MapDeserializer};
use serde::de::{Deserialize, Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use crate::support::tree::{Node, Style};
use crate::support::{GOAL_JSON, cases, decode, encode, samples, strategies};

fn with_input(input: Value) -> DriverEvent {
    let mut event = samples::first(EventKind::Decision);
    if let DriverEvent::Decision { decision } = &mut event {
        decision.input = input;
    }
    event
}

#[test]
fn free_json_has_sorted_keys_and_shortest_numbers() {
    let json = |input: &str| {
        format!(
            r#"{{"kind":"decision","decision":{{"id":{GOAL_JSON},"goal_id":{GOAL_JSON},"turn_index":0,"tool":"","input":{input},"choice":{{"kind":"allow"}},"rationale":"","decided_at":"2026-01-02T03:04:05Z"}}}}"#
        )
    };
    for (read, written) in [
        ("2.50", "2.5"),
        ("1E2", "100.0"),
        ("1e+2", "100.0"),
        ("-0", "-0.0"),
        ("-0.0", "-0.0"),
        ("0.1e-6", "1e-7"),
        ("18446744073709551615", "18446744073709551615"),
        ("18446744073709551616", "1.8446744073709552e+19"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("-9223372036854775809", "-9.223372036854776e+18"),
        ("340282366920938463463374607431768211456", "3.402823669209385e+38"),
        ("1e-400", "0.0"),
        ("1e15", "1000000000000000.0"),
        ("1e16", "1e+16"),
        ("12345678901234567e-1", "1234567890123456.8"),
        ("0.0001", "0.0001"),
        ("0.00001", "0.00001"),
        ("0.000001", "1e-6"),
        ("1.7976931348623157e308", "1.7976931348623157e+308"),
        ("5e-324", "5e-324"),
        ("0.30000000000000004", "0.30000000000000004"),
        (r#"{"b":1,"a":{"d":2,"c":3.0}}"#, r#"{"a":{"c":3.0,"d":2},"b":1}"#),
        (r#"{"":1,"é":2,"Z":3,"a":4}"#, r#"{"":1,"Z":3,"a":4,"é":2}"#),
        (r#"{"a":1,"a":2}"#, r#"{"a":2}"#),
        (r#""\u00e9\/\u2028\ud83d\ude00""#, "\"é/\u{2028}😀\""),
        ("[ 1 , [ ] , { } ]", "[1,[],{}]"),
    ] {
        assert_eq!(encode(&decode(&json(read))), json(written), "of {read}");
        // A value that the caller parsed is encoded identically.
        let input: Value = serde_json::from_str(read).unwrap();
        assert!(
            encode(&with_input(input)).contains(&format!(r#""input":{written},"#)),
            "of {read}"
        );
        if read == "-0" {
            // With `arbitrary_precision` a `Value` passes this as the integer 0.
            continue;
        }
        let event: Value = serde_json::from_str(&json(read)).unwrap();
        assert_eq!(
            encode(&serde_json::from_value(event).unwrap()),
            json(written),
            "of {read}"
        );
    }
}

proptest! {
    #![proptest_config(cases(1000))]

    #[test]
    fn numbers_in_free_json_round_trip_bit_exact(float in strategies::float(), int in any::<i64>(), uint in any::<u64>()) {
        let event = with_input(json!([float, int, uint, {"a": float}]));
        let json = encode(&event);
        let mut reversed = Node::parse(&json);
        reversed.for_each_object(&mut |members| members.reverse());
        for text in [json, reversed.render(Style::Compact)] {
            let DriverEvent::Decision { decision } = decode(&text) else { panic!("{text}") };
            assert_eq!(decision.input[0].as_f64().unwrap().to_bits(), float.to_bits(), "{text}");
            assert_eq!(decision.input[3]["a"].as_f64().unwrap().to_bits(), float.to_bits(), "{text}");
            assert_eq!((decision.input[1].as_i64(), decision.input[2].as_u64()), (Some(int), Some(uint)), "{text}");
        }
    }
}

/// serde_json uses these keys internally.
#[test]
fn internal_keys_of_serde_json_are_ordinary_keys() {
    let keys = ["$serde_json::private::Number", "$serde_json::private::RawValue"];
    let inner = [
        json!("1"),
        json!("1.5e3"),
        json!("[]"),
        json!("x"),
        json!(""),
        json!(7),
        json!(null),
        json!([1.5]),
    ];
    for key in keys {
        for value in &inner {
            for input in [
                json!({key: value}),
                json!([{key: value}]),
                json!({key: value, "z": 1}),
                json!({"$": 1, key: value}),
                json!({key: {key: value}}),
            ] {
                let event = with_input(input);
                let json = encode(&event);
                assert!(json.contains(key));
                let mut reversed = Node::parse(&json);
                reversed.for_each_object(&mut |members| members.reverse());
                // With an escape serde_json passes the text owned instead of borrowed.
                let escaped = json.replace(r#":"1""#, r#":"\u0031""#);
                for text in [&json, &escaped, &reversed.render(Style::Spread)] {
                    assert_eq!(encode(&decode(text)), json);
                }
                let again: DriverEvent = serde_json::from_reader(json.as_bytes()).unwrap();
                assert_eq!(encode(&again), json);
                let value = serde_json::to_value(&event).unwrap();
                assert_eq!(encode(&DriverEvent::deserialize(&value).unwrap()), json);
                assert_eq!(encode(&serde_json::from_value(value).unwrap()), json);
            }
        }
    }
}

/// A field of a custom criterion. `NumberText` is passed as serde_json passes a number with `arbitrary_precision`: an
/// object with an internal key.
enum Part {
    Text(&'static str),
    NumberText(&'static str),
}

impl<'de> IntoDeserializer<'de, Error> for Part {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Part {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Self::Text(text) => visitor.visit_borrowed_str(text),
            Self::NumberText(text) => {
                let token = BorrowedStrDeserializer::new("$serde_json::private::Number");
                visitor.visit_map(MapDeserializer::new([(token, text.to_owned())].into_iter()))
            }
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

#[test]
fn number_passed_as_text_is_decoded_as_number() {
    for (text, expected) in [
        ("0", "0"),
        ("18446744073709551615", "18446744073709551615"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("-1", "-1"),
        ("18446744073709551616", "1.8446744073709552e+19"),
        ("-0", "-0.0"),
        ("2.50", "2.5"),
        ("1e+2", "100.0"),
    ] {
        let parts = [
            ("kind", Part::Text("custom")),
            ("name", Part::Text("")),
            ("args", Part::NumberText(text)),
        ];
        let mut reversed = parts;
        reversed.reverse();
        let criterion = AcceptanceCriterion::deserialize(MapDeserializer::new(reversed.into_iter())).unwrap();
        let written = serde_json::to_string(&criterion).unwrap();
        assert_eq!(written, format!(r#"{{"kind":"custom","name":"","args":{expected}}}"#));
    }
    let parts = [
        ("kind", Part::Text("custom")),
        ("name", Part::Text("")),
        ("args", Part::NumberText("1e400")),
    ];
    let error = AcceptanceCriterion::deserialize(MapDeserializer::new(parts.into_iter())).unwrap_err();
    assert_eq!(error.to_string(), "number exceeds the range of a 64-bit float");
}
