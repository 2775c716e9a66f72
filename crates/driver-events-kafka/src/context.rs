//! What librdkafka calls back.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use rdkafka::Statistics;
use rdkafka::TopicPartitionList;
use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::producer::{DeliveryResult, ProducerContext};
use tokio::sync::Notify;

use crate::KafkaState;
use crate::batch::{Report, Ticket};
use crate::offsets::Offsets;

/// Gives a token for the SASL mechanism OAUTHBEARER whenever librdkafka wants a new one. It is given the value of
/// `sasl.oauthbearer.config`. Called on a thread of librdkafka's; it may block.
pub type TokenProvider =
    dyn Fn(Option<&str>) -> Result<OAuthToken, Box<dyn Error + Send + Sync>> + Send + Sync + 'static;

/// What every client of librdkafka's calls back, and beside it what its role needs.
#[derive(Clone)]
pub(crate) struct Context<R> {
    state: KafkaState,
    token: Option<Arc<TokenProvider>>,
    role: R,
}

/// The role of a producer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Producing {
    /// Wakes one that waits for room, for each record that has left.
    pub(crate) room: Arc<Notify>,
}

impl<R> Context<R> {
    pub(crate) fn new(state: KafkaState, token: Option<Arc<TokenProvider>>, role: R) -> Self {
        Self { state, token, role }
    }

    pub(crate) fn state(&self) -> &KafkaState {
        &self.state
    }

    pub(crate) fn role(&self) -> &R {
        &self.role
    }
}

impl<R: Send + Sync> ClientContext for Context<R> {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical | RDKafkaLogLevel::Error => {
                tracing::error!(facility, message, "librdkafka");
            }
            RDKafkaLogLevel::Warning => tracing::warn!(facility, message, "librdkafka"),
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => tracing::info!(facility, message, "librdkafka"),
            RDKafkaLogLevel::Debug => tracing::debug!(facility, message, "librdkafka"),
        }
    }

    fn stats(&self, statistics: Statistics) {
        self.state.measured(statistics);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(%error, reason, "Kafka");
        self.state.erred(&error, reason);
    }

    fn generate_oauth_token(&self, config: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        match &self.token {
            Some(token) => token(config).map_err(|error| -> Box<dyn Error> { error }),
            None => Err("no token provider was given for the SASL mechanism OAUTHBEARER".into()),
        }
    }
}

impl ProducerContext for Context<Producing> {
    type DeliveryOpaque = Box<Ticket>;

    fn delivery(&self, result: &DeliveryResult<'_>, ticket: Box<Ticket>) {
        ticket.settle(match result {
            Ok(message) => {
                self.state.answered();
                Report::Stored {
                    partition: message.partition(),
                    offset: message.offset(),
                }
            }
            Err((error, _)) => Report::Failed(error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail)),
        });
        self.role.room.notify_one();
    }
}

/// Partitions that are taken away are forgotten, so that nobody answers for what another consumer reads now.
impl ConsumerContext for Context<Arc<Offsets>> {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Assign(partitions) => {
                tracing::info!(partitions = partitions.count(), "partitions were assigned");
            }
            Rebalance::Revoke(partitions) => {
                tracing::info!(partitions = partitions.count(), "partitions were taken away");
                for partition in partitions.elements() {
                    self.role.forget(partition.topic(), partition.partition());
                }
            }
            Rebalance::Error(error) => tracing::warn!(%error, "the consumer group cannot be rebalanced"),
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, _: &TopicPartitionList) {
        match result {
            Ok(()) => self.state.answered(),
            // What was not committed comes again after a restart.
            Err(error) => tracing::warn!(%error, "offsets could not be committed"),
        }
    }
}

impl<R> fmt::Debug for Context<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
