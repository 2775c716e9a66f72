//! The consumer of a source. An ephemeral consumer reads without acks: after a loss the source re-creates it, starting
//! after the last message.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use async_nats::jetstream::consumer::{Config, DeliverPolicy, Info};
use bytes::Bytes;
use driver_events_core::{SetupError, SetupErrorKind};
use serde::Serialize;
use tokio::time::Instant;

use super::ack_subject::{self, AckSubject};
use super::consumer_settings::ConsumerSettings;
use super::examination::{self, Ahead};
use super::examination_outcomes::ExaminationOutcomes;
use super::known_unreadable::{KnownUnreadable, Redelivery};
use super::prefetch::Prefetch;
use super::pull_subscription::PullSubscription;
use super::settle::{self, UnreadableAck};
use super::stored_message::StoredMessage;
use crate::jetstream::api::{Api, ApiError, json};
use crate::jetstream::stream::{STREAM_NOT_FOUND, covers, look_up, lookup_error};

/// JetStream's error code for an unknown consumer.
const CONSUMER_NOT_FOUND: u64 = 10_014;
/// Maximum batch of a pull request.
const MAX_BATCH: usize = 512;
/// Batch size behind unreadable messages without a readable one between them: more of them are found at a time.
const UNREADABLE_BATCH: usize = 16;
/// Number of sequences that are examined at a time behind a lost connection.
const MAX_EXAMINED: u64 = 20_000;

#[derive(Debug)]
pub(super) struct Consumer {
    api: Api,
    settings: ConsumerSettings,
    /// Creation time of the stream, by which a re-created stream is recognised.
    stream_created: i128,
    /// `None` while the ephemeral consumer must be re-created, or the durable one examined.
    pulls: Option<PullSubscription>,
    /// Whether the durable consumer must be looked up, because its heartbeats are missing.
    must_look_up: bool,
    /// Whether the connection was lost, perhaps at a message that the client cannot read.
    must_examine: bool,
    /// Unreadable messages, not yet delivered.
    unreadable: VecDeque<Unreadable>,
    outcomes: ExaminationOutcomes,
    /// Name of the ephemeral consumer.
    ephemeral: Option<String>,
    durable: DurableState,
    /// Stream sequence of the last message; before the first message, the sequence after which the consumer started.
    last_sequence: Option<u64>,
    /// Consumer sequence of the next message.
    next_consumer_sequence: Option<u64>,
}

/// A message that the client cannot read. The ack subject is `None` without acks.
#[derive(Debug)]
pub(super) struct Unreadable {
    pub(super) message: StoredMessage,
    pub(super) reason: String,
    pub(super) ack: Option<UnreadableAck>,
}

/// State of a durable consumer.
#[derive(Debug)]
struct DurableState {
    max_batch: usize,
    ack_wait: Duration,
    /// Filter subjects; empty for all messages.
    filter_subjects: Vec<String>,
    known: KnownUnreadable,
    /// Readable messages that were lost with a connection and not received since.
    lost: BTreeSet<u64>,
    /// Whether all messages of the consumer were delivered to this reader, as far as it has seen.
    is_alone: bool,
    /// First sequence that the last examination left out.
    rest: Option<u64>,
    /// Batch size of the first pull request behind unreadable messages.
    careful_batch: usize,
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
            must_examine: false,
            unreadable: VecDeque::new(),
            outcomes: ExaminationOutcomes::default(),
            ephemeral: None,
            durable: DurableState {
                max_batch: MAX_BATCH,
                ack_wait: Duration::ZERO,
                filter_subjects: Vec::new(),
                known: KnownUnreadable::default(),
                lost: BTreeSet::new(),
                is_alone: true,
                rest: None,
                careful_batch: 1,
            },
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

    /// Records that heartbeats are missing: the consumer may be deleted, or have a new leader.
    pub(super) fn lose_heartbeats(&mut self) {
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
            && self.outcomes.is_fatal(suspect.sequence)
        {
            ahead.unreadable.push(suspect);
        }
        for message in std::mem::take(&mut ahead.unreadable) {
            self.last_sequence = Some(message.sequence);
            self.push_unreadable(message, None);
        }
        Ok(ahead)
    }

