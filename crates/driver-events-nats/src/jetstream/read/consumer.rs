//! The consumer of a source. An ephemeral consumer reads without acks: after a loss the source re-creates it, starting
//! after the last message.

use std::collections::VecDeque;
use std::time::Duration;

use async_nats::jetstream::consumer::{Config, DeliverPolicy, Info};
use bytes::Bytes;
use driver_events_core::{SetupError, SetupErrorKind};
use serde::Serialize;

use super::ack_subject::{self, AckSubject};
use super::consumer_settings::ConsumerSettings;
use super::durable_state::DurableState;
use super::examination::{self, Ahead};
use super::examination_outcomes::ExaminationOutcomes;
use super::prefetch::Prefetch;
use super::pull_limits::PullLimits;
use super::pull_subscription::PullSubscription;
use super::settle::UnreadableAck;
use super::stored_message::StoredMessage;
use crate::jetstream::api::{Api, ApiError, json};
use crate::jetstream::stream::{STREAM_NOT_FOUND, look_up, lookup_error};

/// JetStream's error code for an inactive threshold above the limit of the stream.
const INACTIVE_THRESHOLD_EXCESS: u64 = 10_153;

#[derive(Debug)]
pub(super) struct Consumer {
    pub(super) api: Api,
    pub(super) settings: ConsumerSettings,
    /// Creation time of the stream, by which a re-created stream is recognised.
    stream_created: i128,
    /// `None` while the ephemeral consumer must be re-created, or the durable one examined.
    pub(super) pulls: Option<PullSubscription>,
    /// Number of subscriptions so far.
    subscriptions: u64,
    /// Whether the durable consumer must be looked up.
    must_look_up: bool,
    /// Whether the connection was lost, perhaps at a message that the client cannot read.
    pub(super) must_examine: bool,
    /// Unreadable messages, not yet delivered.
    pub(super) unreadable: VecDeque<Unreadable>,
    pub(super) outcomes: ExaminationOutcomes,
    /// Name of the ephemeral consumer.
    ephemeral: Option<String>,
    pub(super) durable: DurableState,
    /// Stream sequence of the last message; before the first message, the sequence after which the consumer started.
    pub(super) last_sequence: Option<u64>,
    /// Consumer sequence of the next message.
    pub(super) next_consumer_sequence: Option<u64>,
}

