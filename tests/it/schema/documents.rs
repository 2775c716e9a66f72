//! The schemas accept what the library writes, the documents agree with each other, and each example is valid.

use driver_events_core::conformance::samples;
use driver_events_types::{DriverEvent, EventKind, schema};
use serde_json::Value;

use super::{Schemas, Verdict, validator};
use crate::sample_events::{GOAL_RUN, UPSTREAM};

#[test]
fn written_events_are_valid_by_the_schema_of_their_kind() {
    let all = Schemas::of_all_kinds();
    let each: Vec<_> = EventKind::ALL
        .iter()
        .map(|kind| (*kind, Schemas::of_kind(*kind)))
        .collect();
    let fixtures = GOAL_RUN.lines().chain(UPSTREAM.lines());
    let fixtures = fixtures.map(|line| DriverEvent::from_json(line.as_bytes()).unwrap());
    let goal = samples::goal(1);
    for event in fixtures.chain(samples::every_kind(goal)).chain(samples::hostile(goal)) {
        let json = event.to_json().unwrap();
        let text = String::from_utf8_lossy(&json);
        assert_eq!(all.verdict(&json), Verdict::Known, "{text}");
        for (kind, schemas) in &each {
            let expected = if *kind == event.kind() {
                Verdict::Known
            } else {
                Verdict::Invalid
            };
            assert_eq!(schemas.verdict(&json), expected, "{text} by the schema of {kind}");
        }
    }
}

/// Calls the function with each schema below this one.
fn for_each_schema(schema: &Value, visit: &mut impl FnMut(&Value)) {
    match schema {
        Value::Object(members) => {
            visit(schema);
            let not_schemas = ["examples", "default", "enum", "const"];
            let schemas = members.iter().filter(|(key, _)| !not_schemas.contains(&key.as_str()));
            schemas.for_each(|(_, schema)| for_each_schema(schema, visit));
        }
        Value::Array(schemas) => schemas.iter().for_each(|schema| for_each_schema(schema, visit)),
        _ => {}
    }
}

#[test]
fn every_example_and_default_is_valid() {
    let documents = EventKind::ALL.iter().map(|kind| kind.strict_schema());
    let mut checked = 0;
    for document in documents.chain([schema::STRICT_EVENT, schema::EVENT]) {
        let document: Value = serde_json::from_str(document).unwrap();
        for_each_schema(&document, &mut |schema| {
            let examples = schema.get("examples").and_then(Value::as_array).into_iter().flatten();
            let values: Vec<_> = examples.chain(schema.get("default")).collect();
            if values.is_empty() {
                return;
            }
            let mut schema = schema.clone();
            schema["$defs"] = document["$defs"].clone();
            let validator = jsonschema::draft202012::new(&schema).unwrap();
            for value in values {
                assert!(validator.is_valid(value), "{value} by {schema}");
                checked += 1;
            }
        });
    }
    assert!(checked > 400, "{checked}");
}

#[test]
fn index_names_the_schemas() {
    let index: Value = serde_json::from_str(schema::INDEX).unwrap();
    let id = |text: &str| serde_json::from_str::<Value>(text).unwrap()["$id"].clone();
    assert_eq!(index["schema"], id(schema::EVENT));
    assert_eq!(index["strict_schema"], id(schema::STRICT_EVENT));
    let kinds = index["kinds"].as_array().unwrap();
    assert_eq!(kinds.len(), EventKind::ALL.len());
    for (kind, entry) in EventKind::ALL.iter().zip(kinds) {
        assert_eq!(entry["kind"], kind.as_str());
        assert_eq!(entry["subject"], kind.subject());
        assert_eq!(entry["topic"], kind.topic());
        assert_eq!(entry["schema"], id(kind.schema()));
        assert_eq!(entry["strict_schema"], id(kind.strict_schema()));
        for (file, text) in [
            ("schema_file", kind.schema()),
            ("strict_schema_file", kind.strict_schema()),
        ] {
            let file = entry[file].as_str().unwrap();
            let path = crate::documents::root()
                .join("crates/driver-events-types/schema")
                .join(file);
            assert_eq!(std::fs::read_to_string(path).unwrap(), text, "{file}");
        }
    }
}

/// Payloads of AsyncAPI are in another dialect, and have other references.
#[test]
fn payloads_of_asyncapi_judge_as_the_schema_of_their_kind() {
    let document: Value = serde_json::from_str(schema::ASYNCAPI).unwrap();
    let messages = document["components"]["messages"].as_object().unwrap();
    assert_eq!(messages.len(), 2 * EventKind::ALL.len());
    for (name, message) in messages {
        let mut payload = message["payload"].clone();
        payload["components"] = document["components"].clone();
        let by_asyncapi = jsonschema::draft7::new(&payload).unwrap();
        let kind: EventKind = message["name"].as_str().unwrap().parse().unwrap();
        let by_schema = validator(kind.schema());
        for line in GOAL_RUN.lines().chain(UPSTREAM.lines()) {
            let event = serde_json::from_str(line).unwrap();
            assert_eq!(
                by_asyncapi.is_valid(&event),
                by_schema.is_valid(&event),
                "{name}: {line}"
            );
        }
        let channels = document["channels"].as_object().unwrap();
        let expected = if name.starts_with("nats.") { 1 } else { 2 };
        let reference = format!("#/components/messages/{name}");
        let in_channels = channels.values().filter(|channel| {
            let mut messages = channel["messages"].as_object().unwrap().values();
            messages.any(|message| message["$ref"] == *reference)
        });
        assert_eq!(in_channels.count(), expected, "{name}");
    }
}
