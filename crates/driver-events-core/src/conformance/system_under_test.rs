use std::collections::{BTreeMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use driver_events_types::GoalId;

use super::fixture::{Capabilities, Fixture};
use super::samples;
use crate::envelope::Envelope;
use crate::sink::DriverEventSink;
use crate::sink::receipt::Receipt;
use crate::sink::sink_error::SinkError;

/// Sink under test and its store, created for one property.
pub(super) struct SystemUnderTest<'a, F: Fixture> {
    pub(super) sink: Arc<dyn DriverEventSink>,
    pub(super) capabilities: Capabilities,
    fixture: &'a F,
    store: F::Store,
}

impl<'a, F: Fixture> SystemUnderTest<'a, F> {
    pub(super) async fn start(fixture: &'a F) -> Self {
        let (sink, store) = fixture.start().await;
        Self {
            sink,
            capabilities: fixture.capabilities(),
            fixture,
            store,
        }
    }

    /// Starts a sink whose second event fails, if the fixture has one.
    pub(super) async fn start_failing(fixture: &'a F) -> Option<Self> {
        let (sink, store) = fixture.start_failing().await?;
        Some(Self {
            sink,
            capabilities: fixture.capabilities(),
            fixture,
            store,
        })
    }

    /// Sends an event that the sink must accept.
    pub(super) async fn send(&self, envelope: &Envelope) {
        self.check_accepted(envelope, self.sink.send(envelope.clone()).await);
    }

    /// Sends a batch of which the sink must accept every event.
    pub(super) async fn send_batch(&self, envelopes: &[Envelope]) {
        let results = self.sink.send_batch(envelopes.to_vec()).await;
        assert_eq!(results.len(), envelopes.len(), "unexpected number of batch results");
        for (envelope, result) in envelopes.iter().zip(results) {
            self.check_accepted(envelope, result);
        }
    }

    pub(super) fn check_accepted(&self, envelope: &Envelope, result: Result<Receipt, SinkError>) {
        match result {
            Ok(receipt) => check_receipt(&*self.sink, &self.capabilities, &receipt),
            Err(error) => panic!("send failed: {error:?}: {}", short(envelope)),
        }
    }

    pub(super) async fn flush(&self) {
        if let Err(error) = self.sink.flush().await {
            panic!("flush failed: {error:?}");
        }
    }

    /// Flushes, and checks that exactly the events of `sent` are stored, once each and in order within each goal.
    pub(super) async fn expect_stored(&self, sent: &[Envelope]) {
        self.flush().await;
        self.expect_stored_without_flush(sent).await;
    }

    pub(super) async fn expect_stored_without_flush(&self, sent: &[Envelope]) {
        if self.capabilities.stores {
            compare(sent, &self.stored().await);
        }
    }

    /// Checks that exactly the events of `sent` are stored, except that those of `unknown` may be stored too.
    pub(super) async fn expect_stored_and_maybe(&self, sent: &[Envelope], unknown: &[Envelope]) {
        if self.capabilities.stores {
            let unknown: HashSet<_> = unknown.iter().map(text).collect();
            let mut stored = self.stored().await;
            stored.retain(|envelope| !unknown.contains(&text(envelope)));
            compare(sent, &stored);
        }
    }

    /// Same as [`expect_stored`](Self::expect_stored), but ignores duplicates.
    pub(super) async fn expect_stored_at_least_once(&self, sent: &[Envelope]) {
        self.flush().await;
        if self.capabilities.stores {
            let mut seen = HashSet::new();
            let mut stored = self.stored().await;
            stored.retain(|envelope| seen.insert(text(envelope)));
            compare(sent, &stored);
        }
    }

    pub(super) async fn stored(&self) -> Vec<Envelope> {
        self.fixture.stored(&self.store).await
    }
}

pub(super) fn check_receipt(sink: &dyn DriverEventSink, capabilities: &Capabilities, receipt: &Receipt) {
    let guarantee = sink.guarantee();
    assert!(
        receipt.guarantee() >= guarantee,
        "receipt {receipt:?} is weaker than the guarantee {guarantee:?}"
    );
    assert!(
        !capabilities.stores || *receipt != Receipt::Discarded,
        "unexpected receipt Discarded from a sink that stores events"
    );
}

pub(super) fn compare(sent: &[Envelope], stored: &[Envelope]) {
    let stored_by_goal = by_goal(stored);
    for (goal_id, expected) in by_goal(sent) {
        let found = stored_by_goal.get(&goal_id).cloned().unwrap_or_default();
        for (index, expected) in expected.iter().enumerate() {
            let found = found.get(index).map_or("nothing", String::as_str);
            assert_eq!(found, expected, "unexpected stored event {index} of goal {goal_id:?}");
        }
    }
    assert_eq!(stored.len(), sent.len(), "unexpected number of stored events");
}

/// Returns the JSON of the events of each goal. Events without a goal are unordered, so they are sorted.
fn by_goal(envelopes: &[Envelope]) -> BTreeMap<Option<GoalId>, Vec<String>> {
    let mut goals = BTreeMap::<_, Vec<_>>::new();
    for envelope in envelopes {
        goals.entry(envelope.goal_id()).or_default().push(text(envelope));
    }
    if let Some(unordered) = goals.get_mut(&None) {
        unordered.sort();
    }
    goals
}

/// Returns a small event of the goal.
pub(super) fn event(goal: u32, number: u32) -> Envelope {
    Envelope::new(samples::numbered(samples::goal(goal), number))
}

/// Returns small events of the goal, one for each number.
pub(super) fn events(goal: u32, numbers: Range<u32>) -> Vec<Envelope> {
    numbers.map(|number| event(goal, number)).collect()
}

/// Returns the JSON as text, for comparison and messages.
pub(super) fn text(envelope: &Envelope) -> String {
    match envelope.json() {
        Ok(json) => String::from_utf8_lossy(json).into_owned(),
        Err(error) => format!("unencodable event: {error}"),
    }
}

/// Returns the first 200 characters of the JSON, for messages.
pub(super) fn short(envelope: &Envelope) -> String {
    text(envelope).chars().take(200).collect()
}
