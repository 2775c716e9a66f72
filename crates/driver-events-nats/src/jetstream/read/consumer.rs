//! The consumer of a source. An ephemeral consumer reads without acks: after a loss the source re-creates it, starting
//! after the last message.

use async_nats::jetstream::consumer::{Config, DeliverPolicy, Info};
use bytes::Bytes;
use driver_events_core::{SetupError, SetupErrorKind};
use serde::Serialize;

use super::ack_subject::{self, AckSubject};
use super::consumer_settings::ConsumerSettings;
use super::prefetch::Prefetch;
use super::pull_subscription::PullSubscription;
use crate::jetstream::api::{Api, ApiError, json};
use crate::jetstream::stream::{STREAM_NOT_FOUND, look_up, lookup_error};

/// JetStream's error code for an unknown consumer.
const CONSUMER_NOT_FOUND: u64 = 10_014;
/// Maximum batch of a pull request.
const MAX_BATCH: usize = 512;

#[derive(Debug)]
pub(super) struct Consumer {
    api: Api,
    settings: ConsumerSettings,
    /// Creation time of the stream, by which a re-created stream is recognised.
    stream_created: i128,
    /// `None` while the ephemeral consumer must be re-created.
    pulls: Option<PullSubscription>,
    /// Whether the durable consumer must be looked up, because its heartbeats are missing.
    must_look_up: bool,
    /// Name of the ephemeral consumer.
    ephemeral: Option<String>,
    /// Stream sequence of the last message; before the first message, the sequence after which the consumer started.
    last_sequence: Option<u64>,
    /// Consumer sequence of the ephemeral consumer's next message.
    next_consumer_sequence: u64,
}

#[derive(Serialize)]
struct CreateRequest<'a> {
    stream_name: &'a str,
    config: &'a Config,
    action: &'static str,
}

impl Consumer {
    /// Creates the consumer. An existing durable consumer is checked.
    pub(super) async fn start(api: Api, settings: ConsumerSettings, stream_created: i128) -> Result<Self, SetupError> {
        let mut consumer = Self {
            api,
            settings,
            stream_created,
            pulls: None,
            must_look_up: false,
            ephemeral: None,
            last_sequence: None,
            next_consumer_sequence: 1,
        };
        match consumer.settings.durable.clone() {
            Some(name) => consumer.ensure_durable(&name).await?,
            None => consumer.create_ephemeral().await?,
        }
        Ok(consumer)
    }

    pub(super) fn durable_name(&self) -> Option<&str> {
        self.settings.durable.as_deref()
    }

    /// Returns the subscription; `None` while the ephemeral consumer must be re-created.
    pub(super) fn pulls(&mut self) -> Option<&mut PullSubscription> {
        self.pulls.as_mut()
    }

    /// Returns whether [`recover`](Self::recover) must be called.
    pub(super) fn is_lost(&self) -> bool {
        self.must_look_up || self.pulls.is_none()
    }

    /// Records that messages may be lost. A durable consumer redelivers them.
    pub(super) fn lose_messages(&mut self) {
        if self.settings.durable.is_none() {
            self.pulls = None;
        }
    }

    /// Records that heartbeats are missing: the consumer may be deleted, or have a new leader.
    pub(super) fn lose_heartbeats(&mut self) {
        self.must_look_up = true;
        self.lose_messages();
    }

    /// Records a message. Returns `false` if the ephemeral consumer lost messages before it: the re-created consumer
    /// delivers them, this message and all later ones.
    pub(super) fn accept(&mut self, ack: &AckSubject) -> bool {
        if self.settings.durable.is_some() {
            return true;
        }
        if ack.consumer_sequence != self.next_consumer_sequence {
            self.pulls = None;
            return false;
        }
        self.next_consumer_sequence += 1;
        self.last_sequence = Some(ack.stream_sequence);
        true
    }

    /// Returns whether the consumer's reader sends pull requests or acks to the subject.
    pub(super) fn is_own_subject(&self, subject: &str) -> bool {
        let is_pull = |pulls: &PullSubscription| pulls.pull_subject() == subject;
        let is_ack = |name: &String| {
            let tokens = format!(".{}.{name}.", self.settings.stream);
            subject.starts_with(ack_subject::PREFIX) && subject.contains(&tokens)
        };
        self.pulls.as_ref().is_some_and(is_pull) || self.settings.durable.as_ref().is_some_and(is_ack)
    }

    /// Re-creates the ephemeral consumer, or looks up the durable one.
    ///
    /// # Errors
    /// `NotFound`: the stream or the durable consumer was deleted, or the stream was re-created.
    pub(super) async fn recover(&mut self) -> Result<(), SetupError> {
        match &self.settings.durable {
            Some(name) => self.check_durable_exists(name).await?,
            None => {
                let stream = look_up(&self.api, &self.settings.stream).await?;
                if stream.created.unix_timestamp_nanos() != self.stream_created {
                    let message = "the stream was re-created: its sequences start again";
                    return Err(SetupError::new(SetupErrorKind::NotFound, message));
                }
                self.create_ephemeral().await?;
            }
        }
        self.must_look_up = false;
        Ok(())
    }

