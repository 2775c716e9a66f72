//! Whether the topics are there.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::Producer as _;

use crate::generation::Generation;
use crate::{KafkaState, SetupError, SetupErrorKind};

/// How long the brokers have to answer.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) async fn topics_exist(
    generation: Arc<Generation>,
    topics: Vec<String>,
    state: KafkaState,
) -> Result<(), SetupError> {
    // librdkafka blocks while it asks.
    let asked = tokio::task::spawn_blocking(move || look(&generation, &topics, &state));
    asked.await.unwrap_or_else(|error| {
        Err(SetupError::new(SetupErrorKind::Unreachable, "the check ended unfinished").with_source(error))
    })
}

fn look(generation: &Generation, topics: &[String], state: &KafkaState) -> Result<(), SetupError> {
    let Some(producer) = generation.producer() else {
        return Err(SetupError::new(SetupErrorKind::Unreachable, "the producer has ended"));
    };
    // Asking for one topic by its name would make it where brokers make topics by themselves.
    let metadata = producer
        .client()
        .fetch_metadata(None, PATIENCE)
        .map_err(|error| no_answer(error, state))?;
    for topic in topics {
        if !metadata.topics().iter().any(|found| found.name() == topic) {
            let message = format!("the topic {topic:?} does not exist, or may not be seen: make it, or allow DESCRIBE");
            return Err(SetupError::new(SetupErrorKind::NoTopic, message));
        }
    }
    Ok(())
}

fn no_answer(error: KafkaError, state: &KafkaState) -> SetupError {
    if let Some(why) = state.refusal() {
        let message = format!("the brokers refuse the credentials: {why}");
        return SetupError::new(SetupErrorKind::Unauthorized, message).with_source(error);
    }
    let kind = match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::Authentication | RDKafkaErrorCode::ClusterAuthorizationFailed) => {
            SetupErrorKind::Unauthorized
        }
        _ => SetupErrorKind::Unreachable,
    };
    let last = state.last_error().map(|last| format!(": {last}")).unwrap_or_default();
    SetupError::new(kind, format!("no broker answered{last}")).with_source(error)
}
