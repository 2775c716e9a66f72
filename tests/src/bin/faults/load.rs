use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use driver_events_core::{DriverEventSink, Envelope, Receipt, SinkError};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::account::Account;
use crate::event::Event;
use crate::pace::PATIENCE;

/// Callers who send without a pause, and send again what may succeed later.
#[derive(Debug)]
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    callers: JoinSet<Result<()>>,
}

/// How it is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    /// So many callers, each with a goal of its own, by `send`.
    Single { goals: u32 },
    /// One caller, by `send_batch`, with so many events of each of so many goals.
    Batch { goals: u32, events: u32 },
}

impl Load {
    pub(crate) fn start(sink: &Arc<dyn DriverEventSink>, account: &Arc<Account>, shape: Shape) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let mut callers = JoinSet::new();
        let lanes = match shape {
            Shape::Single { goals } => (0..goals).map(|goal| (goal..goal + 1, 1)).collect(),
            Shape::Batch { goals, events } => vec![(0..goals, events)],
        };
        for (goals, events) in lanes {
            let caller = Caller {
                sink: Arc::clone(sink),
                account: Arc::clone(account),
                is_single: matches!(shape, Shape::Single { .. }),
            };
            let stop = Arc::clone(&stop);
            callers.spawn(async move {
                let mut first = 0;
                while !stop.load(Ordering::Relaxed) {
                    let numbers = first..first + events;
                    first = numbers.end;
                    // The goals by turns, as they come from drivers.
                    let batch = numbers.flat_map(|number| goals.clone().map(move |goal| Event { goal, number }));
                    caller.store(batch.collect()).await?;
                }
                Ok(())
            });
        }
        Self { stop, callers }
    }

    /// Returns when all that was begun is stored.
    pub(crate) async fn finish(mut self) -> Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(caller) = timeout(PATIENCE, self.callers.join_next()).await? {
            caller??;
        }
        Ok(())
    }
}

struct Caller {
    sink: Arc<dyn DriverEventSink>,
    account: Arc<Account>,
    is_single: bool,
}

impl Caller {
    /// Sends the same envelopes until they are stored.
    async fn store(&self, events: Vec<Event>) -> Result<()> {
        let start = Instant::now();
        let mut waiting: Vec<(Event, Envelope)> = events.into_iter().map(|event| (event, event.envelope())).collect();
        while !waiting.is_empty() {
            ensure!(start.elapsed() < PATIENCE, "sent in vain for {PATIENCE:?}");
            let envelopes = waiting.iter().map(|(_, envelope)| envelope.clone()).collect();
            let called = Instant::now();
            let answers = timeout(PATIENCE, self.call(envelopes))
                .await
                .context("a call did not end")?;
            self.account.took(called.elapsed());
            ensure!(
                answers.len() == waiting.len(),
                "a batch has {} answers for {}",
                answers.len(),
                waiting.len()
            );
            let mut again = Vec::new();
            for ((event, envelope), answer) in waiting.into_iter().zip(answers) {
                self.account.answered(event, &answer);
                match answer {
                    Ok(_) => {}
                    Err(error) if error.is_retryable() => again.push((event, envelope)),
                    Err(error) => return Err(error).context("an event was refused"),
                }
            }
            waiting = again;
        }
        Ok(())
    }

    async fn call(&self, envelopes: Vec<Envelope>) -> Vec<Result<Receipt, SinkError>> {
        if !self.is_single {
            return self.sink.send_batch(envelopes).await;
        }
        let mut answers = Vec::with_capacity(envelopes.len());
        for envelope in envelopes {
            answers.push(self.sink.send(envelope).await);
        }
        answers
    }
}
