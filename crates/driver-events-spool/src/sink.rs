use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use driver_events_core::{
    Backoff, BatchOrder, BatchResults, CloseGuard, DriverEventSink, Envelope, Guarantee, Receipt, SinkError,
    SinkErrorKind,
};
use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, timeout_at};

use crate::delivery::start::{Workers, start};
use crate::delivery::target::Target;
use crate::health::Health;
use crate::health_report::report;
use crate::health_view::HealthView;
use crate::store::append::NewEvent;
use crate::store::targets::Progress;
use crate::writer::handle::RunningWriter;

/// Time that calls in flight and the targets' sinks get to end after the close timeout.
const GRACE: Duration = Duration::from_secs(1);

/// Sink that writes events to a file on this machine's disk and delivers them to any sinks in the background.
///
/// `send` returns [`Receipt::Spooled`] once the event is committed; how long that takes does not depend on any broker. Events
/// that are sent at the same time share a commit. A worker for each target delivers all events, in the order of their
/// goals, and repeats what fails with backoff, for ever. Targets do not delay each other.
///
/// # Delivery
/// - **At least once.** After a crash the events in flight are sent again, with the same id:
///   [JetStream](https://docs.nats.io/nats-concepts/jetstream) drops the copies within its duplicate window, and a reader of
///   Kafka does with a [`Deduplicator`](driver_events_core::Deduplicator).
/// - **Acks.** A target counts an event once its sink has more than memory to show for it: after a
///   [`Buffered`](Receipt::Buffered) receipt the worker calls `flush`, and has one call in flight.
/// - **Order.** First copies of a goal's events arrive in the order in which they were accepted. A goal has one call in flight:
///   with many events if the sink [stops a goal](BatchOrder::StopsGoal) after a failure, with up to 32 if it is
///   [pipelined](BatchOrder::Pipelined), otherwise with one. If an event of those 32 fails and a later one does not, which is
///   rare, their order changes.
/// - **Dead letters.** An event that a target can never have ([`is_about_event`](SinkError::is_about_event)) goes to the table
///   `dead_letters`, with the reason. Any other error costs no event: delivery waits until its cause is removed.
/// - **Full.** At [`max_bytes`](crate::SpoolBuilder::max_bytes), or on a full disk, `send` fails with [`Full`](SinkErrorKind::Full),
///   and accepts events again once some were delivered. A reserve of 5 % is for
///   [terminal events](Envelope::is_terminal).
///
/// # Closing
/// `flush` waits until all targets have the events accepted so far, up to the
/// [`close_timeout`](crate::SpoolBuilder::close_timeout). `close` does the same and closes the targets' sinks. Both fail with
/// [`Timeout`](SinkErrorKind::Timeout) if events are left: these stay in the file, and the next start delivers them. After a
/// drop without `close` nothing is lost either.
///
/// # Examples
/// ```
/// use driver_events_core::{DriverEventSink, DriverEventSinkExt, MemoryEventSink};
/// use driver_events_spool::SpooledSink;
/// use driver_events_types::{DriverEvent, GoalId};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("events.db");
/// let broker = MemoryEventSink::new(); // In a real program, the sink of a transport.
/// let spool = SpooledSink::builder(path).deliver_to("broker", broker.clone()).open().await?;
/// let sink = spool.stamped("urn:example:driver")?;
///
/// sink.publish(DriverEvent::Escalate { goal_id: GoalId::new(), reason: "stuck".into() }).await?;
/// sink.close().await?;
/// assert_eq!(broker.len(), 1);
/// # Ok(())
/// # }
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
/// # runtime.block_on(example()).unwrap();
/// ```
pub struct SpooledSink {
    path: PathBuf,
    close_timeout: Duration,
    writer: RunningWriter,
    view: HealthView,
    guard: CloseGuard,
    closing: watch::Sender<bool>,
    workers: Mutex<Closing>,
}

/// Workers and sinks that `close` ends.
struct Closing {
    workers: Workers,
    sinks: Vec<Arc<dyn DriverEventSink>>,
}

