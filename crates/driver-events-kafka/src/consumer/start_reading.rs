//! The start of a source: a group joins, a standalone source assigns its partitions.

use std::thread;
use std::time::{Duration, Instant};

use driver_events_core::{SetupError, SetupErrorKind};
use rdkafka::TopicPartitionList;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};

use super::consumer_handle::Consumer;
use super::start_from::StartFrom;
use crate::admin::metadata::{self, REQUEST_TIMEOUT};
use crate::client::state::KafkaState;

/// Time between two attempts while a leader or the group's coordinator moves.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// Checks that the topics exist. Returns the start offsets of a standalone source; commits those of a group and returns
/// `None`. Blocks until the brokers have responded.
pub(super) fn find_starts(
    consumer: &Consumer,
    is_grouped: bool,
    start: StartFrom,
    topics: &[String],
    dead_letters: Option<String>,
    state: &KafkaState,
) -> Result<Option<TopicPartitionList>, SetupError> {
    let Some(client) = consumer.client() else {
        return Ok(None);
    };
    if let Some(topic) = dead_letters {
        // A missing topic would otherwise block the partition at the first dead letter.
        metadata::partitions(client.client(), &[topic], state)?;
    }
    let partitions = metadata::partitions(client.client(), topics, state)?;
    let deadline = Instant::now() + REQUEST_TIMEOUT;
    loop {
        let starts = match is_grouped {
            true => start.commit(client, &partitions).map(|()| None),
            false => start.offsets(client, &partitions).map(Some),
        };
        let error = match starts {
            Ok(starts) => return Ok(starts),
            Err(error) => error,
        };
        let code = error.rdkafka_error_code();
        if is_grouped && has_members(code) {
            return Ok(None);
        }
        if !is_moving(code) || deadline <= Instant::now() {
            return Err(start_error(error));
        }
        thread::sleep(RETRY_INTERVAL);
    }
}

/// Assigns all partitions at the start offsets; without start offsets joins the group.
pub(super) fn start_reading(
    consumer: &Consumer,
    topics: &[String],
    starts: Option<&TopicPartitionList>,
) -> KafkaResult<()> {
    let Some(client) = consumer.client() else {
        return Ok(());
    };
    match starts {
        Some(starts) => client.assign(starts),
        None => client.subscribe(&topics.iter().map(String::as_str).collect::<Vec<_>>()),
    }
}

/// Returns whether the broker refused the commit because the group has members.
fn has_members(code: Option<RDKafkaErrorCode>) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        code,
        Some(Code::UnknownMemberId | Code::IllegalGeneration | Code::RebalanceInProgress)
    )
}

/// Returns whether a partition's leader or the group's coordinator is being elected or moved.
fn is_moving(code: Option<RDKafkaErrorCode>) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        code,
        Some(
            Code::NotLeaderForPartition
                | Code::LeaderNotAvailable
                | Code::NotCoordinator
                | Code::CoordinatorLoadInProgress
                | Code::CoordinatorNotAvailable
        )
    )
}

pub(super) fn start_error(error: KafkaError) -> SetupError {
    use RDKafkaErrorCode as Code;
    let kind = match error.rdkafka_error_code() {
        Some(Code::GroupAuthorizationFailed | Code::TopicAuthorizationFailed) => SetupErrorKind::Unauthorized,
        Some(Code::InvalidGroupId) => SetupErrorKind::Invalid,
        _ => SetupErrorKind::Unreachable,
    };
    SetupError::new(kind, "cannot start reading").with_source(error)
}