    /// Takes the subscription of a durable consumer.
    pub(super) fn take_durable(&mut self) -> Option<PullSubscription> {
        self.pulls.take_if(|_| self.settings.durable.is_some())
    }

    /// Requests the deletion of the ephemeral consumer. If that is lost, the server deletes it after its inactive
    /// threshold.
    pub(super) async fn delete_ephemeral(&mut self) {
        if let Some(name) = self.ephemeral.take() {
            let request = format!("CONSUMER.DELETE.{}.{name}", self.settings.stream);
            let client = self.api.connection().client();
            let _ = client.publish(self.api.subject(&request), Bytes::new()).await;
        }
    }

    /// Creates an ephemeral consumer that starts after the last message.
    async fn create_ephemeral(&mut self) -> Result<(), SetupError> {
        self.delete_ephemeral().await;
        // Inboxes are unique, so the name is too.
        let name = self.api.connection().client().new_inbox().replace(['.', '*', '>'], "-");
        // Set before the request, so that the consumer is deleted even if the response is lost.
        self.ephemeral = Some(name.clone());
        let start = match self.last_sequence {
            Some(last) => DeliverPolicy::ByStartSequence {
                start_sequence: last + 1,
            },
            None => self.settings.start,
        };
        let created = self.create(&name, &self.settings.ephemeral(&name, start)).await;
        let created = created.map_err(|error| match error.code() {
            Some(STREAM_NOT_FOUND) => lookup_error(&self.settings.stream, error),
            _ => error.into_setup_error("cannot create an ephemeral consumer"),
        })?;
        self.last_sequence.get_or_insert(created.delivered.stream_sequence);
        self.next_consumer_sequence = 1;
        self.subscribe(&name, Prefetch::new(MAX_BATCH, None)).await
    }

    /// Creates the durable consumer, or checks it if it exists.
    async fn ensure_durable(&mut self, name: &str) -> Result<(), SetupError> {
        let found: Result<Info, ApiError> = self
            .api
            .request_with_retry(&self.info_request(name), Bytes::new())
            .await;
        let config = match found {
            Ok(found) => found.config,
            Err(error) if error.code() == Some(CONSUMER_NOT_FOUND) => {
                let created = self.create(name, &self.settings.durable(name)).await;
                created
                    .map_err(|error| error.into_setup_error(&format!("cannot create consumer `{name}`")))?
                    .config
            }
            Err(error) if error.code() == Some(STREAM_NOT_FOUND) => {
                return Err(lookup_error(&self.settings.stream, error));
            }
            Err(error) => return Err(error.into_setup_error(&format!("cannot look up consumer `{name}`"))),
        };
        self.settings.check(name, &config)?;
        let max_ack_pending = usize::try_from(config.max_ack_pending)
            .ok()
            .filter(|pending| *pending > 0);
        let max_batch = max_ack_pending.unwrap_or(usize::MAX).min(MAX_BATCH);
        // A part of the ack wait: the processing rate varies, and acks take time.
        let prefetch = Prefetch::new(max_batch, Some(config.ack_wait / 4));
        self.subscribe(name, prefetch).await
    }

    /// Fails with `NotFound` if the durable consumer was deleted.
    async fn check_durable_exists(&self, name: &str) -> Result<(), SetupError> {
        let found: Result<Info, ApiError> = self.api.request(&self.info_request(name), Bytes::new()).await;
        match found {
            Ok(_) => Ok(()),
            Err(error) if matches!(error.code(), Some(STREAM_NOT_FOUND | CONSUMER_NOT_FOUND)) => {
                let message = format!("consumer `{name}` was deleted");
                Err(SetupError::new(SetupErrorKind::NotFound, message).with_source(error))
            }
            Err(error) => Err(error.into_setup_error(&format!("cannot look up consumer `{name}`"))),
        }
    }

    fn info_request(&self, name: &str) -> String {
        format!("CONSUMER.INFO.{}.{name}", self.settings.stream)
    }

    async fn create(&self, name: &str, config: &Config) -> Result<Info, ApiError> {
        let request = CreateRequest {
            stream_name: &self.settings.stream,
            config,
            action: "create",
        };
        let subject = format!("CONSUMER.CREATE.{}.{name}", self.settings.stream);
        self.api.request_with_retry(&subject, json(&request)?).await
    }

    async fn subscribe(&mut self, name: &str, prefetch: Prefetch) -> Result<(), SetupError> {
        let subject = self
            .api
            .subject(&format!("CONSUMER.MSG.NEXT.{}.{name}", self.settings.stream));
        let connection = self.api.connection().clone();
        self.pulls = Some(PullSubscription::subscribe(connection, subject, prefetch).await?);
        Ok(())
    }
}
