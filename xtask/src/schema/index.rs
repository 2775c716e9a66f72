//! The index: what belongs to each kind.

use driver_events_types::{DEFAULT_TOPIC, EventKind, SUBJECT_WILDCARD};

use super::bundle::{event_id, kind_id};
use super::files;
use super::node::{Node, object};
use super::types::Strictness::{Reader, Strict};

/// Returns the index.
pub(super) fn document(version: &str) -> Node {
    let kinds = EventKind::ALL.iter().map(|&kind| {
        object! {
            "kind": kind.as_str(),
            "description": kind.description(),
            "subject": kind.subject(),
            "topic": kind.topic(),
            "schema": kind_id(kind, Reader),
            "schema_file": files::of_kind(kind, Reader),
            "strict_schema": kind_id(kind, Strict),
            "strict_schema_file": files::of_kind(kind, Strict),
            "since": kind.since(),
        }
    });
    object! {
        "version": version,
        "subject_wildcard": SUBJECT_WILDCARD,
        "default_topic": DEFAULT_TOPIC,
        "schema": event_id(Reader),
        "schema_file": files::EVENT,
        "strict_schema": event_id(Strict),
        "strict_schema_file": files::STRICT_EVENT,
        "asyncapi_file": files::ASYNCAPI,
        "kinds": Node::Array(kinds.collect()),
    }
}
