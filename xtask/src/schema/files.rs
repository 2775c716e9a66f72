//! Names of the files.

use driver_events_types::EventKind;

use super::types::Strictness;

/// Folder of the schemas in the types crate's folder.
pub(super) const FOLDER: &str = "schema";
pub(super) const EVENT: &str = "event.json";
pub(super) const STRICT_EVENT: &str = "event.strict.json";
pub(super) const ASYNCAPI: &str = "asyncapi.json";
pub(super) const INDEX: &str = "index.json";

/// Folders of the packages that contain a copy of both event schemas, from the workspace's root.
pub(super) const PACKAGES: [&str; 2] = [
    "docs/consumers/python/src/driver_events/schema",
    "docs/consumers/typescript/src/schema",
];

/// Returns the path of one kind's schema below the folder.
pub(super) fn of_kind(kind: EventKind, strictness: Strictness) -> String {
    match strictness {
        Strictness::Reader => format!("kinds/{kind}.json"),
        Strictness::Strict => format!("kinds/{kind}.strict.json"),
    }
}
