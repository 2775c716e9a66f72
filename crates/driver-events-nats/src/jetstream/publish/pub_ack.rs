//! The pub ack: the stream's reply to a published message.

use driver_events_core::{Fate, SinkError, SinkErrorKind};
use serde::Deserialize;

use super::attempt_error::AttemptError::{self, Permanent, RetryAfterBackoff};

/// A pub ack, positive or with an error.
#[derive(Debug, Deserialize)]
pub(super) struct PubAck {
    #[serde(default)]
    stream: String,
    #[serde(default, rename = "seq")]
    pub(super) sequence: u64,
    #[serde(default)]
    pub(super) duplicate: bool,
    /// Number of events in an atomic batch.
    #[serde(default)]
    pub(super) count: Option<u64>,
    #[serde(default)]
    error: Option<PubAckError>,
}

/// Error of a pub ack: the stream did not store the message.
#[derive(Debug, Deserialize)]
struct PubAckError {
    #[serde(default)]
    code: u16,
    #[serde(default)]
    err_code: u64,
    #[serde(default)]
    description: String,
}

impl PubAck {
    /// Parses a pub ack, and checks that it is positive and from the sink's stream.
    pub(super) fn parse(json: &[u8], stream: &str) -> Result<Self, AttemptError> {
        let ack: Self = serde_json::from_slice(json).map_err(|error| {
            let message = "invalid pub ack: another subscriber replied to the event";
            Permanent(SinkError::new(SinkErrorKind::Fatal, message).with_source(error))
        })?;
        if let Some(error) = &ack.error {
            return Err(error.classify());
        }
        if ack.stream != stream {
            let message = format!(
                "stream `{}` stored the event: stream `{stream}` no longer captures its subject",
                ack.stream
            );
            return Err(Permanent(SinkError::new(SinkErrorKind::Fatal, message)));
        }
        Ok(ack)
    }
}

impl PubAckError {
    fn classify(&self) -> AttemptError {
        let error = |kind, what: &str| {
            let message = format!("{what}: {} ({})", self.description, self.err_code);
            SinkError::new(kind, message).with_fate(Fate::NotSent)
        };
        match self.err_code {
            // The server reports the limits of the stream as store errors. The codes below are the limits of the account
            // and of the server's storage, memory and both.
            10_077 if self.description.contains("maximum") || self.description.contains("no space") => {
                Permanent(error(SinkErrorKind::Full, "stream is full"))
            }
            10_002 | 10_023 | 10_028 | 10_047 => Permanent(error(SinkErrorKind::Full, "JetStream is out of resources")),
            10_054 => Permanent(error(
                SinkErrorKind::TooLarge,
                "event exceeds the stream's maximum message size",
            )),
            10_097 => Permanent(error(SinkErrorKind::TooLarge, "event's headers are too large")),
            10_109 => Permanent(error(SinkErrorKind::Fatal, "stream is sealed")),
            // An earlier copy of the event is still being stored.
            10_158 => RetryAfterBackoff(
                error(SinkErrorKind::Timeout, "stream has not stored the event yet").with_fate(Fate::Unknown),
            ),
            // The stream has too many messages in flight, of all publishers: 10,000, or 128 MiB.
            _ if self.code == 429 => RetryAfterBackoff(error(SinkErrorKind::Full, "stream is overloaded")),
            _ if self.code >= 500 => RetryAfterBackoff(error(SinkErrorKind::Disconnected, "stream is unavailable")),
            _ => Permanent(error(SinkErrorKind::Rejected, "stream rejected the event")),
        }
    }
}

#[cfg(test)]
mod tests {
    use driver_events_core::SinkErrorKind;

    use super::{AttemptError, PubAck};

    fn classify(json: &str) -> (bool, SinkErrorKind, String) {
        match PubAck::parse(json.as_bytes(), "D").unwrap_err() {
            AttemptError::Permanent(error) => (true, error.kind(), error.to_string()),
            AttemptError::RetryAfterBackoff(error) => (false, error.kind(), error.to_string()),
            AttemptError::RetryNow(error) => panic!("{error}"),
        }
    }

    #[test]
    fn errors_have_a_kind_and_may_be_permanent() {
        for (json, expected) in [
            (
                r#"{"error":{"code":503,"err_code":10077,"description":"maximum bytes exceeded"},"stream":"D","seq":0}"#,
                (
                    true,
                    SinkErrorKind::Full,
                    "stream is full: maximum bytes exceeded (10077)",
                ),
            ),
            (
                r#"{"error":{"code":503,"err_code":10077,"description":"raft: closed"},"stream":"D","seq":0}"#,
                (
                    false,
                    SinkErrorKind::Disconnected,
                    "stream is unavailable: raft: closed (10077)",
                ),
            ),
            (
                r#"{"error":{"code":400,"err_code":10002,"description":"resource limits exceeded for account"}}"#,
                (
                    true,
                    SinkErrorKind::Full,
                    "JetStream is out of resources: resource limits exceeded for account (10002)",
                ),
            ),
            (
                r#"{"error":{"code":400,"err_code":10054,"description":"message size exceeds maximum allowed"}}"#,
                (
                    true,
                    SinkErrorKind::TooLarge,
                    "event exceeds the stream's maximum message size: message size exceeds maximum allowed (10054)",
                ),
            ),
            (
                r#"{"error":{"code":400,"err_code":10097,"description":"header size exceeds maximum allowed of 64k"}}"#,
                (
                    true,
                    SinkErrorKind::TooLarge,
                    "event's headers are too large: header size exceeds maximum allowed of 64k (10097)",
                ),
            ),
            (
                r#"{"error":{"code":400,"err_code":10109,"description":"invalid operation on sealed stream"}}"#,
                (
                    true,
                    SinkErrorKind::Fatal,
                    "stream is sealed: invalid operation on sealed stream (10109)",
                ),
            ),
            (
                r#"{"error":{"code":409,"err_code":10158,"description":"duplicate message id is in process"}}"#,
                (
                    false,
                    SinkErrorKind::Timeout,
                    "stream has not stored the event yet: duplicate message id is in process (10158)",
                ),
            ),
            (
                r#"{"error":{"code":429,"err_code":10167,"description":"too many requests"}}"#,
                (
                    false,
                    SinkErrorKind::Full,
                    "stream is overloaded: too many requests (10167)",
                ),
            ),
            (
                r#"{"error":{"code":400,"err_code":99999,"description":"new"}}"#,
                (true, SinkErrorKind::Rejected, "stream rejected the event: new (99999)"),
            ),
        ] {
            let (is_permanent, kind, text) = classify(json);
            assert_eq!((is_permanent, kind, text.as_str()), expected);
        }
    }
}
