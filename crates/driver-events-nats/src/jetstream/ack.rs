//! What the stream answers to an event.

use driver_events_core::{Fate, SinkError, SinkErrorKind};
use serde::Deserialize;

/// The answer, good or bad.
#[derive(Debug, Deserialize)]
pub(super) struct Ack {
    #[serde(default)]
    pub(super) stream: String,
    #[serde(default, rename = "seq")]
    pub(super) sequence: u64,
    #[serde(default)]
    pub(super) duplicate: bool,
    /// How many events an atomic batch had.
    #[serde(default)]
    pub(super) count: Option<u64>,
    #[serde(default)]
    pub(super) error: Option<Refusal>,
}

/// Why the stream does not take an event.
#[derive(Debug, Deserialize)]
pub(super) struct Refusal {
    #[serde(default)]
    code: u16,
    #[serde(default, rename = "err_code")]
    number: u64,
    #[serde(default)]
    description: String,
}

/// What follows from a refusal.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It would be the same again.
    Final(SinkError),
    /// It may be otherwise in a moment.
    Passing(SinkError),
}

impl Refusal {
    pub(super) fn verdict(&self) -> Verdict {
        let error = |kind, what: &str| {
            let message = format!("{what}: {} ({})", self.description, self.number);
            SinkError::new(kind, message).with_fate(Fate::NotSent)
        };
        match self.number {
            // The limits of the stream, which tells them as errors of its store; those of the account; those of the
            // server, for storage, memory and both.
            10_077 if self.description.contains("maximum") || self.description.contains("no space") => {
                Verdict::Final(error(SinkErrorKind::Full, "the stream is full"))
            }
            10_002 | 10_023 | 10_028 | 10_047 => Verdict::Final(error(SinkErrorKind::Full, "JetStream has no room")),
            10_054 => Verdict::Final(error(
                SinkErrorKind::TooLarge,
                "the stream takes no message as large as this",
            )),
            10_109 => Verdict::Final(error(SinkErrorKind::Fatal, "the stream takes no more events")),
            // The copy that was sent before is still being stored.
            10_158 => Verdict::Passing(
                error(SinkErrorKind::Timeout, "the stream has not stored the event yet").with_fate(Fate::Unknown),
            ),
            _ if self.code >= 500 => {
                Verdict::Passing(error(SinkErrorKind::Disconnected, "the stream cannot take events now"))
            }
            _ => Verdict::Final(error(SinkErrorKind::Rejected, "the stream refuses the event")),
        }
    }
}

#[cfg(test)]
mod tests {
    use driver_events_core::SinkErrorKind;

    use super::{Ack, Verdict};

    fn verdict(json: &str) -> (bool, SinkErrorKind, String) {
        let ack: Ack = serde_json::from_str(json).unwrap();
        match ack.error.unwrap().verdict() {
            Verdict::Final(error) => (true, error.kind(), error.to_string()),
            Verdict::Passing(error) => (false, error.kind(), error.to_string()),
        }
    }

    #[test]
    fn refusals_say_what_the_caller_should_do() {
        for (json, expected) in [
            (
                r#"{"error":{"code":503,"err_code":10077,"description":"maximum bytes exceeded"},"stream":"D","seq":0}"#,
                (
                    true,
                    SinkErrorKind::Full,
                    "the stream is full: maximum bytes exceeded (10077)",
                ),
            ),
            (
                r#"{"error":{"code":503,"err_code":10077,"description":"raft: closed"},"stream":"D","seq":0}"#,
                (
                    false,
                    SinkErrorKind::Disconnected,
                    "the stream cannot take events now: raft: closed (10077)",
                ),
            ),
            (
                r#"{"error":{"code":400,"err_code":10002,"description":"resource limits exceeded for account"}}"#,
                (
                    true,
                    SinkErrorKind::Full,
                    "JetStream has no room: resource limits exceeded for account (10002)",
                ),
            ),
            (
                r#"{"error":{"code":400,"err_code":10054,"description":"message size exceeds maximum allowed"}}"#,
                (
                    true,
                    SinkErrorKind::TooLarge,
                    "the stream takes no message as large as this: message size exceeds maximum allowed (10054)",
                ),
            ),
            (
                r#"{"error":{"code":400,"err_code":99999,"description":"new"}}"#,
                (
                    true,
                    SinkErrorKind::Rejected,
                    "the stream refuses the event: new (99999)",
                ),
            ),
        ] {
            let (is_final, kind, text) = verdict(json);
            assert_eq!((is_final, kind, text.as_str()), expected);
        }
    }
}
