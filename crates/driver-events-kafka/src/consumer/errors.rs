//! Maps librdkafka's errors to errors of the source.

use std::error::Error as _;

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
    let is_fatal = matches!(error, KafkaError::MessageConsumptionFatal(_));
    if let Some((kind, what)) = error.rdkafka_error_code().and_then(group_error) {
        state.record_failure(what);
        let kind = if is_fatal { SourceErrorKind::Fatal } else { kind };
        return SourceError::new(kind, what).with_source(error);
    }
    if is_fatal {
        let message = "the Kafka consumer had a fatal error: create a new source";
        state.record_failure(format!("{message}: {error}"));
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
        Some(Code::PollExceeded) => (
            SourceErrorKind::Timeout,
            "partitions revoked: `next` was not called within `max.poll.interval.ms`".to_owned(),
        ),
        _ => (SourceErrorKind::Disconnected, "cannot read from Kafka".to_owned()),
    };
    let last = state.last_error().map(|last| format!(": {last}")).unwrap_or_default();
    SourceError::new(kind, format!("{what}{last}")).with_source(error)
}

/// Returns why the group does not accept this member, and whether that passes: [`Disconnected`](SourceErrorKind::Disconnected)
/// if another member or an operator can end the wait, [`Fatal`](SourceErrorKind::Fatal) if the configuration must change.
/// librdkafka joins again for ever.
fn group_error(code: RDKafkaErrorCode) -> Option<(SourceErrorKind, &'static str)> {
    use RDKafkaErrorCode as Code;
    Some(match code {
        Code::InconsistentGroupProtocol | Code::GroupIdNotFound => (
            SourceErrorKind::Disconnected,
            "waiting to join the group: its members use another `partition.assignment.strategy` or `group.protocol`; use \
             theirs, or stop them",
        ),
        Code::GroupMaxSizeReached => (
            SourceErrorKind::Disconnected,
            "waiting to join the group: it is full; stop a member, or raise `group.max.size` (`group.consumer.max.size` with \
             `group.protocol=consumer`) of the brokers",
        ),
        Code::InvalidSessionTimeout => (
            SourceErrorKind::Fatal,
            "cannot join the group: `session.timeout.ms` is outside the brokers' bounds `group.min.session.timeout.ms` and \
             `group.max.session.timeout.ms`; correct it",
        ),
        Code::InvalidGroupId => (
            SourceErrorKind::Fatal,
            "cannot join the group: the brokers refuse its name; choose another",
        ),
        Code::UnsupportedAssignor => (
            SourceErrorKind::Fatal,
            "cannot join the group: the brokers do not have the assignor; correct `group.remote.assignor`",
        ),
        Code::UnsupportedVersion | Code::UnsupportedFeature => (
            SourceErrorKind::Fatal,
            "cannot join the group: the brokers do not support `group.protocol=consumer`; use `classic`",
        ),
        Code::FencedInstanceId | Code::UnreleasedInstanceId => (
            SourceErrorKind::Fatal,
            "another member of the group has the same `group.instance.id`; set a different one for each member, and create a \
             new source",
        ),
        _ => return None,
    })
}

/// Returns the reason why the group does not accept this member for now. librdkafka reports it for each attempt.
pub(super) fn group_wait(error: &KafkaError) -> Option<RDKafkaErrorCode> {
    let code = error.rdkafka_error_code()?;
    let is_wait = !matches!(error, KafkaError::MessageConsumptionFatal(_))
        && group_error(code).is_some_and(|(kind, _)| kind == SourceErrorKind::Disconnected);
    is_wait.then_some(code)
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
    matches!(
        code,
        Some(Code::IllegalGeneration | Code::RebalanceInProgress | Code::StaleMemberEpoch)
    )
}

/// Returns whether librdkafka cannot decompress or parse a batch. It does not say which, and fetches it again.
pub(super) fn is_unreadable_batch(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    let code = error.rdkafka_error_code();
    matches!(
        code,
        Some(Code::BadCompression | Code::BadMessage | Code::NotImplemented)
    )
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

/// Returns the text of an error with that of its source.
pub(super) fn with_cause(error: &SourceError) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
