//! Maps librdkafka's errors to errors of the source.

use driver_events_core::{SourceError, SourceErrorKind};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::client::permissions;
use crate::client::state::KafkaState;

/// Returns the error of a consumer that reads these topics.
pub(super) fn source_error(
    error: KafkaError,
    state: &KafkaState,
    topics: &[String],
    group: Option<&str>,
) -> SourceError {
    use RDKafkaErrorCode as Code;
    if matches!(error, KafkaError::MessageConsumptionFatal(_)) {
        let message = "the Kafka consumer had a fatal error: create a new source";
        return SourceError::new(SourceErrorKind::Fatal, message).with_source(error);
    }
    let (kind, what) = match error.rdkafka_error_code() {
        Some(Code::Authentication | Code::SaslAuthenticationFailed) => (
            SourceErrorKind::Unauthorized,
            "the brokers refuse the credentials".to_owned(),
        ),
        Some(Code::GroupAuthorizationFailed) => (SourceErrorKind::Unauthorized, missing_group_permission(group)),
        Some(Code::TopicAuthorizationFailed | Code::ClusterAuthorizationFailed) => {
            let grant = permissions::topics("Read", topics);
            (
                SourceErrorKind::Unauthorized,
                format!("missing permission to read: {grant}"),
            )
        }
        Some(Code::UnknownTopic | Code::UnknownTopicOrPartition) => {
            (SourceErrorKind::Disconnected, "a topic was deleted".to_owned())
        }
        Some(Code::NotImplemented) => (
            SourceErrorKind::Fatal,
            "unsupported compression codec: enable the feature `gzip` or `zstd`".to_owned(),
        ),
        Some(Code::PollExceeded) => (
            SourceErrorKind::Timeout,
            "partitions revoked: `next` was not called within `max.poll.interval.ms`".to_owned(),
        ),
        _ => (SourceErrorKind::Disconnected, "cannot read from Kafka".to_owned()),
    };
    let last = state.last_error().map(|last| format!(": {last}")).unwrap_or_default();
    SourceError::new(kind, format!("{what}{last}")).with_source(error)
}

/// Returns the text of the error of joining the group without permission.
pub(super) fn missing_group_permission(group: Option<&str>) -> String {
    let grant = permissions::group(group.unwrap_or_default());
    format!("missing permission to join the group: {grant}")
}

/// Returns whether a permission on the consumer group is missing.
pub(super) fn is_group_authorization_error(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::GroupAuthorizationFailed)
}

pub(super) fn is_rebalancing(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    let code = error.rdkafka_error_code();
    matches!(code, Some(Code::IllegalGeneration | Code::RebalanceInProgress))
}

/// Returns whether one broker is unreachable, which librdkafka reports for each attempt.
pub(super) fn is_single_broker_error(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    let code = error.rdkafka_error_code();
    matches!(
        code,
        Some(Code::BrokerTransportFailure | Code::Resolve | Code::OperationTimedOut)
    )
}

pub(super) fn is_all_brokers_down(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown)
}
