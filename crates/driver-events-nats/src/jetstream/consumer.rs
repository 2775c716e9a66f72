//! The consumer on the server: one that stays, or one that goes with the reader.

use std::collections::BTreeSet;
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, Config, DeliverPolicy, Info, ReplayPolicy};
use bytes::Bytes;
use serde::Serialize;

use super::api::{Api, ApiError, json};
use super::stream_check::{STREAM_NOT_FOUND, not_looked_up};
use crate::{SetupError, SetupErrorKind};

/// JetStream's number for a consumer that does not exist.
const CONSUMER_NOT_FOUND: u64 = 10_014;
/// For how long the server keeps a consumer that nobody asks any more, where it goes with its reader.
const INACTIVE: Duration = Duration::from_secs(300);

/// What a reader wants of its consumer.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) stream: String,
    /// The name of one that stays.
    pub(super) durable: Option<String>,
    pub(super) start: DeliverPolicy,
    pub(super) subjects: Vec<String>,
    /// Whether these are all subjects of events.
    pub(super) reads_all: bool,
    pub(super) ack_wait: Duration,
    pub(super) max_in_flight: usize,
}

#[derive(Serialize)]
struct Create<'a> {
    stream_name: &'a str,
    config: &'a Config,
    action: &'static str,
}

impl Wanted {
    /// A consumer that goes with the reader. Nobody answers for its messages: where some are lost with a link, the
    /// reader makes another behind the last that came.
    pub(super) async fn make_own(&self, api: &Api, name: &str, start: DeliverPolicy) -> Result<(), ApiError> {
        let config = Config {
            name: Some(name.to_owned()),
            deliver_policy: start,
            ack_policy: AckPolicy::None,
            inactive_threshold: INACTIVE,
            memory_storage: true,
            num_replicas: 1,
            ..self.config()
        };
        self.create(api, name, &config).await.map(|_| ())
    }

    /// The consumer that stays: made where it does not exist, and checked where it does.
    pub(super) async fn ensure_durable(&self, api: &Api, name: &str) -> Result<(), SetupError> {
        let stream = &self.stream;
        let found: Result<Info, ApiError> = api
            .ask_patiently(&format!("CONSUMER.INFO.{stream}.{name}"), Bytes::new())
            .await;
        match found {
            Ok(found) => self.check(name, &found.config),
            Err(error) if error.code() == Some(STREAM_NOT_FOUND) => Err(not_looked_up(stream, error)),
            Err(error) if error.code() == Some(CONSUMER_NOT_FOUND) => {
                let config = Config {
                    durable_name: Some(name.to_owned()),
                    name: Some(name.to_owned()),
                    deliver_policy: self.start,
                    ack_policy: AckPolicy::Explicit,
                    ack_wait: self.ack_wait,
                    max_ack_pending: i64::try_from(self.max_in_flight).unwrap_or(i64::MAX),
                    ..self.config()
                };
                let made = self.create(api, name, &config).await;
                let made =
                    made.map_err(|error| error.into_setup_error(&format!("the consumer {name:?} cannot be made")))?;
                self.check(name, &made.config)
            }
            Err(error) => Err(error.into_setup_error(&format!("the consumer {name:?} cannot be looked up"))),
        }
    }

    /// Whether the consumer that stays is still there.
    pub(super) async fn look_up_durable(&self, api: &Api, name: &str) -> Result<(), SetupError> {
        let found: Result<Info, ApiError> = api
            .ask(&format!("CONSUMER.INFO.{}.{name}", self.stream), Bytes::new())
            .await;
        match found {
            Ok(_) => Ok(()),
            Err(error) if matches!(error.code(), Some(STREAM_NOT_FOUND | CONSUMER_NOT_FOUND)) => {
                let message = format!("the consumer {name:?} does not exist any more");
                Err(SetupError::new(SetupErrorKind::NoStream, message).with_source(error))
            }
            Err(error) => Err(error.into_setup_error(&format!("the consumer {name:?} cannot be looked up"))),
        }
    }

    async fn create(&self, api: &Api, name: &str, config: &Config) -> Result<Info, ApiError> {
        let request = Create {
            stream_name: &self.stream,
            config,
            action: "create",
        };
        api.ask_patiently(&format!("CONSUMER.CREATE.{}.{name}", self.stream), json(&request)?)
            .await
    }

    fn config(&self) -> Config {
        Config {
            filter_subjects: self.subjects.clone(),
            replay_policy: ReplayPolicy::Instant,
            description: Some("Reads the events of driver loops".to_owned()),
            ..Config::default()
        }
    }

    /// One that exists is never changed, so it must be what is wanted.
    fn check(&self, name: &str, found: &Config) -> Result<(), SetupError> {
        let unfit = |what: String| {
            let message = format!("the consumer {name:?} exists and {what}: choose another name, or delete it");
            Err(SetupError::new(SetupErrorKind::UnfitConsumer, message))
        };
        if found.deliver_subject.is_some() {
            return unfit("pushes its messages".into());
        }
        if found.ack_policy != AckPolicy::Explicit {
            return unfit("does not ask for an answer to each message (ack_policy)".into());
        }
        let subjects: BTreeSet<&String> = match found.filter_subject.is_empty() {
            true => found.filter_subjects.iter().collect(),
            false => [&found.filter_subject].into(),
        };
        // Without a filter it reads whatever the stream has: our subjects, unless the stream takes others too.
        let reads_all = subjects.is_empty() && self.reads_all;
        if !reads_all && subjects != self.subjects.iter().collect() {
            return unfit(format!("reads {subjects:?}, and not {:?}", self.subjects));
        }
        Ok(())
    }
}
