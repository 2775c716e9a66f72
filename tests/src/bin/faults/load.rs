use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use driver_events_core::{DriverEventSink, Envelope, Receipt, SinkError, SinkErrorKind, Stored};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::event::Event;
use crate::fault_timer::STEP_TIMEOUT;
use crate::recorder::Recorder;

/// Delay before an event is sent again after an error that is not retryable.
const REFUSED_RETRY_DELAY: Duration = Duration::from_millis(5);

/// Tasks that send events without a pause and retry failed ones until they are stored.
#[derive(Debug)]
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    callers: JoinSet<Result<()>>,
}

/// The method of the sink that the load calls, and from how many tasks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum SendMode {
    /// One task per goal, each calls `send`.
    Send { goals: u32 },
    /// One task per goal, each calls `publish` of a sink whose `Ok` means "stored".
    Publish { goals: u32 },
    /// One task calls `send_batch` with `events_per_goal` events of every goal.
    SendBatch { goals: u32, events_per_goal: u32 },
}

impl Load {
    /// Starts the load. It retries after retryable errors; any other error ends it.
    pub(crate) fn start(sink: &Arc<dyn DriverEventSink>, recorder: &Arc<Recorder>, mode: SendMode) -> Self {
        Self::start_retrying(sink, recorder, mode, None)
    }

    /// Starts a load that retries after errors of the kind `also_retry`, too.
    pub(crate) fn start_retrying(
        sink: &Arc<dyn DriverEventSink>,
        recorder: &Arc<Recorder>,
        mode: SendMode,
        also_retry: Option<SinkErrorKind>,
    ) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let mut callers = JoinSet::new();
        let tasks = match mode {
            SendMode::Send { goals } | SendMode::Publish { goals } => {
                (0..goals).map(|goal| (goal..goal + 1, 1)).collect()
            }
            SendMode::SendBatch { goals, events_per_goal } => vec![(0..goals, events_per_goal)],
        };
        for (goals, events_per_goal) in tasks {
            let caller = Caller {
                sink: Arc::clone(sink),
                recorder: Arc::clone(recorder),
                mode,
                also_retry,
            };
            let stop = Arc::clone(&stop);
            callers.spawn(async move {
                let mut first = 0;
                while !stop.load(Ordering::Relaxed) {
                    let numbers = first..first + events_per_goal;
                    first = numbers.end;
                    // The goals are interleaved, as the goals of real drivers are.
                    let batch = numbers.flat_map(|number| goals.clone().map(move |goal| Event { goal, number }));
                    caller.store(batch.collect()).await?;
                }
                Ok(())
            });
        }
        Self { stop, callers }
    }

    /// Stops the load, and returns when all events in flight are stored.
    pub(crate) async fn finish(mut self) -> Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(caller) = timeout(STEP_TIMEOUT, self.callers.join_next()).await? {
            caller??;
        }
        Ok(())
    }
}

struct Caller {
    sink: Arc<dyn DriverEventSink>,
    recorder: Arc<Recorder>,
    mode: SendMode,
    also_retry: Option<SinkErrorKind>,
}

impl Caller {
    /// Sends the same envelopes until all are stored.
    async fn store(&self, events: Vec<Event>) -> Result<()> {
        let start = Instant::now();
        let mut pending: Vec<(Event, Envelope)> = events.into_iter().map(|event| (event, event.envelope())).collect();
        while !pending.is_empty() {
            ensure!(start.elapsed() < STEP_TIMEOUT, "not stored within {STEP_TIMEOUT:?}");
            self.recorder.record_attempts(pending.len());
            let called = Instant::now();
            let results = timeout(STEP_TIMEOUT, self.call(&pending))
                .await
                .context("a call did not return")?;
            self.recorder.record_duration(called.elapsed());
            ensure!(
                results.len() == pending.len(),
                "a batch of {} events has {} results",
                pending.len(),
                results.len()
            );
            let mut retries = Vec::new();
            let mut is_refused = false;
            for ((event, envelope), result) in pending.into_iter().zip(results) {
                self.recorder.record_result(event, &result);
                match result {
                    Ok(_) => {}
                    Err(error) if error.is_retryable() => retries.push((event, envelope)),
                    Err(error) if self.also_retry == Some(error.kind()) => {
                        is_refused = true;
                        retries.push((event, envelope));
                    }
                    Err(error) => return Err(error).context("the sink refused an event"),
                }
            }
            pending = retries;
            if is_refused {
                tokio::time::sleep(REFUSED_RETRY_DELAY).await;
            }
        }
        Ok(())
    }

    async fn call(&self, events: &[(Event, Envelope)]) -> Vec<Result<Receipt, SinkError>> {
        let mut results = Vec::with_capacity(events.len());
        match self.mode {
            SendMode::SendBatch { .. } => {
                let envelopes = events.iter().map(|(_, envelope)| envelope.clone()).collect();
                results = self.sink.send_batch(envelopes).await;
            }
            SendMode::Send { .. } => {
                for (_, envelope) in events {
                    results.push(self.sink.send(envelope.clone()).await);
                }
            }
            SendMode::Publish { .. } => {
                for (event, _) in events {
                    let published = self.sink.publish(event.driver_event()).await;
                    results.push(published.map(|()| stored_receipt()));
                }
            }
        }
        results
    }
}

/// Stands in for the receipt that `publish` drops.
fn stored_receipt() -> Receipt {
    Receipt::Stored(Stored {
        log: "".into(),
        partition: None,
        offset: 0,
        duplicate: false,
    })
}
