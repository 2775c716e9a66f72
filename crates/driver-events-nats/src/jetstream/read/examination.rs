//! Finds the messages of a stream that the client cannot read. The connection ends at each of them, so a reader steps over
//! them, and reads on before the next one.

use std::ops::RangeInclusive;

use futures_util::{StreamExt, TryStreamExt, stream};

use super::stored_message::StoredMessage;
use crate::jetstream::api::{Api, ApiError};

/// Number of unreadable messages that are found at a time. Bounds the memory for them.
const MAX_UNREADABLE: usize = 16;
/// Number of readable messages that are examined behind an unreadable one: where one is, others may follow.
const LOOKAHEAD: usize = 32;
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

/// Examines the messages behind a sequence on these subjects.
pub(super) async fn ahead(api: &Api, stream: &str, sequence: u64, subjects: &[String]) -> Result<Ahead, ApiError> {
    let mut ahead = Ahead::default();
    let mut next = sequence + 1;
    let mut readable = 0;
    while readable < LOOKAHEAD {
        let Some(message) = StoredMessage::first_from(api, stream, next, subjects).await? else {
            break;
        };
        next = message.sequence + 1;
        let is_readable = message.unreadable_reason().is_none();
        if is_readable && ahead.unreadable.is_empty() {
            ahead.first_readable = Some(message);
            break;
        }
        if is_readable {
            readable += 1;
        } else if readable > 0 {
            ahead.allowance = Some(readable);
            break;
        } else {
            ahead.unreadable.push(message);
            if ahead.unreadable.len() == MAX_UNREADABLE {
                ahead.is_partial = true;
                break;
            }
        }
    }
    Ok(ahead)
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
