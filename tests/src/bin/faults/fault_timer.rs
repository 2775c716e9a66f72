use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use driver_events_harness::{Proxy, poll_for};

use crate::random::Random;
use crate::recorder::Recorder;

/// Limit for every step of a scenario.
pub(crate) const STEP_TIMEOUT: Duration = Duration::from_secs(60);
/// Upper bound of the random delay between a message and its fault.
const MAX_FAULT_DELAY_MICROS: u64 = 15_000;

/// Decides when the next fault is due.
pub(crate) struct FaultTimer {
    recorder: Arc<Recorder>,
    /// Returns the number of messages sent so far.
    sent: Box<dyn Fn() -> u64 + Send + Sync>,
}

impl FaultTimer {
    pub(crate) fn new(recorder: &Arc<Recorder>, sent: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self {
            recorder: Arc::clone(recorder),
            sent: Box::new(sent),
        }
    }

    /// Waits until another event is acknowledged, and then until a random number of messages below `messages` is sent.
    pub(crate) async fn wait(&self, random: &mut Random, messages: u64) -> Result<()> {
        let acknowledged = self.recorder.acknowledged();
        wait_until("an event is acknowledged", || {
            self.recorder.acknowledged() > acknowledged
        })
        .await?;
        let due = (self.sent)() + random.below(messages);
        wait_until("messages are sent", || (self.sent)() >= due).await?;
        // Messages leave in bursts. Without the delay, no fault would hit a call that waits for its ack.
        tokio::time::sleep(Duration::from_micros(random.below(MAX_FAULT_DELAY_MICROS))).await;
        Ok(())
    }
}

/// Waits until the condition is true. Fails after [`STEP_TIMEOUT`].
pub(crate) async fn wait_until(what: &str, mut condition: impl FnMut() -> bool) -> Result<()> {
    let waited = poll_for(STEP_TIMEOUT, async || condition().then_some(())).await;
    waited.with_context(|| format!("waited {STEP_TIMEOUT:?} until {what}"))
}

/// Calls `attempt` until it succeeds. Fails after [`STEP_TIMEOUT`], with the last error.
pub(crate) async fn retry<T, E>(what: &str, mut attempt: impl AsyncFnMut() -> Result<T, E>) -> Result<T>
where
    E: Error + Send + Sync + 'static,
{
    let mut last = None;
    let done = poll_for(STEP_TIMEOUT, async || {
        attempt().await.map_err(|error| last = Some(error)).ok()
    })
    .await;
    match (done, last) {
        (Some(value), _) => Ok(value),
        (None, Some(error)) => Err(error).with_context(|| format!("no {what} within {STEP_TIMEOUT:?}")),
        (None, None) => bail!("no {what} within {STEP_TIMEOUT:?}"),
    }
}

/// Waits for the client to connect (an earlier fault may have disconnected it), and resets its connections.
pub(crate) async fn cut_link(proxy: &Proxy) -> Result<()> {
    wait_until("there is a connection to cut", || proxy.cut() > 0).await
}
