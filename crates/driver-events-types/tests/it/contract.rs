//! The tables of `contract`, held against the encoder and the decoder.

use std::collections::{BTreeMap, BTreeSet};

use driver_events_types::contract::{Presence, Shape};
use driver_events_types::{DecodeErrorKind, DriverEvent, EventKind};
use proptest::proptest;

use crate::support::generate;
use crate::support::places::{holders, places, shapes};
use crate::support::tree::{Node, Style};
use crate::support::{cases, decode, encode, samples};

/// The keys of the JSON, at every level, are those of the tables, in their order.
fn assert_order(event: &DriverEvent) {
    let json = Node::parse(&encode(event));
    for holder in holders(event, &json) {
        let found: Vec<String> = json
            .clone()
            .at(&holder.steps)
            .members()
            .iter()
            .map(|(key, _)| key.clone())
            .collect();
        let may_be_absent = [Presence::OmittedWhenNone, Presence::OmittedWhenEmpty];
        let expected: Vec<&str> = holder
            .tagged
            .then_some("kind")
            .into_iter()
            .chain(
                holder
                    .fields
                    .iter()
                    .filter(|field| {
                        !may_be_absent.contains(&field.presence) || found.iter().any(|key| key == field.name)
                    })
                    .map(|field| field.name),
            )
            .collect();
        assert_eq!(found, expected, "{} of {}", holder.path, event.kind());
    }
}

#[test]
fn the_encoder_follows_the_tables() {
    for (event, _) in samples::all() {
        assert_order(&event);
    }
    proptest!(cases(400), |(event in generate::event())| assert_order(&event));
}

#[test]
fn a_field_may_be_absent_only_where_the_tables_say_so() {
    for (event, json) in samples::all() {
        let json = Node::parse(&json);
        for place in places(&event, &json) {
            let mut without = json.clone();
            without
                .at(&place.holder)
                .members()
                .retain(|(key, _)| key != place.field.name);
            let text = without.render(Style::Compact);
            let mut expected = json.clone();
            match place.field.presence {
                Presence::Required => {
                    let error = DriverEvent::from_json(text.as_bytes()).expect_err(&text);
                    assert_eq!((error.kind(), error.path()), (DecodeErrorKind::Invalid, &*place.path));
                    assert!(serde_json::from_str::<DriverEvent>(&text).is_err(), "{text}");
                    continue;
                }
                Presence::Default(default) => *expected.at(&place.steps()) = Node::Text(default.to_owned()),
                Presence::NullWhenNone => *expected.at(&place.steps()) = Node::Text("null".to_owned()),
                Presence::OmittedWhenNone | Presence::OmittedWhenEmpty => expected = without.clone(),
                other => panic!("{other:?} is not tested"),
            }
            assert_eq!(
                encode(&decode(&text)),
                expected.render(Style::Compact),
                "without {}",
                place.path
            );
        }
    }
}

#[test]
fn null_is_absence_exactly_where_the_tables_say_so() {
    for (event, json) in samples::all() {
        let json = Node::parse(&json);
        for place in places(&event, &json) {
            let mut null = json.clone();
            *null.at(&place.steps()) = Node::Text("null".to_owned());
            let mut without = json.clone();
            without
                .at(&place.holder)
                .members()
                .retain(|(key, _)| key != place.field.name);
            let null = null.render(Style::Compact);
            match place.field.presence {
                Presence::OmittedWhenNone | Presence::NullWhenNone => {
                    assert_eq!(decode(&null), decode(&without.render(Style::Compact)));
                }
                _ if place.field.shape == Shape::Json => assert_eq!(encode(&decode(&null)), null),
                _ => {
                    let error = DriverEvent::from_json(null.as_bytes()).expect_err(&null);
                    assert_eq!((error.kind(), error.path()), (DecodeErrorKind::Invalid, &*place.path));
                }
            }
        }
    }
}

/// What the samples have is tested against literal JSON, so this says that nothing is left out there.
#[test]
fn the_samples_have_every_field_kind_and_value_of_the_tables() {
    let mut in_samples: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (event, json) in samples::all() {
        let json = Node::parse(&json);
        for place in places(&event, &json) {
            let value = json.clone().at(&place.steps()).clone();
            in_samples
                .entry("fields")
                .or_default()
                .insert(format!("{:?}", place.field));
            note_names(place.field.shape, &value, &mut in_samples);
        }
    }
    let mut in_tables: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let mut fields: Vec<_> = EventKind::ALL.iter().flat_map(|kind| kind.fields()).collect();
    for shape in shapes() {
        match shape {
            Shape::Struct(shape) => fields.extend(shape.fields),
            Shape::Tagged(shape) => {
                fields.extend(shape.kinds.iter().flat_map(|(_, fields)| *fields));
                let names = shape.kinds.iter().map(|(name, _)| (*name).to_owned());
                in_tables.entry(shape.name).or_default().extend(names);
            }
            Shape::OneOf(shape) => {
                in_tables
                    .entry(shape.name)
                    .or_default()
                    .extend(shape.values.iter().map(|name| (*name).to_owned()));
            }
            _ => {}
        }
    }
    in_tables.insert("fields", fields.into_iter().map(|field| format!("{field:?}")).collect());
    assert_eq!(in_samples, in_tables);
}

fn note_names(shape: Shape, value: &Node, names: &mut BTreeMap<&str, BTreeSet<String>>) {
    let unquoted = |node: &Node| match node {
        Node::Text(text) => text.trim_matches('"').to_owned(),
        other => panic!("{other:?} is no name"),
    };
    match (shape, value) {
        (Shape::OneOf(shape), _) => {
            names.entry(shape.name).or_default().insert(unquoted(value));
        }
        (Shape::Tagged(shape), Node::Object(members)) => {
            names.entry(shape.name).or_default().insert(unquoted(&members[0].1));
        }
        (Shape::Array(shape), Node::Array(values)) => {
            values.iter().for_each(|value| note_names(*shape, value, names));
        }
        _ => {}
    }
}
