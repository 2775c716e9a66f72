//! The durable consumer of a source: created or checked at the start, looked up after a loss. The server redelivers messages
//! that were lost, unless the client cannot read them: those are found and delivered.

use async_nats::jetstream::consumer::Info;
use bytes::Bytes;
use driver_events_core::{SetupError, SetupErrorKind};
use tokio::time::Instant;

use super::ack_subject::AckSubject;
use super::consumer::Consumer;
use super::examination;
use super::known_unreadable::Redelivery;
use super::pull_limits::PullLimits;
use super::settle::{self, UnreadableAck};
use super::stored_message::StoredMessage;
use crate::jetstream::api::ApiError;
use crate::jetstream::stream::{STREAM_NOT_FOUND, covers, lookup_error};

/// JetStream's error code for an unknown consumer.
const CONSUMER_NOT_FOUND: u64 = 10_014;
/// Batch size behind unreadable messages without a readable one between them: more of them are found at a time.
const UNREADABLE_BATCH: usize = 16;
/// Number of sequences that are examined at a time behind a lost connection.
const MAX_EXAMINED: u64 = 20_000;

impl Consumer {
    /// Creates the durable consumer, or checks it if it exists.
    pub(super) async fn ensure_durable(&mut self, name: &str) -> Result<(), SetupError> {
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
        // Messages that wait for an ack may be in the hands of another reader.
        self.durable.is_alone = info.num_waiting == 0 && info.num_ack_pending == 0;
        let config = info.config;
        self.settings.check(name, &config)?;
        self.durable.limits = PullLimits::of(&config);
        self.durable.ack_wait = config.ack_wait;
        self.durable.filter_subjects = match config.filter_subject.is_empty() {
            true => config.filter_subjects,
            false => vec![config.filter_subject],
        };
        self.subscribe_durable(name, None).await
    }

    /// Returns whether the source can read on: not before the unreadable messages that were found are delivered, if there are
    /// more.
    pub(super) async fn recover_durable(&mut self, name: &str) -> Result<bool, SetupError> {
        if self.must_examine
            && let Some(pulls) = self.pulls.take()
        {
            // Before the lookup, so that what is delivered from now on is not lost.
            pulls.end().await;
        }
        let info = self.durable_info(name).await?;
        self.settings.check(name, &info.config)?;
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
        self.durable.limits = PullLimits::of(&info.config);
        match &mut self.pulls {
            Some(pulls) => pulls.set_limits(self.durable.limits),
            None => self.subscribe_durable(name, batch).await?,
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
            // Messages that were lost before may be lost again.
            let is_lost = |sequence: &u64| *sequence > received || self.durable.lost.contains(sequence);
            let lost: Vec<_> = found.readable.into_iter().filter(is_lost).collect();
            self.durable.lost.extend(&lost);
            let lost = lost.into_iter();
            settle::nack_now(self.api.connection(), lost.map(ack_of).collect()).await;
        }
        Ok(rest.is_none())
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

    async fn subscribe_durable(&mut self, name: &str, batch: Option<usize>) -> Result<(), SetupError> {
        let prefetch = self.durable.prefetch(batch);
        self.subscribe(name, prefetch, self.durable.limits, None).await
    }

    fn info_request(&self, name: &str) -> String {
        format!("CONSUMER.INFO.{}.{name}", self.settings.stream)
    }

    /// Looks for the cause of a wait while the server is alive and has no messages: a durable consumer may be paused.
    /// Returns each cause once.
    pub(super) async fn explain_silence(&mut self) -> Option<String> {
        let name = self.settings.durable.as_deref()?;
        let request = self.info_request(name);
        self.durable.pause.look_up(&self.api, name, &request).await
    }
}
