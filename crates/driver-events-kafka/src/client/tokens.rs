//! Tokens for the SASL mechanism OAUTHBEARER.

use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use driver_events_core::SetupError;
use rdkafka::ClientConfig;
use rdkafka::client::OAuthToken;

use super::properties::needs_token_provider;

/// Returns a new token for the SASL mechanism OAUTHBEARER. Its argument is the property `sasl.oauthbearer.config`.
///
/// A token should be valid for at least 30 seconds: librdkafka requests the next one after 80 % of its lifetime, and
/// brokers that close connections with expired tokens need it before 90 %.
///
/// The provider runs on its own thread, one call at a time; it may block and may use a runtime. The first token should
/// arrive within five seconds. After an error the provider is called again in about ten seconds. The error's text is
/// logged and is in [`KafkaState::last_error`](crate::KafkaState::last_error), so it must not contain secrets.
pub type TokenProvider = dyn Fn(Option<&str>) -> Result<OAuthToken, TokenError> + Send + Sync + 'static;

type TokenError = Box<dyn Error + Send + Sync>;

/// How long the poll thread may block for the first token. It delivers no reports meanwhile.
const FIRST_TOKEN_TIMEOUT: Duration = Duration::from_secs(5);

/// Lifetime of the last token if it is returned again while the next one is fetched. librdkafka requests a token after
/// 80 % of this, and checks once a second.
const REUSED_TOKEN_LIFETIME: Duration = Duration::from_millis(1250);

/// The tokens of one client and its replacements.
///
/// librdkafka requests tokens on threads that must not block: those of the runtime, or the poll thread. So the next token
/// is fetched on another thread, and the last one is returned until it arrives.
#[derive(Clone)]
pub(crate) struct TokenCache {
    provider: Arc<TokenProvider>,
    config: Option<Arc<str>>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<FetchState>,
    fetched: Condvar,
}

#[derive(Default)]
struct FetchState {
    last: Option<OAuthToken>,
    /// The provider's result, until librdkafka requests a token.
    fetched: Option<Result<OAuthToken, TokenError>>,
    is_fetching: bool,
}

impl TokenCache {
    /// Creates the cache of a client with these properties; `None` without a provider.
    ///
    /// # Errors
    /// The properties need a provider, and `provider` is `None`.
    pub(crate) fn new(provider: Option<Arc<TokenProvider>>, config: &ClientConfig) -> Result<Option<Self>, SetupError> {
        match provider {
            Some(provider) => Ok(Some(Self {
                provider,
                config: config.get("sasl.oauthbearer.config").map(Arc::from),
                shared: Arc::default(),
            })),
            None if needs_token_provider(config) => Err(SetupError::invalid(
                "the SASL mechanism OAUTHBEARER needs a token provider: set `token_provider` on the builder",
            )),
            None => Ok(None),
        }
    }

    /// Fetches the first token and keeps it until librdkafka requests it. Blocks.
    ///
    /// # Errors
    /// The provider's error, or it does not return within the timeout.
    pub(crate) fn fetch_first(&self, timeout: Duration) -> Result<(), TokenError> {
        let mut state = self.wait(timeout);
        match state.fetched.take() {
            Some(Ok(token)) => state.fetched = Some(Ok(token)),
            Some(Err(error)) => return Err(error),
            None => return Err(not_fetched()),
        }
        Ok(())
    }

    /// Returns the next token, or the last one while the next is fetched.
    ///
    /// # Errors
    /// The provider's error, once; or the first token has not arrived yet.
    pub(crate) fn next_token(&self) -> Result<OAuthToken, TokenError> {
        let mut state = self.state();
        if state.last.is_none() {
            drop(state);
            state = self.wait(FIRST_TOKEN_TIMEOUT);
        }
        match state.fetched.take() {
            Some(fetched) => {
                let token = fetched?;
                state.last = Some(copy(&token, token.lifetime_ms));
                Ok(token)
            }
            None => {
                self.fetch(&mut state);
                let last = state.last.as_ref().ok_or_else(not_fetched)?;
                Ok(copy(last, milliseconds(SystemTime::now() + REUSED_TOKEN_LIFETIME)))
            }
        }
    }

    /// Returns whether the last token has not expired.
    pub(crate) fn has_valid_token(&self) -> bool {
        let last = self.state().last.as_ref().map(|token| token.lifetime_ms);
        last.is_some_and(|end| end > milliseconds(SystemTime::now()))
    }

    fn wait(&self, timeout: Duration) -> MutexGuard<'_, FetchState> {
        let mut state = self.state();
        self.fetch(&mut state);
        let waited = self
            .shared
            .fetched
            .wait_timeout_while(state, timeout, |state| state.fetched.is_none());
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Starts a thread that calls the provider, unless a call is running or its result is unused.
    fn fetch(&self, state: &mut FetchState) {
        if state.is_fetching || state.fetched.is_some() {
            return;
        }
        let cache = self.clone();
        let started = thread::Builder::new()
            .name("driver-events-kafka-token".to_owned())
            .spawn(move || {
                // A caller waits for the result, so a panic must produce one, too.
                let fetched = catch_unwind(AssertUnwindSafe(|| (cache.provider)(cache.config.as_deref())));
                let mut state = cache.state();
                state.fetched = Some(fetched.unwrap_or_else(|_| Err("the token provider panicked".into())));
                state.is_fetching = false;
                drop(state);
                cache.shared.fetched.notify_all();
            });
        match started {
            Ok(_) => state.is_fetching = true,
            Err(error) => state.fetched = Some(Err(error.into())),
        }
    }

    fn state(&self) -> MutexGuard<'_, FetchState> {
        // Never poisoned: no code panics while it holds the lock.
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn not_fetched() -> TokenError {
    "the token provider has not returned yet".into()
}

/// Returns milliseconds since 1970, librdkafka's unit for token lifetimes.
fn milliseconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

fn copy(token: &OAuthToken, lifetime_ms: i64) -> OAuthToken {
    OAuthToken {
        token: token.token.clone(),
        principal_name: token.principal_name.clone(),
        lifetime_ms,
    }
}
