//! The AsyncAPI 3.0 document: the channels of NATS and Kafka, with their messages, headers and bindings.
//!
//! It describes a publisher: a driver sends each message. A reader receives on the same channels.

use anyhow::Result;
use driver_events_types::{DEFAULT_TOPIC, EventKind};

use super::headers::{KAFKA, NATS, Transport};
use super::node::{Node, object};
use super::types::{Definitions, Strictness, kind_name};
use crate::examples::Examples;

const SCHEMAS: &str = "#/components/schemas";

/// Returns the document.
pub(super) fn document(version: &str, examples: &Examples) -> Result<Node> {
    let definitions = Definitions {
        strictness: Strictness::Reader,
        path: SCHEMAS,
        examples,
    };
    let mut schemas = definitions.of_kinds()?;
    schemas.extend(definitions.of_types()?);
    for transport in [&NATS, &KAFKA] {
        schemas.push((transport.headers_name(), transport.headers()));
    }
    schemas.push((
        "GoalKey".to_owned(),
        object! {"title": "GoalKey", "description": "Goal id, as text.", "type": "string", "format": "uuid"},
    ));
    Ok(object! {
        "asyncapi": "3.0.0",
        "id": "urn:driver-events",
        "info": info(version),
        "defaultContentType": "application/json",
        "servers": Node::object([&NATS, &KAFKA].map(|transport| (transport.name, server(transport)))),
        "channels": Node::Object(channels()),
        "operations": Node::Object(operations()),
        "components": object! {
            "messages": Node::Object(messages(examples)?),
            "messageTraits": Node::object([&NATS, &KAFKA].map(|transport| (transport.name, trait_of(transport)))),
            "schemas": Node::Object(schemas),
        },
    })
}

fn info(version: &str) -> Node {
    object! {
        "title": "Driver events",
        "version": version,
        "description": "Events of the driver loops of AI agents. Kinds, subjects, topics and fields never change; readers \
                        skip or pass on what they do not know. A publisher may set a prefix before every address, separated \
                        by a dot, and may leave out the headers.",
        "license": object! {"name": "MIT OR Apache-2.0"},
        "externalDocs": object! {"url": "https://github.com/driver-events/driver-events/blob/main/docs/events.md"},
        "tags": Node::array([object! {"name": "agents"}, object! {"name": "driver-loop"}]),
    }
}

fn server(transport: &Transport) -> Node {
    object! {
        "host": transport.host,
        "protocol": transport.name,
        "description": "A server on this machine. Replace the address by that of yours.",
    }
}

/// Returns a channel for each subject, for the topic of all kinds, and for each topic of one kind.
fn channels() -> Vec<(String, Node)> {
    let mut channels = Vec::new();
    for kind in EventKind::ALL {
        let description = format!("Subject of `{kind}`. The wildcard `agent.driver.>` matches all subjects.");
        channels.push((
            channel_name(&NATS, kind.as_str()),
            channel(&NATS, kind.subject(), &description, &[*kind]),
        ));
    }
    let description = "Topic of all kinds, which keeps the events of a goal in one order.";
    channels.push((
        channel_name(&KAFKA, "all"),
        channel(&KAFKA, DEFAULT_TOPIC, description, EventKind::ALL).with("bindings", topic_binding(DEFAULT_TOPIC)),
    ));
    for kind in EventKind::ALL {
        let description = format!("Topic of `{kind}`, for publishers that use one topic for each kind.");
        let channel = channel(&KAFKA, kind.topic(), &description, &[*kind]);
        channels.push((
            channel_name(&KAFKA, kind.as_str()),
            channel.with("bindings", topic_binding(kind.topic())),
        ));
    }
    channels
}

fn channel(transport: &Transport, address: &str, description: &str, kinds: &[EventKind]) -> Node {
    let messages = kinds.iter().map(|kind| {
        let reference = format!("#/components/messages/{}", message_name(transport, *kind));
        (kind.as_str(), object! {"$ref": reference})
    });
    object! {
        "address": address,
        "description": description,
        "servers": Node::array([object! {"$ref": format!("#/servers/{}", transport.name)}]),
        "messages": Node::object(messages),
    }
}

fn topic_binding(topic: &str) -> Node {
    object! {"kafka": object! {"topic": topic, "bindingVersion": "0.5.0"}}
}

/// Returns an operation for each channel.
fn operations() -> Vec<(String, Node)> {
    let names = EventKind::ALL.iter().map(|kind| kind.as_str());
    let on_nats = names.clone().map(|name| (channel_name(&NATS, name), name));
    let on_kafka = names.chain(["all"]).map(|name| (channel_name(&KAFKA, name), name));
    let operations = on_nats.chain(on_kafka).map(|(channel, name)| {
        let operation = object! {
            "action": "send",
            "summary": format!("A driver publishes {}.", if name == "all" { "any event" } else { name }),
            "channel": object! {"$ref": format!("#/channels/{channel}")},
        };
        (format!("publish.{channel}"), operation)
    });
    operations.collect()
}

fn messages(examples: &Examples) -> Result<Vec<(String, Node)>> {
    let mut messages = Vec::new();
    for transport in [&NATS, &KAFKA] {
        for &kind in EventKind::ALL {
            let payload = Node::from_json(&examples.of(kind)?.to_json()?)?;
            let message = object! {
                "name": kind.as_str(),
                "title": kind_name(kind),
                "summary": kind.description(),
                "contentType": "application/json",
                "traits": Node::array([object! {"$ref": format!("#/components/messageTraits/{}", transport.name)}]),
                "payload": object! {"$ref": format!("{SCHEMAS}/{}", kind_name(kind))},
                "examples": Node::array([object! {"name": kind.as_str(), "payload": payload}]),
            };
            messages.push((message_name(transport, kind), message));
        }
    }
    Ok(messages)
}

fn trait_of(transport: &Transport) -> Node {
    let headers = object! {"$ref": format!("{SCHEMAS}/{}", transport.headers_name())};
    let message = object! {"headers": headers};
    if transport.name == KAFKA.name {
        let key = object! {"$ref": format!("{SCHEMAS}/GoalKey")};
        message.with(
            "bindings",
            object! {"kafka": object! {"key": key, "bindingVersion": "0.5.0"}},
        )
    } else {
        message
    }
}

fn channel_name(transport: &Transport, name: &str) -> String {
    format!("{}.{name}", transport.name)
}

fn message_name(transport: &Transport, kind: EventKind) -> String {
    channel_name(transport, kind.as_str())
}
