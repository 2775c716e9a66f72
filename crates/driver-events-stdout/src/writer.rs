use std::fmt;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use driver_events_core::cloudevents::write_structured;
use driver_events_core::{DriverEventSink, Envelope, Fate, Guarantee, Receipt, SinkError};
use driver_events_types::DriverEvent;

use crate::pretty::{self, Style};
use crate::queue::Queue;
use crate::{Format, WriterEventSinkBuilder, terminal};

/// Writes one line an event to a file, a pipe, or any other [`Write`].
///
/// `Ok` of [`send`](DriverEventSink::send) means [`Buffered`](Receipt::Buffered): the line is in memory, and a thread of
/// the sink's own will write it, at once when the sink was idle, else within a millisecond or with its chunk.
/// [`flush`](DriverEventSink::flush) tells when it is out: the writer took every line and its own `flush` succeeded.
/// A file is then in the hands of the operating system, not yet on the disk.
///
/// The thread starts with the first event and ends with [`close`](DriverEventSink::close), which also drops the writer.
/// When the sink is dropped without it, the thread still writes what is there and ends, unless the process ends first.
///
/// # When the writer is slow
/// Lines wait in memory, up to [`buffer_bytes`](WriterEventSinkBuilder::buffer_bytes) and as much again on its way out.
/// Then `send` waits for room. A writer that would block (`EAGAIN`) is tried again after a pause. Only the sink's own
/// thread is ever blocked.
///
/// # When a write fails
/// - **The reader is gone** (`EPIPE`): the sink is closed. `send`, `flush` and `close` answer
///   [`Closed`](driver_events_core::SinkErrorKind::Closed), and the source is the [`io::Error`]. A filter in a pipeline
///   ends quietly then.
/// - **Any other error**: what is not written is held, to the byte, so that no line is torn or doubled. Everyone who
///   waits in `flush` or for room is told: [`Full`](driver_events_core::SinkErrorKind::Full) where the disk or the quota
///   is full, else [`Disconnected`](driver_events_core::SinkErrorKind::Disconnected). While this lasts `send` refuses
///   new events with the same error, and each `send` and each `flush` makes the thread try again. Of a batch nothing is
///   taken behind the first event that was refused like this, so that the rest can be sent again in order. Where `close`
///   failed like this the sink takes no more events, and `flush` and `close` may be called again.
/// - **The writer panics**: [`Fatal`](driver_events_core::SinkErrorKind::Fatal), and what was not written is lost.
///
/// The messages tell how many accepted events have not been written.
///
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
/// assert!(std::fs::read_to_string(&path)?.ends_with("\"reason\":\"needs a person\"}\n"));
/// # Ok(())
/// # }
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(example()).unwrap();
/// ```
pub struct WriterEventSink {
    queue: Arc<Queue>,
    format: Format,
    style: Style,
    is_terminal: bool,
    scratch: Mutex<Vec<u8>>,
}

impl WriterEventSink {
    /// Writes bare JSON to `writer`, with a buffer of 1 MiB. Whatever the writer may block on, it is called on a thread
    /// of the sink's own, so it needs no buffer itself.
    #[must_use]
    pub fn new(writer: impl Write + Send + 'static) -> Self {
        Self::builder().build(writer)
    }

    /// Appends bare JSON to a file, which is made if it is not there.
    ///
    /// Where the last line of the file has no end, as after a crash, it gets one first. Blocks while the file is opened.
    ///
    /// # Errors
    /// The file cannot be opened or made.
    pub fn append_to(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::builder().append_to(path)
    }

    /// Settings: the format, colour, the size of the buffer.
    pub fn builder() -> WriterEventSinkBuilder {
        WriterEventSinkBuilder::default()
    }

    pub(crate) fn over(queue: Queue, format: Format, style: Style, is_terminal: bool) -> Self {
        Self {
            queue: Arc::new(queue),
            format,
            style,
            is_terminal,
            scratch: Mutex::default(),
        }
    }

    async fn take(&self, envelope: &Envelope) -> Result<Receipt, SinkError> {
        if let Some(line) = self.append(envelope)? {
            Box::pin(self.queue.push(&line)).await?;
        }
        Ok(Receipt::Buffered)
    }

    /// Appends the envelope to what waits to be written. Where there is no room now, gives its line back.
    fn append(&self, envelope: &Envelope) -> Result<Option<Vec<u8>>, SinkError> {
        // Lines are made in one buffer, time and again; only tasks that send at the same moment make one of their own.
        let mut shared = self.scratch.try_lock().ok();
        let mut own = Vec::new();
        let line = shared.as_deref_mut().unwrap_or(&mut own);
        line.clear();
        self.write_line(envelope, line)?;
        let appended = self.queue.try_push(line)?;
        Ok((!appended).then(|| line.clone()))
    }

    /// Writes the envelope as a line without its ending. An event is refused in every format, or in none.
    fn write_line(&self, envelope: &Envelope, line: &mut Vec<u8>) -> Result<(), SinkError> {
        match self.format {
            Format::Json => envelope.write_line(line)?,
            Format::CloudEvents => write_structured(envelope, line)?,
            Format::Pretty => {
                envelope.json()?;
                pretty::write_line(envelope, self.style, line);
                return Ok(());
            }
        }
        if self.is_terminal {
            terminal::escape(line);
        }
        Ok(())
    }
}

#[async_trait]
impl DriverEventSink for WriterEventSink {
    async fn send(&self, envelope: Envelope) -> Result<Receipt, SinkError> {
        self.take(&envelope).await
    }

    async fn send_batch(&self, envelopes: Vec<Envelope>) -> Vec<Result<Receipt, SinkError>> {
        let mut results = Vec::with_capacity(envelopes.len());
        let mut stopped = None;
        for envelope in envelopes {
            let result = match stopped {
                None => self.take(&envelope).await,
                // The writer may have recovered since, and would take it before the one that has to be sent again.
                Some(kind) => Err(
                    SinkError::new(kind, "it was not tried, since an event before it failed").with_fate(Fate::NotSent),
                ),
            };
            if let Err(error) = &result
                && error.is_retryable()
            {
                stopped = Some(error.kind());
            }
            results.push(result);
        }
        results
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

    /// As the trait has it, without a second box for the call of `send`.
    async fn publish(&self, event: DriverEvent) -> Result<(), SinkError> {
        self.take(&Envelope::new(event)).await.map(drop)
    }
}

impl Drop for WriterEventSink {
    fn drop(&mut self) {
        self.queue.abandon();
    }
}

impl fmt::Debug for WriterEventSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriterEventSink")
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}
