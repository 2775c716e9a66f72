//! Finds the messages of a stream that the client cannot read. The connection ends at each of them, so a reader steps over
//! them, and reads on before the next one.

use std::ops::RangeInclusive;

use futures_util::{StreamExt, TryStreamExt, stream};

use super::stored_message::StoredMessage;
use crate::jetstream::api::{Api, ApiError};
use crate::jetstream::stream::covers;

/// Number of unreadable messages that are found at a time. Bounds the memory for them.
const MAX_UNREADABLE: usize = 16;
/// Number of sequences that are examined behind an unreadable message: as many as a pull request. After a reconnect the
/// server goes on with the old request, so the connection may have ended at the next unreadable message, too.
const LOOKAHEAD: u64 = 512;
/// Number of messages that are fetched at the same time.
const CONCURRENCY: usize = 32;

/// Messages behind a position of a stream.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    /// Unreadable messages, one behind the other.
    pub(super) unreadable: Vec<StoredMessage>,
    /// The first message, if it is readable.
    pub(super) first_readable: Option<StoredMessage>,
    /// Number of readable messages before the next unreadable one, if that is near.
    pub(super) allowance: Option<usize>,
    /// Whether more unreadable messages may follow directly.
    pub(super) is_partial: bool,
}

/// Examines the messages behind a sequence on these subjects, up to the last sequence of the stream.
pub(super) async fn ahead(
    api: &Api,
    stream: &str,
    sequence: u64,
    last: u64,
    subjects: &[String],
) -> Result<Ahead, ApiError> {
    let mut ahead = Ahead::default();
    let mut next = sequence + 1;
    while let Some(message) = StoredMessage::first_from(api, stream, next, subjects).await? {
        if message.unreadable_reason().is_none() {
            if ahead.unreadable.is_empty() {
                ahead.first_readable = Some(message);
            } else {
                let sequences = message.sequence..=last.min(message.sequence + LOOKAHEAD);
                ahead.allowance = readable_before_unreadable(api, stream, sequences, subjects).await?;
            }
            break;
        }
        next = message.sequence + 1;
        ahead.unreadable.push(message);
        if ahead.unreadable.len() == MAX_UNREADABLE {
            ahead.is_partial = true;
            break;
        }
    }
    Ok(ahead)
}

/// Returns the number of readable messages before the first unreadable one; `None` if none of these sequences is
/// unreadable.
async fn readable_before_unreadable(
    api: &Api,
    stream: &str,
    sequences: RangeInclusive<u64>,
    subjects: &[String],
) -> Result<Option<usize>, ApiError> {
    let fetch = |sequence| async move { StoredMessage::at(api, stream, sequence).await };
    let mut messages = std::pin::pin!(stream::iter(sequences).map(fetch).buffered(CONCURRENCY));
    let mut readable = 0;
    while let Some(message) = messages.try_next().await? {
        let is_selected = |message: &StoredMessage| subjects.iter().any(|subject| covers(subject, &message.subject));
        match message.filter(is_selected) {
            Some(message) if message.unreadable_reason().is_some() => return Ok(Some(readable)),
            Some(_) => readable += 1,
            None => {}
        }
    }
    Ok(None)
}

/// Messages of a range of sequences.
#[derive(Debug, Default)]
pub(super) struct Range {
    pub(super) unreadable: Vec<StoredMessage>,
    /// Sequences of readable messages.
    pub(super) readable: Vec<u64>,
    /// First sequence that was not examined, if the range contains more unreadable messages than can be held.
    pub(super) rest: Option<u64>,
}

/// Examines the selected messages with these sequences.
pub(super) async fn range(
    api: &Api,
    stream: &str,
    sequences: RangeInclusive<u64>,
    is_selected: impl Fn(&StoredMessage) -> bool,
) -> Result<Range, ApiError> {
    let mut range = Range::default();
    let fetch = |sequence| async move { StoredMessage::at(api, stream, sequence).await };
    let mut messages = std::pin::pin!(stream::iter(sequences).map(fetch).buffered(CONCURRENCY));
    while let Some(message) = messages.try_next().await? {
        let Some(message) = message.filter(|message| is_selected(message)) else {
            continue;
        };
        if message.unreadable_reason().is_none() {
            range.readable.push(message.sequence);
            continue;
        }
        let next = message.sequence + 1;
        range.unreadable.push(message);
        if range.unreadable.len() == MAX_UNREADABLE {
            range.rest = Some(next);
            break;
        }
    }
    Ok(range)
}
