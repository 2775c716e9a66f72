//! Maps librdkafka's error codes to errors of the sink.

use driver_events_core::{Fate, SinkError, SinkErrorKind};
use rdkafka::error::RDKafkaErrorCode;

use crate::client::permissions;

/// Returns the error of a record that failed with this code.
pub(super) fn sink_error(code: RDKafkaErrorCode, topic: &str) -> SinkError {
    use RDKafkaErrorCode as Code;
    let grant;
    let (kind, fate, what) = match code {
        Code::MessageSizeTooLarge | Code::MessageBatchTooLarge => (
            SinkErrorKind::TooLarge,
            Fate::NotSent,
            "the record exceeds `message.max.bytes` of the producer, or `max.message.bytes` or `segment.bytes` of the topic",
        ),
        Code::QueueFull => (SinkErrorKind::Full, Fate::NotSent, "the producer's queue is full"),
        Code::TopicAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::TransactionalIdAuthorizationFailed => {
            grant = format!("missing permission to write: {}", permissions::topic("Write", topic));
            (SinkErrorKind::Unauthorized, Fate::NotSent, grant.as_str())
        }
        Code::Authentication | Code::SaslAuthenticationFailed => (
            SinkErrorKind::Unauthorized,
            Fate::NotSent,
            "the brokers refuse the credentials",
        ),
        Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::UnknownPartition => (
            SinkErrorKind::Disconnected,
            Fate::NotSent,
            "the topic does not exist: create it or correct its name",
        ),
        Code::InvalidTopic
        | Code::InvalidRecord
        | Code::InvalidTimestamp
        | Code::PolicyViolation
        | Code::InvalidArgument => (
            SinkErrorKind::Rejected,
            Fate::NotSent,
            "the broker or librdkafka rejected the record",
        ),
        Code::MessageTimedOut => (
            SinkErrorKind::Timeout,
            Fate::Unknown,
            "the record was not acknowledged within `message.timeout.ms`",
        ),
        Code::NotEnoughReplicas => (
            SinkErrorKind::Disconnected,
            Fate::NotSent,
            "fewer replicas in sync than `min.insync.replicas`",
        ),
        Code::InvalidDifferentRecord => (
            SinkErrorKind::Disconnected,
            Fate::NotSent,
            "the broker rejected the batch for another record",
        ),
        Code::PurgeQueue => (
            SinkErrorKind::Disconnected,
            Fate::NotSent,
            "the record was purged from the queue before it was sent",
        ),
        Code::Fatal => (
            SinkErrorKind::Disconnected,
            Fate::Unknown,
            "the producer had a fatal error",
        ),
        _ => (
            SinkErrorKind::Disconnected,
            Fate::Unknown,
            "the record was not delivered",
        ),
    };
    SinkError::new(kind, format!("{what} (topic `{topic}`, {code})")).with_fate(fate)
}

/// Returns whether the broker refused a whole batch. The reason may be another record of it, or its size.
pub(super) fn is_refused_batch(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        code,
        Code::InvalidTimestamp
            | Code::InvalidRecord
            | Code::InvalidDifferentRecord
            | Code::PolicyViolation
            | Code::MessageSizeTooLarge
            | Code::MessageBatchTooLarge
    )
}

/// Returns whether the broker refused the batch as a whole, so that none of its records may be at fault.
pub(super) fn names_no_record(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        code,
        Code::MessageSizeTooLarge | Code::MessageBatchTooLarge | Code::PolicyViolation
    )
}

/// Returns the error of a record that waited for another attempt, or for an earlier record of its goal, for too long.
pub(super) fn not_sent_in_time(topic: &str) -> SinkError {
    let message = format!(
        "`message.timeout.ms` passed before the record was sent: it, or an earlier record of its goal, had to be sent \
         again, as the broker refused their batch or the producer failed (topic `{topic}`)"
    );
    SinkError::new(SinkErrorKind::Timeout, message).with_fate(Fate::NotSent)
}

/// Returns whether a new producer may deliver a record that failed with this code, should its producer have failed. Not
/// after [`MessageTimedOut`](RDKafkaErrorCode::MessageTimedOut): the deadline has passed.
pub(super) fn may_be_resent(code: RDKafkaErrorCode) -> bool {
    sink_error(code, "").kind() == SinkErrorKind::Disconnected
}
