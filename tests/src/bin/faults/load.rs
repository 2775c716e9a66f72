use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use driver_events_core::{DriverEventSink, Envelope, Receipt, SinkError, SinkErrorKind, Stored};
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
    /// The same by `publish`, to a sink whose `Ok` means "stored".
    Publish { goals: u32 },
    /// One caller, by `send_batch`, with so many events of each of so many goals.
    Batch { goals: u32, events: u32 },
}

impl Load {
    /// What fails is sent again where the error is one that may pass by itself.
    pub(crate) fn start(sink: &Arc<dyn DriverEventSink>, account: &Arc<Account>, shape: Shape) -> Self {
        Self::start_insisting(sink, account, shape, None)
    }

    /// Sends again also after errors of this kind.
    pub(crate) fn start_insisting(
        sink: &Arc<dyn DriverEventSink>,
        account: &Arc<Account>,
        shape: Shape,
        insists_after: Option<SinkErrorKind>,
    ) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let mut callers = JoinSet::new();
        let lanes = match shape {
            Shape::Single { goals } | Shape::Publish { goals } => (0..goals).map(|goal| (goal..goal + 1, 1)).collect(),
            Shape::Batch { goals, events } => vec![(0..goals, events)],
        };
        for (goals, events) in lanes {
            let caller = Caller {
                sink: Arc::clone(sink),
                account: Arc::clone(account),
                shape,
                insists_after,
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
    shape: Shape,
    insists_after: Option<SinkErrorKind>,
}

impl Caller {
    /// Sends the same envelopes until they are stored.
    async fn store(&self, events: Vec<Event>) -> Result<()> {
        let start = Instant::now();
        let mut waiting: Vec<(Event, Envelope)> = events.into_iter().map(|event| (event, event.envelope())).collect();
        while !waiting.is_empty() {
            ensure!(start.elapsed() < PATIENCE, "sent in vain for {PATIENCE:?}");
            self.account.gives(waiting.len());
            let called = Instant::now();
            let answers = timeout(PATIENCE, self.call(&waiting))
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
                    Err(error) if error.is_retryable() || self.insists_after == Some(error.kind()) => {
                        again.push((event, envelope));
                    }
                    Err(error) => return Err(error).context("an event was refused"),
                }
            }
            waiting = again;
        }
        Ok(())
    }

    async fn call(&self, events: &[(Event, Envelope)]) -> Vec<Result<Receipt, SinkError>> {
        let mut answers = Vec::with_capacity(events.len());
        match self.shape {
            Shape::Batch { .. } => {
                let envelopes = events.iter().map(|(_, envelope)| envelope.clone()).collect();
                answers = self.sink.send_batch(envelopes).await;
            }
            Shape::Single { .. } => {
                for (_, envelope) in events {
                    answers.push(self.sink.send(envelope.clone()).await);
                }
            }
            Shape::Publish { .. } => {
                for (event, _) in events {
                    answers.push(self.sink.publish(event.body()).await.map(|()| dropped_receipt()));
                }
            }
        }
        answers
    }
}

/// What `publish` drops where the sink promises that `Ok` is stored. It had a place, too.
fn dropped_receipt() -> Receipt {
    Receipt::Stored(Stored {
        log: "".into(),
        partition: None,
        offset: 0,
        duplicate: false,
    })
}
