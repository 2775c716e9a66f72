//! What the errors of librdkafka mean to callers.

use driver_events_core::{Fate, SinkError, SinkErrorKind};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::permissions;

/// What a failed record means to the caller.
pub(crate) fn error_of(code: RDKafkaErrorCode, topic: &str) -> SinkError {
    use RDKafkaErrorCode as Code;
    let allow;
    let (kind, fate, what) = match code {
        Code::MessageSizeTooLarge => (
            SinkErrorKind::TooLarge,
            Fate::NotSent,
            "the record is larger than the producer (`message.max.bytes`) or the topic (`max.message.bytes`) takes",
        ),
        Code::QueueFull => (SinkErrorKind::Full, Fate::NotSent, "the queue of the producer is full"),
        Code::TopicAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::TransactionalIdAuthorizationFailed => {
            allow = format!(
                "the permission to write is missing: {}",
                permissions::topic("Write", topic)
            );
            (SinkErrorKind::Unauthorized, Fate::NotSent, allow.as_str())
        }
        Code::Authentication | Code::SaslAuthenticationFailed => (
            SinkErrorKind::Unauthorized,
            Fate::NotSent,
            "the brokers refuse the credentials",
        ),
        Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::UnknownPartition => (
            SinkErrorKind::Rejected,
            Fate::NotSent,
            "the topic does not exist: make it, or correct its name",
        ),
        Code::InvalidTopic
        | Code::InvalidRecord
        | Code::InvalidTimestamp
        | Code::PolicyViolation
        | Code::InvalidArgument => (SinkErrorKind::Rejected, Fate::NotSent, "the record is refused"),
        Code::MessageTimedOut => (
            SinkErrorKind::Timeout,
            Fate::Unknown,
            "the record was not acknowledged in time (`message.timeout.ms`)",
        ),
        Code::NotEnoughReplicas => (
            SinkErrorKind::Disconnected,
            Fate::NotSent,
            "too few replicas are in sync (`min.insync.replicas`)",
        ),
        Code::PurgeQueue => (
            SinkErrorKind::Disconnected,
            Fate::NotSent,
            "the record was given up before it was sent",
        ),
        Code::Fatal => (SinkErrorKind::Disconnected, Fate::Unknown, "the producer broke down"),
        _ => (
            SinkErrorKind::Disconnected,
            Fate::Unknown,
            "the record was not delivered",
        ),
    };
    SinkError::new(kind, format!("{what} (topic {topic:?}, {code})")).with_fate(fate)
}

/// Whether a permission on the consumer group is missing.
pub(crate) fn is_about_the_group(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::GroupAuthorizationFailed)
}
