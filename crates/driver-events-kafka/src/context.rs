//! What librdkafka calls back.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use rdkafka::Statistics;
use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::producer::{DeliveryResult, ProducerContext};
use tokio::sync::Notify;

use crate::KafkaState;
use crate::batch::{Report, Ticket};

/// Gives a token for the SASL mechanism OAUTHBEARER whenever librdkafka wants a new one. It is given the value of
/// `sasl.oauthbearer.config`. Called on a thread of librdkafka's; it may block.
pub type TokenProvider =
    dyn Fn(Option<&str>) -> Result<OAuthToken, Box<dyn Error + Send + Sync>> + Send + Sync + 'static;

#[derive(Clone)]
pub(crate) struct Context {
    state: KafkaState,
    token: Option<Arc<TokenProvider>>,
    /// Wakes one that waits for room, for each record that has left.
    room: Arc<Notify>,
}

impl Context {
    pub(crate) fn new(state: KafkaState, token: Option<Arc<TokenProvider>>) -> Self {
        let room = Arc::default();
        Self { state, token, room }
    }

    pub(crate) fn state(&self) -> &KafkaState {
        &self.state
    }

    pub(crate) fn room(&self) -> &Notify {
        &self.room
    }
}

impl ClientContext for Context {
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

impl ProducerContext for Context {
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
        self.room.notify_one();
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
