//! Members of a consumer group, and the events that they have read together.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use driver_events_core::{Delivery, DriverEventSource, SourceErrorKind};
use driver_events_kafka::KafkaEventSource;
use rdkafka::ClientConfig;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::topic::{event, partition_and_offset};
use crate::event::Event;
use crate::fault_timer::{STEP_TIMEOUT, wait_until};
use crate::recorder::{Outcome, Recorder};
use crate::row::Row;

pub(super) const GROUP: &str = "readers";
/// Deliveries settled together, in reverse order.
const ACK_BATCH: usize = 32;
/// Settles a smaller batch after this time without a delivery.
const ACK_BATCH_TIMEOUT: Duration = Duration::from_millis(20);

/// Events that the members of a group have read.
#[derive(Debug, Default)]
pub(super) struct Ledger(Mutex<Read>);

#[derive(Debug, Default)]
struct Read {
    /// Events with a successful ack.
    acked: HashSet<Event>,
    again: u64,
    /// For each partition, the offset after the last record delivered to any member.
    ends: HashMap<usize, u64>,
    /// Number of records skipped: never delivered, although later ones were.
    skipped: u64,
    errors: BTreeMap<String, u64>,
}

impl Ledger {
    pub(super) fn acked(&self) -> usize {
        self.read().acked.len()
    }

    /// Records an ack.
    pub(super) fn record_ack(&self, event: Event) {
        let mut read = self.read();
        let is_new = read.acked.insert(event);
        read.again += u64::from(!is_new);
    }

    /// Waits until the group has read all events that the sink acknowledged.
    pub(super) async fn wait_until_complete(&self, recorder: &Recorder) -> Result<()> {
        wait_until("the group has read all events", || self.missing(recorder) == 0).await
    }

    /// Checks that every event that the sink acknowledged was read at least once, in partition order.
    pub(super) fn verify(&self, recorder: &Recorder, row: &mut Row) {
        let missing = self.missing(recorder);
        row.check(missing == 0, || {
            format!("{missing} events were never read by the group")
        });
        let read = self.read();
        row.check(read.skipped == 0, || {
            format!("the group skipped {} records", read.skipped)
        });
        row.read += read.acked.len() as u64;
        row.read_again += read.again;
        for (kind, count) in &read.errors {
            row.count_errors(kind, *count);
        }
    }

    fn missing(&self, recorder: &Recorder) -> usize {
        let (entries, read) = (recorder.recorded(), self.read());
        if entries.acknowledged > read.acked.len() as u64 {
            return usize::MAX;
        }
        let acknowledged = entries
            .outcomes
            .iter()
            .filter(|(_, outcome)| **outcome == Outcome::Acknowledged);
        acknowledged.filter(|(event, _)| !read.acked.contains(event)).count()
    }

    /// Records a delivery. A member starts at the offsets of the group: no record may be skipped.
    fn record_delivery(&self, delivery: &Delivery) -> Result<()> {
        let (partition, offset) = partition_and_offset(delivery)?;
        let mut read = self.read();
        let end = read.ends.entry(partition).or_default();
        let skipped = offset.saturating_sub(*end);
        *end = (*end).max(offset + 1);
        read.skipped += skipped;
        Ok(())
    }

    fn record_error(&self, what: String) {
        *self.read().errors.entry(what).or_default() += 1;
    }

    fn read(&self) -> MutexGuard<'_, Read> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A member of the group.
#[derive(Debug)]
pub(super) struct Member {
    end: oneshot::Sender<End>,
    reading: JoinHandle<Result<()>>,
}

/// How a member leaves.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    /// Settles its deliveries and closes its source.
    Closed,
    /// Drops its source with unsettled deliveries.
    Dropped,
}

impl Member {
    pub(super) async fn join(config: &ClientConfig, topic: &str, ledger: &Arc<Ledger>) -> Result<Self> {
        let source = source(config, topic).await?;
        let (end, ended) = oneshot::channel();
        let reading = tokio::spawn(read(source, Arc::clone(ledger), ended));
        Ok(Self { end, reading })
    }

    pub(super) async fn leave(self, end: End) -> Result<()> {
        // Fails if the member has stopped early: its result has the error.
        let _ = self.end.send(end);
        timeout(STEP_TIMEOUT, self.reading)
            .await
            .context("a reader did not stop")??
    }
}

/// A source with short timeouts, so that the group notices a dropped member and a rebalance quickly.
pub(super) async fn source(config: &ClientConfig, topic: &str) -> Result<KafkaEventSource> {
    let mut config = config.clone();
    config
        .set("session.timeout.ms", "3000")
        .set("heartbeat.interval.ms", "200");
    let builder = KafkaEventSource::builder(config).topic(topic).group(GROUP);
    builder.build().await.context("cannot build a source")
}

async fn read(mut source: KafkaEventSource, ledger: Arc<Ledger>, mut ended: oneshot::Receiver<End>) -> Result<()> {
    let mut unsettled = Vec::new();
    loop {
        tokio::select! {
            next = source.next() => match next.context("a source ended early")? {
                Ok(delivery) => {
                    ledger.record_delivery(&delivery)?;
                    unsettled.push(delivery);
                }
                Err(error) if error.kind() == SourceErrorKind::Disconnected => {
                    ledger.record_error(format!("{:?} while reading", error.kind()));
                }
                Err(error) => return Err(error).context("a reader failed"),
            },
            () = sleep(ACK_BATCH_TIMEOUT), if !unsettled.is_empty() => settle(&mut unsettled, &ledger).await?,
            end = &mut ended => return match end {
                Ok(End::Closed) => {
                    settle(&mut unsettled, &ledger).await?;
                    let closed = timeout(STEP_TIMEOUT, source.close()).await.context("close did not return")?;
                    // A concurrent rebalance fails the commit, and acked events are redelivered.
                    if closed.is_err() {
                        ledger.record_error("closed without a commit".to_owned());
                    }
                    Ok(())
                }
                _ => Ok(()),
            },
        }
        if unsettled.len() >= ACK_BATCH {
            settle(&mut unsettled, &ledger).await?;
        }
    }
}

async fn settle(unsettled: &mut Vec<Delivery>, ledger: &Ledger) -> Result<()> {
    for delivery in unsettled.drain(..).rev() {
        let event = event(&delivery)?;
        match delivery.ack().await {
            Ok(()) => ledger.record_ack(event),
            // The partition was revoked: the event is redelivered to its new owner.
            Err(error) if error.kind() == SourceErrorKind::Timeout => {}
            Err(error) => bail!("ack failed: {error}"),
        }
    }
    Ok(())
}
