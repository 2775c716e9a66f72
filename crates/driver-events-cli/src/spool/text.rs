use std::time::SystemTime;

use driver_events::Envelope;

/// Formats a time in UTC, as RFC 3339 with milliseconds.
pub(super) fn time(time: SystemTime) -> String {
    humantime::format_rfc3339_millis(time).to_string()
}

/// Formats a number of bytes for a person.
pub(super) fn bytes(bytes: u64) -> String {
    indicatif::BinaryBytes(bytes).to_string()
}

/// Returns kind, goal and id of an event, or why its row is damaged.
pub(super) fn event(event: &Result<Envelope, String>) -> String {
    match event {
        Ok(envelope) => {
            let goal = envelope
                .goal_id()
                .map_or_else(|| "-".to_owned(), |goal| goal.to_string());
            format!("{}\t{goal}\t{}", envelope.kind(), envelope.id())
        }
        Err(reason) => format!("damaged\t-\t{reason}"),
    }
}
