//! What librdkafka calls back.

use std::error::Error;
use std::fmt;
use std::sync::{Arc, OnceLock, Weak};

use rdkafka::Statistics;
use rdkafka::TopicPartitionList;
use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::producer::{DeliveryResult, ProducerContext};

use crate::KafkaState;
use crate::flights::Flights;
use crate::generation::Generation;
use crate::offsets::Offsets;
use crate::polling::Polling;
use crate::room::Room;
use crate::ticket::{Failed, Report, Ticket};
use crate::tokens::Tokens;

/// What every client of librdkafka's calls back, and beside it what its role needs.
#[derive(Clone)]
pub(crate) struct Context<R> {
    state: KafkaState,
    tokens: Option<Tokens>,
    role: R,
}

/// What a client is for.
pub(crate) trait Role: Send + Sync {
    /// All brokers refuse the credentials.
    fn refused(&self) {}
}

/// The role of a producer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Producing {
    pub(crate) room: Arc<Room>,
    pub(crate) flights: Arc<Flights>,
    pub(crate) polling: Arc<Polling>,
    /// Whose it is, once that is made.
    pub(crate) generation: Arc<OnceLock<Weak<Generation>>>,
}

impl Producing {
    fn failed(&self, error: &KafkaError, message: &BorrowedMessage<'_>) -> Failed {
        let generation = self.generation.get().and_then(Weak::upgrade);
        let is_broken = generation.is_some_and(|generation| generation.breakdown().is_some());
        Failed {
            code: error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail),
            was_queued: true,
            record: is_broken.then(|| Box::new(message.detach())),
        }
    }
}

impl Role for Producing {
    /// What waits in the queue would wait until its time is over.
    fn refused(&self) {
        if let Some(generation) = self.generation.get().and_then(Weak::upgrade) {
            generation.purge_queue();
        }
    }
}

impl Role for Arc<Offsets> {}

impl Role for () {}

impl<R> Context<R> {
    pub(crate) fn new(state: KafkaState, tokens: Option<Tokens>, role: R) -> Self {
        Self { state, tokens, role }
    }

    pub(crate) fn state(&self) -> &KafkaState {
        &self.state
    }

    pub(crate) fn role(&self) -> &R {
        &self.role
    }
}

impl<R: Default> Context<R> {
    /// The same for a client that takes the place of another.
    pub(crate) fn renewed(&self) -> Self {
        Self::new(self.state.clone(), self.tokens.clone(), R::default())
    }
}

impl<R: Role> ClientContext for Context<R> {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        use RDKafkaLogLevel as Level;
        match level {
            Level::Emerg | Level::Alert | Level::Critical | Level::Error => {
                tracing::error!(target: "librdkafka", facility, "{message}");
            }
            Level::Warning => tracing::warn!(target: "librdkafka", facility, "{message}"),
            Level::Notice | Level::Info => tracing::info!(target: "librdkafka", facility, "{message}"),
            Level::Debug => tracing::debug!(target: "librdkafka", facility, "{message}"),
        }
    }

    fn stats(&self, statistics: Statistics) {
        self.state.measured(statistics);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(%error, reason, "Kafka");
        if self.state.erred(&error, reason) {
            self.role.refused();
        }
    }

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        let Some(tokens) = &self.tokens else {
            return Err("no token provider was given for the SASL mechanism OAUTHBEARER".into());
        };
        tokens.give().map_err(|error| {
            if !tokens.has_one() {
                // No broker is even asked then.
                self.state.refused(format!("no token could be had: {error}"));
                self.role.refused();
            }
            error as Box<dyn Error>
        })
    }
}

impl ProducerContext for Context<Producing> {
    type DeliveryOpaque = Arc<Ticket>;

    fn delivery(&self, result: &DeliveryResult<'_>, ticket: Arc<Ticket>) {
        let report = match result {
            Ok(message) => {
                self.state.answered();
                self.role.polling.delivered();
                Report::Stored {
                    partition: message.partition(),
                    offset: message.offset(),
                }
            }
            Err((error, message)) => Report::Failed(self.role.failed(error, message)),
        };
        ticket.settle(report, &self.role.flights);
        self.role.room.left();
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
