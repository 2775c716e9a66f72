//! The crates whose types a public API names.

use std::collections::BTreeSet;

/// Crates that the API of each library crate may name, besides the standard library and itself. A new name is a decision:
/// callers must then have the same version of that crate.
const ALLOWED: [(&str, &[&str]); 7] = [
    ("driver-events-types", &["chrono", "serde_core", "serde_json", "uuid"]),
    // `tokio`: `AsyncBufRead`, the input of a source. No client library.
    (
        "driver-events-core",
        &[
            "bytes",
            "chrono",
            "driver_events_types",
            "futures_core",
            "tokio",
            "uuid",
        ],
    ),
    ("driver-events-stdout", &["driver_events_core", "driver_events_types"]),
    ("driver-events-spool", &["driver_events_core", "driver_events_types"]),
    (
        "driver-events-nats",
        &["async_nats", "driver_events_core", "driver_events_types"],
    ),
    (
        "driver-events-kafka",
        &["chrono", "driver_events_core", "driver_events_types", "rdkafka"],
    ),
    // The transports are re-exported as modules.
    (
        "driver-events",
        &[
            "driver_events_core",
            "driver_events_spool",
            "driver_events_types",
            "kafka",
            "nats",
            "serde_core",
            "spool",
            "stdout",
        ],
    ),
];
const STANDARD: [&str; 3] = ["alloc", "core", "std"];

/// Returns a line for each crate that the list of a crate's public API names and must not.
#[must_use]
pub fn find(package: &str, list: &str) -> Vec<String> {
    let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| *name == package) else {
        return vec![format!("{package} has no row in {}", file!())];
    };
    let own = package.replace('-', "_");
    let mut reported = BTreeSet::new();
    let mut findings = Vec::new();
    for line in list.lines() {
        for name in names(line) {
            let is_allowed = name == own || STANDARD.contains(&name) || allowed.contains(&name);
            if !is_allowed && reported.insert(name) {
                findings.push(format!("{package} must not name `{name}`: {line}"));
            }
        }
    }
    findings
}

/// Returns the first segment of each path, and the last one of a re-exported crate or module.
fn names(line: &str) -> impl Iterator<Item = &str> {
    let is_lower_case = |name: &&str| name.starts_with(|first: char| first.is_ascii_lowercase() || first == '_');
    let words = line.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
    let roots = words.filter_map(|word| word.split_once("::")).map(|(root, _)| root);
    let re_exported = line.strip_prefix("pub use ").and_then(|path| path.rsplit("::").next());
    roots.chain(re_exported).filter(is_lower_case)
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn client_libraries_are_foreign_to_core() {
        let list = "pub mod driver_events_core\n\
                    pub fn driver_events_core::NdjsonSource<R>::new(R) -> Self where R: tokio::io::AsyncBufRead\n\
                    pub fn driver_events_core::connect(&async_nats::client::Client) -> core::result::Result<(), u8>\n\
                    pub fn driver_events_core::again(async_nats::client::Client)\n\
                    impl core::convert::From<rdkafka::error::KafkaError> for driver_events_core::SinkError\n\
                    pub use driver_events_core::rusqlite\n\
                    pub use driver_events_core::<<driver_events_types::*>>\n";
        assert_eq!(
            find("driver-events-core", list),
            [
                "driver-events-core must not name `async_nats`: pub fn driver_events_core::connect(&async_nats::client::Client) \
                 -> core::result::Result<(), u8>",
                "driver-events-core must not name `rdkafka`: impl core::convert::From<rdkafka::error::KafkaError> for \
                 driver_events_core::SinkError",
                "driver-events-core must not name `rusqlite`: pub use driver_events_core::rusqlite",
            ]
        );
    }

    #[test]
    fn runtime_is_foreign_to_the_types() {
        let list = "pub fn driver_events_types::wait(tokio::time::Sleep) -> serde_json::Value\n";
        let findings = find("driver-events-types", list);
        assert!(
            matches!(&findings[..], [only] if only.contains("`tokio`")),
            "{findings:?}"
        );
    }

    #[test]
    fn own_client_is_allowed() {
        let list = "pub use driver_events_nats::async_nats\npub use driver_events_nats::SetupError\n\
                    pub fn driver_events_nats::NatsEventSink::new(async_nats::client::Client) -> Self\n";
        assert_eq!(find("driver-events-nats", list), [""; 0]);
    }

    #[test]
    fn new_crate_needs_a_row() {
        assert!(find("driver-events-mqtt", "")[0].starts_with("driver-events-mqtt has no row in"));
    }
}