/// A message that the client cannot read. The ack subject is `None` without acks.
#[derive(Debug)]
pub(super) struct Unreadable {
    pub(super) message: StoredMessage,
    pub(super) reason: String,
    pub(super) ack: Option<UnreadableAck>,
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
            subscriptions: 0,
            must_look_up: false,
            must_examine: false,
            unreadable: VecDeque::new(),
            outcomes: ExaminationOutcomes::default(),
            ephemeral: None,
            durable: DurableState::unknown(),
            last_sequence: None,
            next_consumer_sequence: None,
        };
        match consumer.settings.durable.clone() {
            Some(name) => consumer.ensure_durable(&name).await?,
            None => consumer.create_ephemeral(None).await?,
        }
        Ok(consumer)
    }

    pub(super) fn durable_name(&self) -> Option<&str> {
        self.settings.durable.as_deref()
    }

    /// Returns the subscription; `None` while [`recover`](Self::recover) must be called.
    pub(super) fn pulls(&mut self) -> Option<&mut PullSubscription> {
        self.pulls.as_mut()
    }

    /// Returns the next message that the client cannot read.
    pub(super) fn next_unreadable(&mut self) -> Option<Unreadable> {
        self.unreadable.pop_front()
    }

    /// Returns whether [`recover`](Self::recover) must be called.
    pub(super) fn is_lost(&self) -> bool {
        self.must_look_up || self.must_examine || self.pulls.is_none()
    }

    /// Records that messages may be lost. A durable consumer redelivers them.
    pub(super) fn lose_messages(&mut self) {
        if self.settings.durable.is_none() {
            self.pulls = None;
        }
    }

    /// Records that the connection was lost: messages may be lost, and one of them may be the cause.
    pub(super) fn lose_connection(&mut self) {
        self.must_examine = true;
    }

    /// Records that the server no longer serves the consumer as before: it may be deleted, or have a new leader or lower
    /// limits.
    pub(super) fn doubt(&mut self) {
        self.must_look_up = true;
        self.lose_messages();
    }

    /// Records a message. Returns `false` if messages before it were lost: the re-created consumer delivers them, this message
    /// and all later ones, and a durable consumer of one reader redelivers them.
    pub(super) fn accept(&mut self, ack: &AckSubject) -> bool {
        let is_next = self
            .next_consumer_sequence
            .is_none_or(|next| next == ack.consumer_sequence);
        if !is_next && self.settings.durable.is_none() {
            self.pulls = None;
            self.must_examine = true;
            return false;
        }
        // Other readers explain a gap, too, unless there were none so far and the connection was just lost.
        let has_reconnected = self.pulls.as_ref().is_some_and(PullSubscription::has_reconnected);
        if !is_next && self.durable.is_alone && has_reconnected {
            self.lose_connection();
            return false;
        }
        self.durable.is_alone &= is_next;
        self.durable.lost.remove(&ack.stream_sequence);
        self.next_consumer_sequence = Some(ack.consumer_sequence + 1);
        self.last_sequence = self.last_sequence.max(Some(ack.stream_sequence));
        self.outcomes.record_message();
        self.durable.pause.record_message(&self.api);
        true
    }

    /// Returns whether the consumer's reader sends pull requests or acks to the subject.
    pub(super) fn is_own_subject(&self, subject: &str) -> bool {
        // Also while there is no subscription: the count of denied requests would drop meanwhile.
        let is_pull = |name: &String| self.pull_subject(name) == subject;
        let is_ack = |name: &String| {
            let tokens = format!(".{}.{name}.", self.settings.stream);
            subject.starts_with(ack_subject::PREFIX) && subject.contains(&tokens)
        };
        let durable = self.settings.durable.as_ref();
        durable.or(self.ephemeral.as_ref()).is_some_and(is_pull) || durable.is_some_and(is_ack)
    }

    /// Re-creates the ephemeral consumer, or looks up the durable one.
    ///
    /// # Errors
    /// `NotFound`: the stream or the durable consumer was deleted, or the stream was re-created.
    /// `Unauthorized`: the connection is lost again and again, perhaps at a message that the client cannot read, and there
    /// is no permission to look messages up.
    pub(super) async fn recover(&mut self) -> Result<(), SetupError> {
        match self.settings.durable.clone() {
            Some(name) => {
                if !self.recover_durable(&name).await? {
                    return Ok(());
                }
            }
            None => {
                let stream = look_up(&self.api, &self.settings.stream).await?;
                if stream.created.unix_timestamp_nanos() != self.stream_created {
                    let message = "the stream was re-created: its sequences start again";
                    return Err(SetupError::new(SetupErrorKind::NotFound, message));
                }
                let mut allowance = None;
                if self.must_examine {
                    let ahead = self.examine_ahead(stream.state.last_sequence).await?;
                    if ahead.is_partial {
                        return Ok(());
                    }
                    allowance = ahead.allowance;
                }
                self.create_ephemeral(allowance).await?;
            }
        }
        self.must_look_up = false;
        self.must_examine = false;
        Ok(())
    }

    /// Steps over unreadable messages behind the last one.
    async fn examine_ahead(&mut self, stream_end: u64) -> Result<Ahead, SetupError> {
        let last = self.last_sequence.unwrap_or_default();
        let subjects = &self.settings.filter_subjects;
        let mut ahead = match examination::ahead(&self.api, &self.settings.stream, last, stream_end, subjects).await {
            Ok(ahead) => ahead,
            Err(error) => {
                self.outcomes
                    .record_failure(&self.api, &self.settings.stream, false, error)?;
                return Ok(Ahead::default());
            }
        };
        self.outcomes.record_success();
        if let Some(suspect) = ahead.first_readable.take()
            && self.outcomes.is_fatal(suspect.sequence, self.subscriptions)
        {
            ahead.unreadable.push(suspect);
        }
        for message in std::mem::take(&mut ahead.unreadable) {
            self.last_sequence = Some(message.sequence);
            self.push_unreadable(message, None);
        }
        Ok(ahead)
    }

    pub(super) fn push_unreadable(&mut self, message: StoredMessage, ack: Option<UnreadableAck>) {
        let (stream, sequence) = (&self.settings.stream, message.sequence);
        let reason = message
            .unreadable_reason()
            .unwrap_or("the connection ends at it each time");
        let reason = format!("the NATS client cannot read the message: {reason}");
        let monitor = self.api.connection().monitor();
        monitor.observe_failure(&format!("message {sequence} of stream `{stream}`: {reason}"));
        self.unreadable.push_back(Unreadable { message, reason, ack });
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
            let client = self.api.connection().current_client();
            let _ = client.publish(self.api.subject(&request), Bytes::new()).await;
        }
    }

    /// Creates an ephemeral consumer that starts after the last message.
    async fn create_ephemeral(&mut self, allowance: Option<usize>) -> Result<(), SetupError> {
        self.delete_ephemeral().await;
        // Inboxes are unique, so the name is too.
        let name = self
            .api
            .connection()
            .current_client()
            .new_inbox()
            .replace(['.', '*', '>'], "-");
        // Set before the request, so that the consumer is deleted even if the response is lost.
        self.ephemeral = Some(name.clone());
        let start = match self.last_sequence {
            Some(last) => DeliverPolicy::ByStartSequence {
                start_sequence: last + 1,
            },
            None => self.settings.start,
        };
        let mut config = self.settings.ephemeral(&name, start);
        let mut created = self.create(&name, &config).await;
        if matches!(&created, Err(error) if error.code() == Some(INACTIVE_THRESHOLD_EXCESS)) {
            // The server sets the limit of the stream.
            config.inactive_threshold = Duration::ZERO;
            created = self.create(&name, &config).await;
        }
        let created = created.map_err(|error| match error.code() {
            Some(STREAM_NOT_FOUND) => lookup_error(&self.settings.stream, error),
            _ => error.into_setup_error("cannot create an ephemeral consumer"),
        })?;
        self.last_sequence.get_or_insert(created.delivered.stream_sequence);
        self.next_consumer_sequence = Some(1);
        let limits = PullLimits::of(&created.config);
        let prefetch = Prefetch::new(limits.max_batch, None);
        self.subscribe(&name, prefetch, limits, allowance).await
    }

    pub(super) async fn create(&self, name: &str, config: &Config) -> Result<Info, ApiError> {
        let request = CreateRequest {
            stream_name: &self.settings.stream,
            config,
            action: "create",
        };
        let subject = format!("CONSUMER.CREATE.{}.{name}", self.settings.stream);
        self.api.request_with_retry(&subject, json(&request)?).await
    }

    pub(super) fn pull_subject(&self, name: &str) -> String {
        let request = format!("CONSUMER.MSG.NEXT.{}.{name}", self.settings.stream);
        self.api.subject(&request)
    }

    pub(super) async fn subscribe(
        &mut self,
        name: &str,
        prefetch: Prefetch,
        limits: PullLimits,
        allowance: Option<usize>,
    ) -> Result<(), SetupError> {
        let subject = self.pull_subject(name);
        let connection = self.api.connection().clone();
        self.subscriptions += 1;
        let pulls = PullSubscription::subscribe(connection, subject, prefetch, limits, allowance);
        self.pulls = Some(pulls.await?);
        Ok(())
    }
}