    /// Returns whether the source can read on: not before the unreadable messages that were found are delivered, if there are
    /// more.
    async fn recover_durable(&mut self, name: &str) -> Result<bool, SetupError> {
        if self.must_examine
            && let Some(pulls) = self.pulls.take()
        {
            // Before the lookup, so that what is delivered from now on is not lost.
            pulls.end().await;
        }
        let info = self.durable_info(name).await?;
        let mut batch = None;
        if self.must_examine {
            let found_before = self.unreadable.len();
            let is_complete = self.examine_pending(name, &info).await?;
            self.next_consumer_sequence = None;
            if !is_complete {
                return Ok(false);
            }
            batch = (self.unreadable.len() > found_before).then_some(self.durable.careful_batch);
        }
        if self.pulls.is_none() {
            self.subscribe(name, self.durable_prefetch(batch), None).await?;
        }
        Ok(true)
    }

    /// Finds unreadable messages among those that the durable consumer has delivered and that are not acked. Returns `false`
    /// if there are more than can be held.
    async fn examine_pending(&mut self, name: &str, info: &Info) -> Result<bool, SetupError> {
        let (ack_floor, delivered) = (info.ack_floor.stream_sequence, info.delivered.stream_sequence);
        self.durable.known.forget(ack_floor);
        self.durable.lost = self.durable.lost.split_off(&(ack_floor + 1));
        if info.num_ack_pending == 0 {
            self.durable.rest = None;
            return Ok(true);
        }
        // Messages before the last one were received, unless they are redelivered.
        let first = match (self.last_sequence, self.durable.rest) {
            (_, Some(rest)) => rest,
            (Some(last), None) if info.num_redelivered == 0 => last + 1,
            _ => 0,
        };
        let first = first.max(ack_floor + 1);
        let last = delivered.min(first.saturating_add(MAX_EXAMINED));
        let filters = &self.durable.filter_subjects;
        let is_selected = |message: &StoredMessage| {
            filters.is_empty() || filters.iter().any(|filter| covers(filter, &message.subject))
        };
        let found = match examination::range(&self.api, &self.settings.stream, first..=last, is_selected).await {
            Ok(found) => found,
            Err(error) => {
                let is_redelivering = info.num_redelivered > 0;
                self.outcomes
                    .record_failure(&self.api, &self.settings.stream, is_redelivering, error)?;
                return Ok(true);
            }
        };
        self.outcomes.record_success();
        let rest = found.rest.filter(|rest| *rest <= last);
        let examined = rest.map_or(last, |rest| rest - 1);
        let received = self.last_sequence.unwrap_or(examined);
        let has_only_unreadable = found.readable.is_empty() && !found.unreadable.is_empty();
        let stream = self.settings.stream.clone();
        let ack_of = |sequence: u64| AckSubject::of_pending(&stream, name, sequence, info.delivered.consumer_sequence);
        let (now, mut settled) = (Instant::now(), Vec::new());
        for message in found.unreadable {
            let sequence = message.sequence;
            match self.durable.known.redelivery(sequence, now) {
                Redelivery::Wait => {}
                Redelivery::Settle(ack) => settled.push((sequence, ack)),
                Redelivery::Deliver => {
                    self.durable.known.is_due_after(sequence, self.durable.ack_wait);
                    let ack = UnreadableAck {
                        subject: ack_of(sequence),
                        sequence,
                        known: self.durable.known.clone(),
                    };
                    self.push_unreadable(message, Some(ack));
                }
            }
        }
        self.last_sequence = Some(received.max(examined));
        self.durable.rest = rest.or_else(|| (last < delivered).then_some(last + 1));
        self.durable.careful_batch = if has_only_unreadable { UNREADABLE_BATCH } else { 1 };
        // From here on a dropped call loses nothing: the server redelivers after the ack wait.
        for (sequence, ack) in settled {
            settle::settle_again(self.api.connection(), ack_of(sequence), ack).await;
        }
        if self.durable.is_alone {
            // Lost with the connection: the server redelivers them at once, before later messages.
            // Those that were lost before may be lost again.
            let is_lost = |sequence: &u64| *sequence > received || self.durable.lost.contains(sequence);
            let lost: Vec<_> = found.readable.into_iter().filter(is_lost).collect();
            self.durable.lost.extend(&lost);
            let lost = lost.into_iter();
            settle::nack_now(self.api.connection(), lost.map(ack_of).collect()).await;
        }
        Ok(rest.is_none())
    }

