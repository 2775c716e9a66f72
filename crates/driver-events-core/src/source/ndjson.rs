use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use driver_events_types::Limits;
use tokio::io::AsyncBufRead;

use super::DriverEventSource;
use super::delivery::Delivery;
use super::malformed::Malformed;
use super::payload::decode_payload;
use super::position::Position;
use super::source_error::{SourceError, SourceErrorKind};
use crate::envelope::Envelope;
use crate::envelope::event_filter::EventFilter;

/// Bytes allowed for the attributes of a CloudEvent, in addition to the event.
const MAX_ATTRIBUTE_BYTES: usize = 64 * 1024;

/// Byte order mark of UTF-8.
const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";
/// Byte order marks of UTF-16, little and big endian.
const UTF16_MARKS: [&[u8]; 2] = [b"\xff\xfe", b"\xfe\xff"];

/// Reads events from lines of JSON ([NDJSON](https://github.com/ndjson/ndjson-spec)). Each line is a bare event or a
/// CloudEvent in structured mode; both may be mixed.
///
/// A read error is [`Disconnected`](SourceErrorKind::Disconnected): the next call resumes. If that fails, too, without a
/// line in between, it is [`Fatal`](SourceErrorKind::Fatal).
///
/// Lines end with `\n` or `\r\n`; the last line needs no ending. Blank lines are skipped, and so are a UTF-8 byte order mark
/// and NUL bytes before a line, which are the hole in a file that was truncated under its writer. Positions count the
/// skipped bytes. The bytes of an event are kept unchanged. An invalid line is delivered as [`Malformed`], and reading
/// continues with the next line.
///
/// To bound memory, a line longer than 4/3 of the limit (the size of base64 data) plus 64 KiB for attributes is delivered
/// as [`Malformed`] in parts: see [`Malformed::is_continuation`].
///
/// # Examples
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
    filter: EventFilter,
    line: Vec<u8>,
    line_number: u64,
    line_offset: u64,
    is_continuation: bool,
    is_at_end: bool,
    /// Whether the last read failed.
    has_failed: bool,
}

