//! The callbacks that librdkafka's clients have in common.

use std::error::Error;
use std::fmt;

use rdkafka::Statistics;
use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;

use super::state::KafkaState;
use super::tokens::TokenCache;

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

    /// Called for each line of librdkafka's log.
    fn logged(&self, _facility: &str, _message: &str) {}

    /// Called for each statistics.
    fn received_statistics(&self, _statistics: &Statistics) {}

    /// Returns what the client waits for, if its statistics say so.
    fn wait_cause(&self, _statistics: &Statistics) -> Option<String> {
        None
    }
}

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

impl<R> Context<R> {
    /// Creates the context of a replacement client: the same state and tokens.
    pub(crate) fn with_role(&self, role: R) -> Self {
        Self::new(self.state.clone(), self.tokens.clone(), role)
    }
}

impl<R: ClientRole> ClientContext for Context<R> {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        use RDKafkaLogLevel as Level;
        self.role.logged(facility, message);
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
        let wait_cause = self.role.wait_cause(&statistics);
        self.role.received_statistics(&statistics);
        self.state.set_statistics(statistics);
        if let Some(cause) = wait_cause {
            self.state.record_wait(cause);
        }
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

impl<R> fmt::Debug for Context<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