    fn push_unreadable(&mut self, message: StoredMessage, ack: Option<UnreadableAck>) {
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
        let created = self.create(&name, &self.settings.ephemeral(&name, start)).await;
        let created = created.map_err(|error| match error.code() {
            Some(STREAM_NOT_FOUND) => lookup_error(&self.settings.stream, error),
            _ => error.into_setup_error("cannot create an ephemeral consumer"),
        })?;
        self.last_sequence.get_or_insert(created.delivered.stream_sequence);
        self.next_consumer_sequence = Some(1);
        self.subscribe(&name, Prefetch::new(MAX_BATCH, None), allowance).await
    }

    /// Creates the durable consumer, or checks it if it exists.
    async fn ensure_durable(&mut self, name: &str) -> Result<(), SetupError> {
        let found: Result<Info, ApiError> = self
            .api
            .request_with_retry(&self.info_request(name), Bytes::new())
            .await;
        let info = match found {
            Ok(found) => found,
            Err(error) if error.code() == Some(CONSUMER_NOT_FOUND) => {
                let created = self.create(name, &self.settings.durable(name)).await;
                created.map_err(|error| error.into_setup_error(&format!("cannot create consumer `{name}`")))?
            }
            Err(error) if error.code() == Some(STREAM_NOT_FOUND) => {
                return Err(lookup_error(&self.settings.stream, error));
            }
            Err(error) => return Err(error.into_setup_error(&format!("cannot look up consumer `{name}`"))),
        };
        // Messages that were delivered before are not lost with a connection of this reader.
        self.last_sequence = Some(info.delivered.stream_sequence);
        let config = info.config;
        self.settings.check(name, &config)?;
        let max_ack_pending = usize::try_from(config.max_ack_pending)
            .ok()
            .filter(|pending| *pending > 0);
        self.durable.max_batch = max_ack_pending.unwrap_or(usize::MAX).min(MAX_BATCH);
        self.durable.ack_wait = config.ack_wait;
        self.durable.filter_subjects = match config.filter_subject.is_empty() {
            true => config.filter_subjects,
            false => vec![config.filter_subject],
        };
        self.subscribe(name, self.durable_prefetch(None), None).await
    }

    fn durable_prefetch(&self, batch: Option<usize>) -> Prefetch {
        // A part of the ack wait: the processing rate varies, and acks take time.
        Prefetch::starting_with(batch, self.durable.max_batch, Some(self.durable.ack_wait / 4))
    }

    /// Looks the durable consumer up. Fails with `NotFound` if it was deleted.
    async fn durable_info(&self, name: &str) -> Result<Info, SetupError> {
        let found: Result<Info, ApiError> = self.api.request(&self.info_request(name), Bytes::new()).await;
        match found {
            Ok(info) => Ok(info),
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

    fn pull_subject(&self, name: &str) -> String {
        let request = format!("CONSUMER.MSG.NEXT.{}.{name}", self.settings.stream);
        self.api.subject(&request)
    }

    async fn subscribe(&mut self, name: &str, prefetch: Prefetch, allowance: Option<usize>) -> Result<(), SetupError> {
        let subject = self.pull_subject(name);
        let connection = self.api.connection().clone();
        self.pulls = Some(PullSubscription::subscribe(connection, subject, prefetch, allowance).await?);
        Ok(())
    }
}
