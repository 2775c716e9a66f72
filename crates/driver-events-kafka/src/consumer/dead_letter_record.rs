use driver_events_core::cloudevents::DATA_CONTENT_TYPE;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::{Header, Message as _, OwnedHeaders, OwnedMessage};
use rdkafka::producer::FutureRecord;
use sha2::{Digest, Sha256};

/// Longest reason in a header, in bytes.
const MAX_REASON_LEN: usize = 4_096;

/// A rejected record, and what the broker has refused to store of it.
///
/// The record timestamp is that of the rejection: brokers refuse some of those that they accepted earlier, and retention
/// would delete an old record at once.
#[derive(Debug)]
pub(super) struct DeadLetterRecord {
    original: OwnedMessage,
    content: Content,
    /// Replaces a missing key in a compacted topic.
    key: Option<String>,
    /// Replaces a value that is too large.
    value: Option<String>,
}

/// The part of the original record that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    All,
    /// Key and headers.
    WithoutValue,
    None,
}

impl DeadLetterRecord {
    pub(super) fn new(original: OwnedMessage) -> Self {
        Self {
            original,
            content: Content::All,
            key: None,
            value: None,
        }
    }

    /// Leaves out what may be the reason for this error. Returns `false` if nothing is left to leave out.
    pub(super) fn leave_out(&mut self, code: RDKafkaErrorCode) -> bool {
        use RDKafkaErrorCode as Code;
        match code {
            Code::MessageSizeTooLarge | Code::MessageBatchTooLarge | Code::InvalidMessageSize => {
                self.content = match self.content {
                    Content::All => Content::WithoutValue,
                    Content::WithoutValue => Content::None,
                    Content::None => return false,
                };
                self.value.get_or_insert_with(|| summary(&self.original));
                true
            }
            Code::InvalidRecord if self.key().is_none() => {
                let (topic, partition, offset) = origin(&self.original);
                self.key = Some(format!("{topic}/{partition}/{offset}"));
                true
            }
            _ => false,
        }
    }

    /// Returns the original headers and those of the dead letter.
    pub(super) fn headers(&self, why: &str) -> OwnedHeaders {
        let (topic, partition, offset) = origin(&self.original);
        let time = self.original.timestamp().to_millis();
        let time = time.map(|milliseconds| milliseconds.to_string());
        let omitted = match self.content {
            Content::All => None,
            Content::WithoutValue => Some("value"),
            Content::None => Some("key, value and headers"),
        };
        let added = [
            ("dead-letter-topic", Some(topic)),
            ("dead-letter-partition", Some(&*partition.to_string())),
            ("dead-letter-offset", Some(&*offset.to_string())),
            ("dead-letter-timestamp", time.as_deref()),
            ("dead-letter-omitted", omitted),
            ("dead-letter-reason", Some(truncated(why))),
        ];
        let original = self.original.headers().filter(|_| self.content != Content::None);
        let mut headers = original.cloned().unwrap_or_default();
        for (key, value) in added {
            if let Some(value) = value {
                headers = headers.insert(Header {
                    key,
                    value: Some(value.as_bytes()),
                });
            }
        }
        if self.content == Content::None {
            headers = headers.insert(Header {
                key: "content-type",
                value: Some(DATA_CONTENT_TYPE.as_bytes()),
            });
        }
        headers
    }

    pub(super) fn future_record<'a>(&'a self, topic: &'a str, headers: OwnedHeaders) -> FutureRecord<'a, [u8], [u8]> {
        FutureRecord {
            topic,
            partition: None,
            payload: self.value.as_ref().map(String::as_bytes).or(self.original.payload()),
            key: self.key(),
            timestamp: None,
            headers: Some(headers),
        }
    }

    fn key(&self) -> Option<&[u8]> {
        let original = self.original.key().filter(|_| self.content != Content::None);
        self.key.as_ref().map(String::as_bytes).or(original)
    }
}

/// Returns topic, partition and offset.
fn origin(message: &OwnedMessage) -> (&str, i32, i64) {
    (message.topic(), message.partition(), message.offset())
}

/// Describes a record whose value is left out.
fn summary(message: &OwnedMessage) -> String {
    let (topic, partition, offset) = origin(message);
    let value = message.payload().unwrap_or_default();
    let length = value.len();
    let sha256 = Sha256::digest(value);
    format!(
        r#"{{"topic":"{topic}","partition":{partition},"offset":{offset},"length":{length},"sha256":"{sha256:x}"}}"#
    )
}

fn truncated(why: &str) -> &str {
    if why.len() <= MAX_REASON_LEN {
        return why;
    }
    let end = (0..=MAX_REASON_LEN).rev().find(|end| why.is_char_boundary(*end));
    end.and_then(|end| why.get(..end)).unwrap_or_default()
}
