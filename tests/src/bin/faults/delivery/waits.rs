//! Waits of a rig for what happens in its driver and its brokers.

use anyhow::{Context, Result};
use driver_events_spool::TargetState;
use tokio::runtime::Handle;
use tokio::task::block_in_place;

use super::ledger::Entry;
use super::read_back::{messages, records};
use super::rig::{Rig, Target};
use crate::fault_timer::wait_until;

impl Rig {
    /// Returns the number of entries in the ledger.
    pub(super) fn entries(&mut self) -> Result<usize> {
        self.ledger.update()?;
        Ok(self.ledger.entries.len())
    }

    /// Waits until this many more events are accepted.
    pub(super) async fn wait_accepted(&mut self, events: usize) -> Result<()> {
        let first = self.entries()?;
        let is_accepted = |entry: &Entry| matches!(entry, Entry::Accepted(_));
        self.wait_entries(first, events, "events are accepted", is_accepted)
            .await
    }

    /// Waits until the last state of a target is this one.
    pub(super) async fn wait_state(&mut self, expected: TargetState) -> Result<()> {
        let expected = format!("{expected:?}");
        let mut failed = Ok(());
        let ledger = &mut self.ledger;
        let what = format!("a target is {expected}");
        let waited = wait_until(&what, || {
            failed = ledger.update();
            failed.is_err() || ledger.last_state() == Some(&expected)
        });
        waited.await.with_context(|| self.driver_log())?;
        failed
    }

    /// Waits until this many entries from `first` on are selected.
    pub(super) async fn wait_entries(
        &mut self,
        first: usize,
        count: usize,
        what: &str,
        is_selected: impl Fn(&Entry) -> bool,
    ) -> Result<()> {
        let mut failed = Ok(());
        let ledger = &mut self.ledger;
        let waited = wait_until(what, || {
            failed = ledger.update();
            failed.is_err() || ledger.count_from(first, &is_selected) >= count
        });
        waited.await.with_context(|| self.driver_log())?;
        failed
    }

    /// Waits until the target has every event accepted so far.
    pub(super) async fn wait_delivered(&mut self, target: Target) -> Result<()> {
        self.ledger.update()?;
        let accepted = self.ledger.count_from(0, |entry| matches!(entry, Entry::Accepted(_))) as u64;
        let waited = match target {
            Target::JetStream => {
                let client = self.nats()?.client().await?;
                let count = || Handle::current().block_on(messages(&client));
                let is_delivered = || block_in_place(count).is_ok_and(|count| count >= accepted);
                wait_until("JetStream has the events", is_delivered).await
            }
            Target::Kafka => {
                let (config, topic) = (self.kafka()?.config()?, self.kafka()?.topic.clone());
                let count = || records(&config, &topic);
                let is_delivered = || block_in_place(count).is_ok_and(|count| count >= accepted);
                wait_until("Kafka has the events", is_delivered).await
            }
        };
        waited.with_context(|| self.driver_log())
    }
}
