//! The headers of a message: CloudEvents attributes in binary mode.

use super::node::{Node, object};

/// A transport with headers.
pub(super) struct Transport {
    /// Name of its protocol.
    pub(super) name: &'static str,
    /// A server on this machine.
    pub(super) host: &'static str,
    /// Prefix of the attributes' names.
    prefix: &'static str,
    /// Name of the header with the media type.
    content_type: &'static str,
    /// Headers that are no attributes, each with its description.
    others: &'static [(&'static str, &'static str)],
    /// Encoding of the values.
    encoding: &'static str,
}

pub(super) const NATS: Transport = Transport {
    name: "nats",
    host: "127.0.0.1:4222",
    prefix: "ce-",
    content_type: "ce-datacontenttype",
    others: &[(
        "Nats-Msg-Id",
        "Key by which a JetStream stream drops duplicates. JetStream publishers send it.",
    )],
    encoding: "Values are percent-encoded. Names are compared case-insensitively.",
};

pub(super) const KAFKA: Transport = Transport {
    name: "kafka",
    host: "127.0.0.1:9092",
    prefix: "ce_",
    content_type: "content-type",
    others: &[],
    encoding: "Values are UTF-8. A null value is an absent attribute.",
};

/// Attributes, whether each is always sent, and its schema.
fn attributes() -> [(&'static str, bool, Node); 11] {
    let text = |description: &str| object! {"description": description, "type": "string"};
    let goal = || text("Goal id. Absent for an unknown kind without a goal id.");
    [
        (
            "specversion",
            true,
            object! {"description": "Version of CloudEvents.", "const": "1.0"},
        ),
        (
            "id",
            true,
            text("Id of the event: any text, usually a UUID; the same through every retry, replay and transport."),
        ),
        (
            "source",
            true,
            text("The publisher, a URI-reference. Only the pair of source and id is unique.")
                .with("format", "uri-reference"),
        ),
        ("type", true, text("Subject of the kind, without prefix.")),
        ("subject", false, goal()),
        ("partitionkey", false, goal()),
        (
            "time",
            false,
            text("Time of the event, RFC 3339 in UTC.").with("format", "date-time"),
        ),
        (
            "sequence",
            false,
            text("Sequence number of the event within its goal and run, from 1, padded to 20 digits.")
                .with("pattern", "^[0-9]{20}$"),
        ),
        (
            "producerrun",
            false,
            text("Run of the producer: changes each time the numbering restarts at 1."),
        ),
        ("traceparent", false, text("W3C trace context.")),
        ("tracestate", false, text("Vendors' part of the trace context.")),
    ]
}

impl Transport {
    /// Returns the name of the schema of its headers.
    pub(super) fn headers_name(&self) -> String {
        match self.name {
            "nats" => "NatsHeaders".to_owned(),
            _ => "KafkaHeaders".to_owned(),
        }
    }

    /// Returns the schema of the headers of one message.
    pub(super) fn headers(&self) -> Node {
        let (mut properties, mut required) = (Vec::new(), Vec::new());
        for (name, is_required, schema) in attributes() {
            let name = format!("{}{name}", self.prefix);
            if is_required {
                required.push(name.clone());
            }
            properties.push((name, schema));
        }
        let media_type = object! {"description": "Media type of the payload.", "const": "application/json"};
        properties.push((self.content_type.to_owned(), media_type));
        required.push(self.content_type.to_owned());
        for (name, description) in self.others {
            properties.push((
                (*name).to_owned(),
                object! {"description": *description, "type": "string"},
            ));
        }
        object! {
            "title": self.headers_name(),
            "description": format!(
                "Attributes of the event in CloudEvents 1.0 binary mode. A publisher may send none of them. {}",
                self.encoding
            ),
            "type": "object",
            "properties": Node::Object(properties),
            "required": Node::array(required),
        }
    }
}
