//! librdkafka's callbacks.

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
use crate::delivery_future::{DeliveryFailure, DeliveryOpaque, DeliveryReport};
use crate::in_flight::InFlight;
use crate::offset_tracker::OffsetTracker;
use crate::poll_thread::PollState;
use crate::producer_handle::ProducerHandle;
use crate::queue_full::QueueFull;
use crate::tokens::TokenCache;

/// The callbacks of any client, and the state that its role needs: producer, consumer or admin client.
#[derive(Clone)]
pub(crate) struct Context<R> {
    state: KafkaState,
    tokens: Option<TokenCache>,
    role: R,
}

/// The role of a client.
pub(crate) trait ClientRole: Send + Sync {
    /// Called when all brokers refuse the credentials.
    fn credentials_refused(&self) {}
}

/// The state that a producer's callbacks share with its callers.
#[derive(Clone, Debug, Default)]
pub(crate) struct ProducerRole {
    pub(crate) queue_full: Arc<QueueFull>,
    pub(crate) in_flight: Arc<InFlight>,
    pub(crate) poll_state: Arc<PollState>,
    /// Set once the producer has been created.
    pub(crate) handle: Arc<OnceLock<Weak<ProducerHandle>>>,
}

impl ProducerRole {
    fn failure(&self, error: &KafkaError, message: &BorrowedMessage<'_>) -> DeliveryFailure {
        let handle = self.handle.get().and_then(Weak::upgrade);
        let has_failed = handle.is_some_and(|handle| handle.fatal_error().is_some());
        DeliveryFailure {
            code: error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail),
            was_queued: true,
            record: has_failed.then(|| Box::new(message.detach())),
        }
    }
}

impl ClientRole for ProducerRole {
    /// Purges the queue: its records would otherwise wait until they time out.
    fn credentials_refused(&self) {
        if let Some(handle) = self.handle.get().and_then(Weak::upgrade) {
            handle.purge_queue();
        }
    }
}

impl ClientRole for Arc<OffsetTracker> {}

impl ClientRole for () {}

impl<R> Context<R> {
    pub(crate) fn new(state: KafkaState, tokens: Option<TokenCache>, role: R) -> Self {
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
    /// Creates the context of a client that replaces this one's.
    pub(crate) fn renewed(&self) -> Self {
        Self::new(self.state.clone(), self.tokens.clone(), R::default())
    }
}

impl<R: ClientRole> ClientContext for Context<R> {
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
        self.state.set_statistics(statistics);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(%error, reason, "client error");
        if self.state.record_error(&error, reason) {
            self.role.credentials_refused();
        }
    }

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        let Some(tokens) = &self.tokens else {
            return Err("the SASL mechanism OAUTHBEARER needs a token provider".into());
        };
        tokens.next_token().map_err(|error| {
            if !tokens.has_valid_token() {
                // Without a token librdkafka connects to no broker, so no broker reports a refusal.
                self.state.set_refusal(format!("cannot get a token: {error}"));
                self.role.credentials_refused();
            }
            error as Box<dyn Error>
        })
    }
}

impl ProducerContext for Context<ProducerRole> {
    type DeliveryOpaque = Arc<DeliveryOpaque>;

    fn delivery(&self, result: &DeliveryResult<'_>, opaque: Arc<DeliveryOpaque>) {
        let report = match result {
            Ok(message) => {
                self.state.broker_responded();
                self.role.poll_state.delivered();
                DeliveryReport::Stored {
                    partition: message.partition(),
                    offset: message.offset(),
                }
            }
            Err((error, message)) => DeliveryReport::Failed(self.role.failure(error, message)),
        };
        opaque.complete(report, &self.role.in_flight);
        self.role.queue_full.reported();
    }
}

/// Stops tracking revoked partitions, so that no late ack commits an offset of a partition that another consumer reads.
impl ConsumerContext for Context<Arc<OffsetTracker>> {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Assign(partitions) => {
                tracing::info!(partitions = partitions.count(), "partitions assigned");
            }
            Rebalance::Revoke(partitions) => {
                tracing::info!(partitions = partitions.count(), "partitions revoked");
                for partition in partitions.elements() {
                    self.role.revoke(partition.topic(), partition.partition());
                }
            }
            Rebalance::Error(error) => tracing::warn!(%error, "rebalance failed"),
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, _: &TopicPartitionList) {
        match result {
            Ok(()) => self.state.broker_responded(),
            // The next commit includes these offsets; after a restart their records are redelivered.
            Err(error) => tracing::warn!(%error, "offset commit failed"),
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
