//! The tables of `contract` match the encoder and the decoder.

use std::collections::{BTreeMap, BTreeSet};

use driver_events_types::contract::{Presence, Shape};
use driver_events_types::{DecodeErrorKind, DriverEvent, EventKind};
use proptest::proptest;

use crate::support::locations::{field_locations, object_locations, shapes};
use crate::support::strategies;
use crate::support::tree::{Node, Style};
use crate::support::{cases, decode, encode, samples};

/// Asserts that the keys of the JSON, at every level, are those of the tables in their order.
fn assert_key_order(event: &DriverEvent) {
    let json = Node::parse(&encode(event));
    for object in object_locations(event, &json) {
        let found: Vec<String> = json
            .clone()
            .at(&object.steps)
            .members()
            .iter()
            .map(|(key, _)| key.clone())
            .collect();
        let may_be_absent = [Presence::OmittedWhenNone, Presence::OmittedWhenEmpty];
        let expected: Vec<&str> = object
            .tagged
            .then_some("kind")
            .into_iter()
            .chain(
                object
                    .fields
                    .iter()
                    .filter(|field| {
                        !may_be_absent.contains(&field.presence) || found.iter().any(|key| key == field.name)
                    })
                    .map(|field| field.name),
            )
            .collect();
        assert_eq!(found, expected, "{} of {}", object.path, event.kind());
    }
}

#[test]
fn encoder_follows_tables() {
    for (event, _) in samples::all() {
        assert_key_order(&event);
    }
    proptest!(cases(400), |(event in strategies::event())| assert_key_order(&event));
}

#[test]
fn absent_fields_decode_as_tables_say() {
    for (event, json) in samples::all() {
        let json = Node::parse(&json);
        for location in field_locations(&event, &json) {
            let mut without = json.clone();
            without
                .at(&location.object)
                .members()
                .retain(|(key, _)| key != location.field.name);
            let text = without.render(Style::Compact);
            let mut expected = json.clone();
            match location.field.presence {
                Presence::Required => {
                    let error = DriverEvent::from_json(text.as_bytes()).expect_err(&text);
                    assert_eq!(
                        (error.kind(), error.path()),
                        (DecodeErrorKind::Invalid, &*location.path)
                    );
                    assert!(serde_json::from_str::<DriverEvent>(&text).is_err(), "{text}");
                    continue;
                }
                Presence::Default(default) => *expected.at(&location.steps()) = Node::Text(default.to_owned()),
                Presence::NullWhenNone => *expected.at(&location.steps()) = Node::Text("null".to_owned()),
                Presence::OmittedWhenNone | Presence::OmittedWhenEmpty => expected = without.clone(),
                other => panic!("no test for {other:?}"),
            }
            assert_eq!(
                encode(&decode(&text)),
                expected.render(Style::Compact),
                "without {}",
                location.path
            );
        }
    }
}

#[test]
fn null_fields_decode_as_tables_say() {
    for (event, json) in samples::all() {
        let json = Node::parse(&json);
        for location in field_locations(&event, &json) {
            let mut null = json.clone();
            *null.at(&location.steps()) = Node::Text("null".to_owned());
            let mut without = json.clone();
            without
                .at(&location.object)
                .members()
                .retain(|(key, _)| key != location.field.name);
            let null = null.render(Style::Compact);
            match location.field.presence {
                Presence::OmittedWhenNone | Presence::NullWhenNone => {
                    assert_eq!(decode(&null), decode(&without.render(Style::Compact)));
                }
                _ if location.field.shape == Shape::Json => assert_eq!(encode(&decode(&null)), null),
                _ => {
                    let error = DriverEvent::from_json(null.as_bytes()).expect_err(&null);
                    assert_eq!(
                        (error.kind(), error.path()),
                        (DecodeErrorKind::Invalid, &*location.path)
                    );
                }
            }
        }
    }
}

/// The samples are compared with literal JSON elsewhere. This test ensures that they are complete.
#[test]
fn samples_cover_every_field_kind_and_value() {
    let mut in_samples: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (event, json) in samples::all() {
        let json = Node::parse(&json);
        for location in field_locations(&event, &json) {
            let value = json.clone().at(&location.steps()).clone();
            in_samples
                .entry("fields")
                .or_default()
                .insert(format!("{:?}", location.field));
            collect_names(location.field.shape, &value, &mut in_samples);
        }
    }
    let mut in_tables: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let mut fields: Vec<_> = EventKind::ALL.iter().flat_map(|kind| kind.fields()).collect();
    for shape in shapes() {
        match shape {
            Shape::Struct(shape) => fields.extend(shape.fields),
            Shape::Tagged(shape) => {
                fields.extend(shape.kinds.iter().flat_map(|variant| variant.fields));
                let names = shape.kinds.iter().map(|variant| variant.name.to_owned());
                in_tables.entry(shape.name).or_default().extend(names);
            }
            Shape::OneOf(shape) => {
                in_tables
                    .entry(shape.name)
                    .or_default()
                    .extend(shape.values.iter().map(|value| value.name.to_owned()));
            }
            _ => {}
        }
    }
    in_tables.insert("fields", fields.into_iter().map(|field| format!("{field:?}")).collect());
    assert_eq!(in_samples, in_tables);
}

fn collect_names(shape: Shape, value: &Node, names: &mut BTreeMap<&str, BTreeSet<String>>) {
    let unquoted = |node: &Node| match node {
        Node::Text(text) => text.trim_matches('"').to_owned(),
        other => panic!("{other:?} is not a name"),
    };
    match (shape, value) {
        (Shape::OneOf(shape), _) => {
            names.entry(shape.name).or_default().insert(unquoted(value));
        }
        (Shape::Tagged(shape), Node::Object(members)) => {
            names.entry(shape.name).or_default().insert(unquoted(&members[0].1));
        }
        (Shape::Array(shape), Node::Array(values)) => {
            values.iter().for_each(|value| collect_names(*shape, value, names));
        }
        _ => {}
    }
}

#[test]
fn examples_are_values_as_the_encoder_writes_them() {
    let fields = samples::all().into_iter().flat_map(|(event, json)| {
        let json = Node::parse(&json);
        field_locations(&event, &json)
            .into_iter()
            .map(move |location| (location, json.clone()))
    });
    for (location, json) in fields {
        let field = location.field;
        let has_fields_or_values = matches!(
            field.shape,
            Shape::Struct(_) | Shape::Tagged(_) | Shape::Array(_) | Shape::OneOf(_)
        );
        assert_eq!(field.example.is_none(), has_fields_or_values, "{field:?}");
        assert!(field.description.ends_with('.'), "{field:?}");
        if let Some(example) = field.example {
            let mut with_example = json;
            *with_example.at(&location.steps()) = Node::Text(example.to_owned());
            let text = with_example.render(Style::Compact);
            assert_eq!(encode(&decode(&text)), text, "{field:?}");
        }
    }
}
