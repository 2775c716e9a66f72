//! Tokens for the SASL mechanism OAUTHBEARER.

use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rdkafka::ClientConfig;
use rdkafka::client::OAuthToken;

use crate::{SetupError, client};

/// Gives a token for the SASL mechanism OAUTHBEARER whenever a new one is wanted. It is given the value of the property
/// `sasl.oauthbearer.config`.
///
/// A token should live for half a minute or longer: the next one is asked for when four fifths of its time are over, and
/// brokers that end connections with their tokens want it before nine tenths are.
///
/// The provider is called on a thread of its own, where it may block and may use a runtime, and by one thread at a time.
/// The first token should be there in five seconds. After an error it is called again in about ten; the error's text is
/// told to `tracing` and by [`KafkaState::last_error`](crate::KafkaState::last_error), so leave secrets out of it.
pub type TokenProvider = dyn Fn(Option<&str>) -> Result<OAuthToken, TokenError> + Send + Sync + 'static;

type TokenError = Box<dyn Error + Send + Sync>;

/// How long whoever polls librdkafka may wait for the first token. No reports come there meanwhile.
const FIRST: Duration = Duration::from_secs(5);

/// When librdkafka should ask again for a token that is being fetched. It asks when four fifths of a token's time are
/// over, and looks once a second.
const AGAIN: Duration = Duration::from_millis(1250);

/// The tokens of one client of librdkafka's, and of those that follow it.
///
/// librdkafka asks for a token where nothing may block: on a thread of the runtime, or where delivery reports come. So a
/// newer token is fetched elsewhere, and until it is there the last one is given again for a moment.
#[derive(Clone)]
pub(crate) struct Tokens {
    provider: Arc<TokenProvider>,
    config: Option<Arc<str>>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    held: Mutex<Held>,
    fetched: Condvar,
}

#[derive(Default)]
struct Held {
    last: Option<OAuthToken>,
    /// What the provider said, until it is passed on.
    fetched: Option<Result<OAuthToken, TokenError>>,
    is_fetching: bool,
}

impl Tokens {
    /// For a client with these properties; none where there is no provider.
    ///
    /// # Errors
    /// There is none, and the properties want one.
    pub(crate) fn of(provider: Option<Arc<TokenProvider>>, config: &ClientConfig) -> Result<Option<Self>, SetupError> {
        match provider {
            Some(provider) => Ok(Some(Self {
                provider,
                config: config.get("sasl.oauthbearer.config").map(Arc::from),
                shared: Arc::default(),
            })),
            None if client::wants_tokens(config) => Err(SetupError::invalid(
                "the SASL mechanism OAUTHBEARER needs tokens: give the builder a `token_provider`",
            )),
            None => Ok(None),
        }
    }

    /// Fetches the first token, and keeps it until it is asked for. Blocks.
    ///
    /// # Errors
    /// The provider's own, or it has not answered in time.
    pub(crate) fn fetch_first(&self, patience: Duration) -> Result<(), TokenError> {
        let mut held = self.wait(patience);
        match held.fetched.take() {
            Some(Ok(token)) => held.fetched = Some(Ok(token)),
            Some(Err(error)) => return Err(error),
            None => return Err(unanswered()),
        }
        Ok(())
    }

    /// The next token, or the last one once more while the next is being fetched.
    ///
    /// # Errors
    /// The provider's own, once each; or it has not answered yet, and there was no token before.
    pub(crate) fn give(&self) -> Result<OAuthToken, TokenError> {
        let mut held = self.held();
        if held.last.is_none() {
            drop(held);
            held = self.wait(FIRST);
        }
        match held.fetched.take() {
            Some(fetched) => {
                let token = fetched?;
                held.last = Some(copy(&token, token.lifetime_ms));
                Ok(token)
            }
            None => {
                self.fetch(&mut held);
                let last = held.last.as_ref().ok_or_else(unanswered)?;
                Ok(copy(last, milliseconds(SystemTime::now() + AGAIN)))
            }
        }
    }

    /// Whether the last token is still good.
    pub(crate) fn has_one(&self) -> bool {
        let last = self.held().last.as_ref().map(|token| token.lifetime_ms);
        last.is_some_and(|end| end > milliseconds(SystemTime::now()))
    }

    fn wait(&self, patience: Duration) -> MutexGuard<'_, Held> {
        let mut held = self.held();
        self.fetch(&mut held);
        let waited = self
            .shared
            .fetched
            .wait_timeout_while(held, patience, |held| held.fetched.is_none());
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Calls the provider on a thread of its own, unless that has been done.
    fn fetch(&self, held: &mut Held) {
        if held.is_fetching || held.fetched.is_some() {
            return;
        }
        let tokens = self.clone();
        let started = thread::Builder::new()
            .name("driver-events-kafka-token".to_owned())
            .spawn(move || {
                // Somebody waits for the answer, whatever happens here.
                let fetched = catch_unwind(AssertUnwindSafe(|| (tokens.provider)(tokens.config.as_deref())));
                let mut held = tokens.held();
                held.fetched = Some(fetched.unwrap_or_else(|_| Err("the token provider panicked".into())));
                held.is_fetching = false;
                drop(held);
                tokens.shared.fetched.notify_all();
            });
        match started {
            Ok(_) => held.is_fetching = true,
            Err(error) => held.fetched = Some(Err(error.into())),
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // Nothing panics while it holds the lock.
        self.shared.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unanswered() -> TokenError {
    "the token provider has not answered yet".into()
}

/// As librdkafka counts a token's end.
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