impl<R: AsyncBufRead + Unpin + Send> NdjsonSource<R> {
    /// Creates a source that reads from `reader`. `name` appears in positions: the name of a file, or `-` for standard
    /// input.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>, reader: R) -> Self {
        Self {
            reader,
            name: name.into(),
            limits: Limits::default(),
            filter: EventFilter::everything(),
            line: Vec::new(),
            line_number: 1,
            line_offset: 0,
            is_continuation: false,
            is_at_end: false,
            has_failed: false,
        }
    }

    /// Sets the limits for the size and depth of an event. Default: `Limits::default()`.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets which events are delivered. Malformed lines are always. Default: all events.
    #[must_use]
    pub fn with_filter(mut self, filter: EventFilter) -> Self {
        self.filter = filter;
        self
    }

    /// Returns the reader. Reading from it directly is inadvisable, as the source may hold a part of a line.
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.reader
    }

    /// Returns the maximum number of bytes buffered for one line: an event in base64 and its attributes.
    fn max_line_bytes(&self) -> usize {
        let event = self.limits.max_bytes();
        event.saturating_add(event / 3).saturating_add(MAX_ATTRIBUTE_BYTES)
    }

    /// Reads until the line is complete or at its maximum length. If the future is dropped, the bytes read so far stay in
    /// `self.line`.
    async fn fill_line(&mut self) -> std::io::Result<LineEnd> {
        loop {
            let remaining = self.max_line_bytes().saturating_sub(self.line.len());
            let is_at_start = self.line.is_empty() && !self.is_continuation;
            let reader = &mut self.reader;
            let line = &mut self.line;
            let (used, skipped, end) = poll_fn(|context| {
                Pin::new(&mut *reader).poll_fill_buf(context).map_ok(|available| {
                    if is_at_start && available.first() == Some(&0) {
                        let skipped = available.iter().take_while(|byte| **byte == 0).count();
                        return (skipped, skipped, None);
                    }
                    let newline = available.iter().position(|byte| *byte == b'\n');
                    let whole = newline.map_or(available.len(), |newline| newline + 1);
                    let used = whole.min(remaining);
                    line.extend_from_slice(available.get(..used).unwrap_or(available));
                    let end = if available.is_empty() {
                        Some(LineEnd::EndOfInput)
                    } else if used < whole {
                        Some(LineEnd::Limit)
                    } else {
                        newline.map(|_| LineEnd::Newline)
                    };
                    (used, 0, end)
                })
            })
            .await?;
            Pin::new(&mut self.reader).consume(used);
            self.line_offset += skipped as u64;
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

    /// Takes the buffered bytes without a byte order mark, and their position, and advances the position past them.
    fn take(&mut self, end: LineEnd) -> (Bytes, Position) {
        let text = match self.line.strip_prefix(UTF8_MARK) {
            Some(text) if !self.is_continuation => text,
            _ => &self.line,
        };
        let bytes = Bytes::copy_from_slice(text);
        self.line_offset += (self.line.len() - bytes.len()) as u64;
        let position = self.position();
        self.line_offset += bytes.len() as u64;
        self.line.clear();
        self.is_continuation = end == LineEnd::Limit;
        match end {
            LineEnd::Newline => self.line_number += 1,
            LineEnd::EndOfInput => self.is_at_end = true,
            LineEnd::Limit => {}
        }
        (bytes, position)
    }
}

#[async_trait]
impl<R: AsyncBufRead + Unpin + Send> DriverEventSource for NdjsonSource<R> {
    async fn next(&mut self) -> Option<Result<Delivery, SourceError>> {
        // A terminal or a growing file can return more bytes after the end of input, which must be ignored.
        while !self.is_at_end {
            let end = match self.fill_line().await {
                Ok(end) => end,
                Err(error) => {
                    let message = format!("cannot read {}", self.position());
                    // A reader that fails again, such as that of a folder, would fail forever.
                    self.is_at_end = self.has_failed;
                    let kind = match std::mem::replace(&mut self.has_failed, true) {
                        false => SourceErrorKind::Disconnected,
                        true => SourceErrorKind::Fatal,
                    };
                    return Some(Err(SourceError::new(kind, message).with_source(error)));
                }
            };
            self.has_failed = false;
            let is_continuation = self.is_continuation;
            let (raw, position) = self.take(end);
            if raw.is_empty() {
                break;
            }
            if is_continuation || end == LineEnd::Limit {
                let reason = format!("line is longer than the limit of {} bytes", self.max_line_bytes());
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
                if content.as_ref().is_ok_and(|envelope| !self.filter.selects(envelope)) {
                    continue;
                }
                return Some(Ok(Delivery::new(content, position).with_raw(raw)));
            }
        }
        None
    }

    async fn close(&mut self) -> Result<(), SourceError> {
        self.is_at_end = true;
        Ok(())
    }
}

impl<R> fmt::Debug for NdjsonSource<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NdjsonSource({:?})", self.name)
    }
}

/// Why reading of a line stopped.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LineEnd {
    Newline,
    EndOfInput,
    /// The line is longer than the limit.
    Limit,
}

fn read_line(raw: Bytes, limits: Limits) -> Result<Envelope, Malformed> {
    if UTF16_MARKS.iter().any(|mark| raw.starts_with(mark)) {
        return Err(Malformed::new(raw, "text is UTF-16: convert it to UTF-8", 0));
    }
    let text = raw.slice(..raw.len() - ending_length(&raw));
    decode_payload(text, limits).map_err(|error| Malformed::new(raw, error.reason(), error.offset()))
}

fn ending_length(line: &[u8]) -> usize {
    match line {
        [.., b'\r', b'\n'] => 2,
        [.., b'\n'] => 1,
        _ => 0,
    }
}