impl SpooledSink {
    pub(crate) fn start(
        (path, max_bytes): (PathBuf, u64),
        writer: RunningWriter,
        targets: Vec<(Arc<str>, Target, Progress)>,
        backoff: Backoff,
        close_timeout: Duration,
    ) -> Self {
        let (closing, is_closing) = watch::channel(false);
        let (workers, targets) = start(targets, backoff, (&writer, &path), &is_closing);
        let view = HealthView {
            max_bytes,
            file: writer.state().clone(),
            targets,
        };
        tokio::spawn(report(view.clone(), is_closing));
        Self {
            path,
            close_timeout,
            writer,
            view,
            guard: CloseGuard::default(),
            closing,
            workers: Mutex::new(Closing {
                workers,
                sinks: Vec::new(),
            }),
        }
    }

    /// Returns the absolute path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the state of the file and of each target.
    #[must_use]
    pub fn health(&self) -> Health {
        self.view.health()
    }
}

#[async_trait]
impl DriverEventSink for SpooledSink {
    async fn send(&self, envelope: Envelope) -> Result<Receipt, SinkError> {
        let _call = self.guard.enter()?;
        let event = NewEvent::new(envelope)?;
        let mut results = self.writer.append(vec![event]).await;
        let lost = || Err(SinkError::new(SinkErrorKind::Fatal, "the spool returned no result"));
        results.pop().unwrap_or_else(lost).map(|()| Receipt::Spooled)
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::Spooled
    }

    /// A terminal event is accepted from the reserve behind others of its goal that were refused.
    fn batch_order(&self) -> BatchOrder {
        BatchOrder::BestEffort
    }

    async fn send_batch(&self, envelopes: Vec<Envelope>) -> Vec<Result<Receipt, SinkError>> {
        let _call = match self.guard.enter() {
            Ok(call) => call,
            Err(error) => {
                let closed = || Err(SinkError::new(error.kind(), error.to_string()));
                return envelopes.iter().map(|_| closed()).collect();
            }
        };
        let mut results = BatchResults::new(envelopes.len());
        let mut events = Vec::with_capacity(envelopes.len());
        for (index, envelope) in envelopes.into_iter().enumerate() {
            match NewEvent::new(envelope) {
                Ok(event) => events.push(event),
                Err(error) => results.set(index, Err(error)),
            }
        }
        let written = self.writer.append(events).await;
        results.fill(written.into_iter().map(|result| result.map(|()| Receipt::Spooled)));
        results.into_vec()
    }

    async fn flush(&self) -> Result<(), SinkError> {
        self.view.delivered(Instant::now() + self.close_timeout).await
    }

    async fn close(&self) -> Result<(), SinkError> {
        self.guard.close();
        self.guard.drained().await;
        let deadline = Instant::now() + self.close_timeout;
        let delivered = self.view.delivered(deadline).await;
        let mut closing = self.workers.lock().await;
        let Closing { workers, sinks } = &mut *closing;
        self.closing.send_replace(true);
        let end = deadline.max(Instant::now() + GRACE);
        while let Ok(Some(ended)) = timeout_at(end, workers.join_next()).await {
            sinks.extend(ended.ok().flatten());
        }
        workers.shutdown().await;
        let mut closed = Ok(());
        while let Some(sink) = sinks.last() {
            let timed_out = || {
                let message = "the sink of a target did not close in time";
                Err(SinkError::new(SinkErrorKind::Timeout, message))
            };
            let result = timeout_at(end, sink.close()).await;
            closed = closed.and(result.unwrap_or_else(|_| timed_out()));
            sinks.pop();
        }
        self.writer.stop();
        self.writer.ended().await;
        delivered.and(closed)
    }
}

impl fmt::Debug for SpooledSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.view.targets.iter().map(|(name, _)| name).collect();
        f.debug_struct("SpooledSink")
            .field("path", &self.path)
            .field("targets", &names)
            .finish_non_exhaustive()
    }
}
