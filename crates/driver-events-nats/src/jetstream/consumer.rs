//! Durable and ephemeral consumers.

use std::collections::BTreeSet;
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, Config, DeliverPolicy, Info, ReplayPolicy};
use bytes::Bytes;
use serde::Serialize;

use super::api::{Api, ApiError, json};
use super::stream_check::{STREAM_NOT_FOUND, lookup_error};
use crate::{SetupError, SetupErrorKind};

/// JetStream's error code for an unknown consumer.
const CONSUMER_NOT_FOUND: u64 = 10_014;
/// The server deletes an ephemeral consumer after this time without pull requests.
const INACTIVE_THRESHOLD: Duration = Duration::from_secs(300);
const DEFAULT_ACK_WAIT: Duration = Duration::from_secs(30);
const DEFAULT_MAX_ACK_PENDING: usize = 1_024;

#[derive(Clone, Debug)]
pub(super) struct ConsumerSettings {
    pub(super) stream: String,
    /// Name of the durable consumer; `None` for an ephemeral one.
    pub(super) durable: Option<String>,
    pub(super) start: DeliverPolicy,
    pub(super) filter_subjects: Vec<String>,
    /// Whether `filter_subjects` selects all events.
    pub(super) selects_all_events: bool,
    pub(super) ack_wait: Option<Duration>,
    pub(super) max_ack_pending: Option<usize>,
}

#[derive(Serialize)]
struct CreateRequest<'a> {
    stream_name: &'a str,
    config: &'a Config,
    action: &'static str,
}

impl ConsumerSettings {
    /// Creates an ephemeral consumer without acks: after a loss the source creates another one behind the last message.
    /// Returns the stream sequence behind which the consumer starts.
    pub(super) async fn create_ephemeral(&self, api: &Api, name: &str, start: DeliverPolicy) -> Result<u64, ApiError> {
        let config = Config {
            name: Some(name.to_owned()),
            deliver_policy: start,
            ack_policy: AckPolicy::None,
            inactive_threshold: INACTIVE_THRESHOLD,
            memory_storage: true,
            num_replicas: 1,
            ..self.config()
        };
        let created = self.create(api, name, &config).await?;
        Ok(created.delivered.stream_sequence)
    }

    /// Creates the durable consumer, or checks it if it exists. Returns its configuration.
    pub(super) async fn ensure_durable(&self, api: &Api, name: &str) -> Result<Config, SetupError> {
        let stream = &self.stream;
        let found: Result<Info, ApiError> = api
            .request_with_retry(&format!("CONSUMER.INFO.{stream}.{name}"), Bytes::new())
            .await;
        match found {
            Ok(found) => self.check(name, found.config),
            Err(error) if error.code() == Some(STREAM_NOT_FOUND) => Err(lookup_error(stream, error)),
            Err(error) if error.code() == Some(CONSUMER_NOT_FOUND) => {
                let config = Config {
                    durable_name: Some(name.to_owned()),
                    name: Some(name.to_owned()),
                    deliver_policy: self.start,
                    ack_policy: AckPolicy::Explicit,
                    ack_wait: self.ack_wait.unwrap_or(DEFAULT_ACK_WAIT),
                    max_ack_pending: to_i64(self.max_ack_pending.unwrap_or(DEFAULT_MAX_ACK_PENDING)),
                    ..self.config()
                };
                let created = self.create(api, name, &config).await;
                let created =
                    created.map_err(|error| error.into_setup_error(&format!("cannot create consumer `{name}`")))?;
                self.check(name, created.config)
            }
            Err(error) => Err(error.into_setup_error(&format!("cannot look up consumer `{name}`"))),
        }
    }

    /// Fails with `NoStream` if the durable consumer was deleted.
    pub(super) async fn check_durable_exists(&self, api: &Api, name: &str) -> Result<(), SetupError> {
        let found: Result<Info, ApiError> = api
            .request(&format!("CONSUMER.INFO.{}.{name}", self.stream), Bytes::new())
            .await;
        match found {
            Ok(_) => Ok(()),
            Err(error) if matches!(error.code(), Some(STREAM_NOT_FOUND | CONSUMER_NOT_FOUND)) => {
                let message = format!("consumer `{name}` was deleted");
                Err(SetupError::new(SetupErrorKind::NoStream, message).with_source(error))
            }
            Err(error) => Err(error.into_setup_error(&format!("cannot look up consumer `{name}`"))),
        }
    }

    async fn create(&self, api: &Api, name: &str, config: &Config) -> Result<Info, ApiError> {
        let request = CreateRequest {
            stream_name: &self.stream,
            config,
            action: "create",
        };
        api.request_with_retry(&format!("CONSUMER.CREATE.{}.{name}", self.stream), json(&request)?)
            .await
    }

    fn config(&self) -> Config {
        Config {
            filter_subjects: self.filter_subjects.clone(),
            replay_policy: ReplayPolicy::Instant,
            description: Some("Reads the events of driver loops".to_owned()),
            ..Config::default()
        }
    }

    /// Checks an existing consumer against the settings. It is never changed.
    fn check(&self, name: &str, found: Config) -> Result<Config, SetupError> {
        let unfit = |what: String| {
            let message = format!("consumer `{name}` {what}: choose another name, or delete the consumer");
            Err(SetupError::new(SetupErrorKind::UnfitConsumer, message))
        };
        if found.deliver_subject.is_some() {
            return unfit("is a push consumer".into());
        }
        if found.ack_policy != AckPolicy::Explicit {
            return unfit("does not have `ack_policy: explicit`".into());
        }
        if found.headers_only {
            return unfit("delivers headers only (`headers_only`)".into());
        }
        let filter_subjects: BTreeSet<&String> = match found.filter_subject.is_empty() {
            true => found.filter_subjects.iter().collect(),
            false => [&found.filter_subject].into(),
        };
        // Without a filter the consumer delivers all events, and other messages if the stream captures more.
        let selects_all = filter_subjects.is_empty() && self.selects_all_events;
        if !selects_all && filter_subjects != self.filter_subjects.iter().collect() {
            return unfit(format!(
                "has the filter subjects {filter_subjects:?}, expected {:?}",
                self.filter_subjects
            ));
        }
        if let Some(expected) = self.ack_wait.filter(|expected| *expected != found.ack_wait) {
            return unfit(format!(
                "has an `ack_wait` of {:?}, expected {expected:?}",
                found.ack_wait
            ));
        }
        let differs = |expected: &usize| to_i64(*expected) != found.max_ack_pending;
        if let Some(expected) = self.max_ack_pending.filter(differs) {
            let found = found.max_ack_pending;
            return unfit(format!("has a `max_ack_pending` of {found}, expected {expected}"));
        }
        Ok(found)
    }
}

fn to_i64(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
