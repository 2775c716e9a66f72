use std::cell::Cell;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use driver_events_core::cloudevents::write_structured;
use driver_events_core::{DriverEventSink, Envelope, Guarantee, Receipt, SinkError};
use driver_events_types::DriverEvent;

use crate::format::line_format::LineFormat;
use crate::format::{Format, terminal_escape};
use crate::pretty::{self, Style};
use crate::writer_thread::queue::Queue;

/// Capacity up to which a thread keeps its buffer for the next line.
const MAX_KEPT_CAPACITY: usize = 64 * 1024;

thread_local! {
    /// Lines are encoded here, so that no lock is held meanwhile.
    static LINE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A sink that writes one line per event to a file, a pipe, or any other [`Write`](std::io::Write).
///
/// `Ok` from [`send`](DriverEventSink::send) means [`Buffered`](Receipt::Buffered): the line is in memory. A dedicated
/// thread writes it: at once if the sink is idle, otherwise with a batch, within a millisecond after the previous write.
/// [`flush`](DriverEventSink::flush) waits until the writer accepted every line and its own `flush` succeeded. A file is
/// then in the page cache of the operating system, not synced to disk.
///
/// The thread starts with the first event. [`close`](DriverEventSink::close) stops it and drops the writer. If the sink
/// is dropped without `close`, the thread writes the remaining lines and exits, unless the process exits first.
///
/// # Slow writers
/// Lines are buffered up to [`buffer_bytes`](crate::WriterEventSinkBuilder::buffer_bytes), plus the same amount being written.
/// Then `send` waits for free space. A write that would block (`EAGAIN`) is retried with backoff. Only the dedicated
/// thread blocks.
///
/// # Failed writes
/// - **Closed pipe** (`EPIPE`): the sink closes. `send`, `flush` and `close` return
///   [`Closed`](driver_events_core::SinkErrorKind::Closed) with the [`io::Error`](std::io::Error) as source. A filter in a pipeline should
///   exit quietly.
/// - **Any other error**: unwritten bytes are kept, and the retry continues at the first of them, so that no line is torn
///   or duplicated. Pending `flush` and `send` calls fail with [`Full`](driver_events_core::SinkErrorKind::Full) if the
///   disk or the quota is full, otherwise with [`Disconnected`](driver_events_core::SinkErrorKind::Disconnected). Until a
///   write succeeds, `send` refuses new events with the same error, and each `send` and `flush` triggers a retry. In a
///   batch, every event after the first refused one is refused too, so that the rest can be resent in order. After a
///   failed `close`, the sink accepts no more events, but `flush` and `close` may be called again.
/// - **Panic of the writer**: [`Fatal`](driver_events_core::SinkErrorKind::Fatal). The unwritten events are lost.
///
/// The error messages have the number of accepted events that are not written.
///
/// # Examples
/// ```
/// use driver_events_core::DriverEventSink;
/// use driver_events_stdout::WriterEventSink;
/// use driver_events_types::{DriverEvent, GoalId};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("events.ndjson");
/// let sink = WriterEventSink::append_to(&path)?;
/// sink.publish(DriverEvent::Escalate { goal_id: GoalId::new(), reason: "needs a person".into() }).await?;
/// sink.flush().await?;
/// let text = std::fs::read_to_string(&path)?;
/// assert!(text.starts_with("{\"specversion\":\"1.0\",\"id\":\""), "{text}");
/// assert!(text.ends_with("\"reason\":\"needs a person\"}}\n"), "{text}");
/// # Ok(())
/// # }
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(example()).unwrap();
/// ```
pub struct WriterEventSink {
    queue: Arc<Queue>,
    format: LineFormat,
    style: Style,
    is_terminal: bool,
}

impl WriterEventSink {
    pub(crate) fn with_queue(queue: Queue, format: LineFormat, style: Style, is_terminal: bool) -> Self {
        Self {
            queue: Arc::new(queue),
            format,
            style,
            is_terminal,
        }
    }

    async fn enqueue(&self, write: impl FnOnce(&mut Vec<u8>) -> Result<(), SinkError>) -> Result<Receipt, SinkError> {
        if let Some(line) = self.try_enqueue(write)? {
            Box::pin(self.queue.push(&line)).await?;
        }
        Ok(Receipt::Buffered)
    }

    /// Appends a line to the queue, or returns the line if the queue is full.
    fn try_enqueue(
        &self,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), SinkError>,
    ) -> Result<Option<Vec<u8>>, SinkError> {
        // A thread that ends has no buffer any more.
        let mut line = LINE.try_with(Cell::take).unwrap_or_default();
        line.clear();
        write(&mut line)?;
        if !self.queue.try_push(&line)? {
            return Ok(Some(line));
        }
        if line.capacity() <= MAX_KEPT_CAPACITY {
            let _ = LINE.try_with(|kept| kept.set(line));
        }
        Ok(None)
    }

    /// Returns whether a line is the JSON of its event and nothing else.
    fn writes_bare_json(&self) -> bool {
        matches!(self.format, LineFormat::Set(Format::Json)) && !self.is_terminal
    }

    /// Writes the envelope as a line without line ending. An event that cannot be encoded is refused in every format.
    fn write_line(&self, envelope: &Envelope, line: &mut Vec<u8>) -> Result<(), SinkError> {
        match self.format.of_event(envelope.subject().is_some()) {
            Format::Json => envelope.write_line(line)?,
            Format::CloudEvents => write_structured(envelope, line)?,
            Format::Pretty => {
                envelope.json()?;
                pretty::write_line(envelope, self.style, line);
                return Ok(());
            }
        }
        if self.is_terminal {
            terminal_escape::escape(line);
        }
        Ok(())
    }
}

#[async_trait]
impl DriverEventSink for WriterEventSink {
    async fn send(&self, envelope: Envelope) -> Result<Receipt, SinkError> {
        self.enqueue(|line| self.write_line(&envelope, line)).await
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::Buffered
    }

    async fn flush(&self) -> Result<(), SinkError> {
        self.queue.flush().await
    }

    async fn close(&self) -> Result<(), SinkError> {
        self.queue.close().await
    }

    /// Overrides the default to save the boxed future of `send`, and the envelope if the line has none of its attributes.
    async fn publish(&self, event: DriverEvent) -> Result<(), SinkError> {
        if self.writes_bare_json() {
            let written = self.enqueue(|line| Ok(event.write_json(line)?)).await;
            if written.is_err() {
                // JSON that is too deep to encode may be too deep for the default drop: the envelope's is iterative.
                drop(Envelope::new(event));
            }
            return written.map(drop);
        }
        let envelope = Envelope::new(event);
        self.enqueue(|line| self.write_line(&envelope, line)).await.map(drop)
    }
}

impl Drop for WriterEventSink {
    fn drop(&mut self) {
        self.queue.detach();
    }
}

impl fmt::Debug for WriterEventSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriterEventSink")
            .field("format", &format_args!("{}", self.format))
            .finish_non_exhaustive()
    }
}
