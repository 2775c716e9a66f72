use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use driver_events_types::{DecodeErrorKind, Limits};
use tokio::io::AsyncBufRead;

use crate::cloudevents::{StructuredError, looks_structured, read_structured};
use crate::{Delivery, DriverEventSource, Envelope, Malformed, Position, SourceError, SourceErrorKind};

/// What a CloudEvent may take beside the event in it, in bytes.
const MAX_ATTRIBUTE_BYTES: usize = 64 * 1024;

/// How most CloudEvents begin: they need not be tried as bare events first.
const STRUCTURED_PREFIX: &[u8] = br#"{"specversion":"#;

/// Reads events from lines of JSON ([NDJSON](https://github.com/ndjson/ndjson-spec)): bare events, and CloudEvents in
/// structured mode, mixed as they come.
///
/// Lines end with `\n` or `\r\n`; the last may end with the text. Blank lines are passed over. The bytes of a line are
/// passed on as they are. A line that is no event is delivered as [`Malformed`], and the source goes on with the next.
///
/// A line that is longer than the limits allow, 64 KiB for attributes included, is malformed too and comes in parts
/// ([`Malformed::is_continuation`]), so that memory stays bounded whatever is read.
///
/// ```
/// use driver_events_core::{DriverEventSource, NdjsonSource};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let text = br#"{"kind":"escalate","goal_id":"6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01","reason":"x"}
/// not an event
/// "#;
/// let mut source = NdjsonSource::new("-", &text[..]);
/// let first = source.next().await.unwrap()?;
/// assert_eq!(first.envelope().unwrap().kind(), "escalate");
/// let second = source.next().await.unwrap()?;
/// assert_eq!(second.position().to_string(), "-:2");
/// assert!(second.envelope().is_err());
/// assert!(source.next().await.is_none());
/// # Ok(())
/// # }
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(example()).unwrap();
/// ```
pub struct NdjsonSource<R> {
    reader: R,
    name: Arc<str>,
    limits: Limits,
    line: Vec<u8>,
    line_number: u64,
    line_offset: u64,
    is_continuation: bool,
    is_at_end: bool,
}

impl<R: AsyncBufRead + Unpin + Send> NdjsonSource<R> {
    /// Reads from `reader`; `name` is what positions call it: the name of a file, or `-`.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>, reader: R) -> Self {
        Self {
            reader,
            name: name.into(),
            limits: Limits::default(),
            line: Vec::new(),
            line_number: 1,
            line_offset: 0,
            is_continuation: false,
            is_at_end: false,
        }
    }

    /// Sets what an event may measure.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The most bytes of a line that are held.
    fn max_line_bytes(&self) -> usize {
        self.limits.max_bytes().saturating_add(MAX_ATTRIBUTE_BYTES)
    }

    /// Reads on until the line is whole, or as long as a line may be. What was read stays in `self.line` when the
    /// future is dropped.
    async fn fill_line(&mut self) -> std::io::Result<End> {
        loop {
            let room = self.max_line_bytes().saturating_sub(self.line.len());
            let reader = &mut self.reader;
            let line = &mut self.line;
            let (used, end) = poll_fn(|context| {
                Pin::new(&mut *reader).poll_fill_buf(context).map_ok(|available| {
                    let newline = available.iter().position(|byte| *byte == b'\n');
                    let whole = newline.map_or(available.len(), |newline| newline + 1);
                    let used = whole.min(room);
                    line.extend_from_slice(available.get(..used).unwrap_or(available));
                    let end = if available.is_empty() {
                        Some(End::Text)
                    } else if used < whole {
                        Some(End::Room)
                    } else {
                        newline.map(|_| End::Line)
                    };
                    (used, end)
                })
            })
            .await?;
            Pin::new(&mut self.reader).consume(used);
            if let Some(end) = end {
                return Ok(end);
            }
        }
    }

    fn position(&self) -> Position {
        Position::Line {
            name: Arc::clone(&self.name),
            line: self.line_number,
            offset: self.line_offset,
        }
    }

    /// Takes the bytes that were read, and moves on behind them.
    fn take(&mut self, end: End) -> Bytes {
        let bytes = Bytes::copy_from_slice(&self.line);
        self.line.clear();
        self.line_offset += bytes.len() as u64;
        self.is_continuation = end == End::Room;
        match end {
            End::Line => self.line_number += 1,
            End::Text => self.is_at_end = true,
            End::Room => {}
        }
        bytes
    }
}

#[async_trait]
impl<R: AsyncBufRead + Unpin + Send> DriverEventSource for NdjsonSource<R> {
    async fn next(&mut self) -> Option<Result<Delivery, SourceError>> {
        // A terminal or a growing file has more to read after its end.
        while !self.is_at_end {
            let end = match self.fill_line().await {
                Ok(end) => end,
                Err(error) => {
                    let message = format!("cannot read {}", self.position());
                    return Some(Err(
                        SourceError::new(SourceErrorKind::Disconnected, message).with_source(error)
                    ));
                }
            };
            let position = self.position();
            let is_continuation = self.is_continuation;
            let raw = self.take(end);
            if raw.is_empty() {
                break;
            }
            if is_continuation || end == End::Room {
                let reason = format!("the line is longer than the limit of {} bytes", self.max_line_bytes());
                let malformed = Malformed::new(raw, reason, 0);
                let malformed = if is_continuation {
                    malformed.into_continuation()
                } else {
                    malformed
                };
                return Some(Ok(Delivery::new(Err(malformed), position)));
            }
            if !raw.iter().all(u8::is_ascii_whitespace) {
                let content = read_line(raw.clone(), self.limits);
                return Some(Ok(Delivery::new(content, position).with_raw(raw)));
            }
        }
        None
    }
}

impl<R> fmt::Debug for NdjsonSource<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NdjsonSource({:?})", self.name)
    }
}

/// What ended the reading of a line: its own end, the end of the text, or the end of the room for it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Line,
    Text,
    Room,
}

fn read_line(raw: Bytes, limits: Limits) -> Result<Envelope, Malformed> {
    let text = raw.slice(..raw.len() - ending_length(&raw));
    if text.starts_with(STRUCTURED_PREFIX) {
        match read_structured(&text, limits) {
            Ok(envelope) => return Ok(envelope),
            Err(error) if looks_structured(&text) => return Err(malformed_cloudevent(raw, &error)),
            // A bare event may have a field of that name, which is ignored.
            Err(_) => {}
        }
    }
    let error = match Envelope::from_json_with(text.clone(), limits) {
        Ok(envelope) => return Ok(envelope),
        Err(error) => error,
    };
    // A CloudEvent has no `kind`, and is larger than the event in it.
    let may_be_structured = matches!(
        error.kind(),
        DecodeErrorKind::MissingKind | DecodeErrorKind::TooLarge | DecodeErrorKind::TooDeep
    );
    if may_be_structured && looks_structured(&text) {
        return read_structured(&text, limits).map_err(|error| malformed_cloudevent(raw, &error));
    }
    Err(Malformed::undecodable(raw, &error))
}

fn malformed_cloudevent(raw: Bytes, error: &StructuredError) -> Malformed {
    Malformed::new(raw, error.to_string(), error.offset())
}

fn ending_length(line: &[u8]) -> usize {
    match line {
        [.., b'\r', b'\n'] => 2,
        [.., b'\n'] => 1,
        _ => 0,
    }
}
