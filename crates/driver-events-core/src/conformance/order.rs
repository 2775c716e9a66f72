use std::sync::Arc;

use super::fixture::{Capabilities, Fixture};
use super::samples;
use super::system_under_test::{SystemUnderTest, check_receipt, event, events};
use crate::envelope::Envelope;
use crate::sink::DriverEventSink;
use crate::sink::batch_order::BatchOrder;
use crate::sink::sink_error::{Fate, SinkError};

const TASK_COUNT: u32 = 8;
const EVENTS_PER_TASK: u32 = 40;

/// Checks that events of one goal that are sent one after another are stored in that order, interleaved with events of
/// other goals.
///
/// # Panics
/// Panics if the sink violates this property.
pub async fn keeps_order_of_sends(fixture: &impl Fixture) {
    let system = SystemUnderTest::start(fixture).await;
    let sent = interleaved();
    for envelope in &sent {
        system.send(envelope).await;
    }
    system.expect_stored(&sent).await;
}

/// Checks that events of one goal keep the order of their batch, and the order of successive batches and single sends.
///
/// # Panics
/// Panics if the sink violates this property.
pub async fn keeps_order_of_batches(fixture: &impl Fixture) {
    let system = SystemUnderTest::start(fixture).await;
    let sent = interleaved();
    for (part, length) in sent.chunks(50).zip([50, 1].into_iter().cycle()) {
        let (batch, rest) = part.split_at(length.min(part.len()));
        system.send_batch(batch).await;
        for envelope in rest {
            system.send(envelope).await;
        }
    }
    system.expect_stored(&sent).await;
}

/// Checks that events of concurrent tasks, each with its own goal, are stored once and in the order of their task. The
/// tasks use `send`, `send_batch`, `flush` and `publish`.
///
/// # Panics
/// Panics if the sink violates this property.
pub async fn keeps_order_of_concurrent_tasks(fixture: &impl Fixture) {
    let system = SystemUnderTest::start(fixture).await;
    let tasks: Vec<_> = (0..TASK_COUNT)
        .map(|task| {
            let sink = Arc::clone(&system.sink);
            tokio::spawn(send_events(sink, system.capabilities.clone(), task))
        })
        .collect();
    let mut sent = Vec::new();
    for task in tasks {
        match task.await {
            Ok(envelopes) => sent.extend(envelopes),
            Err(error) => panic!("sending task failed: {error}"),
        }
    }
    system.expect_stored(&sent).await;
}

/// Checks that a sink with [`BatchOrder::StopsGoal`] does not send the later events of a goal after one of its events
/// failed for a reason that is not about the event: they fail with the same kind and the fate
/// [`NotSent`](Fate::NotSent), and events of other goals are stored. Other sinks are not checked.
///
/// # Panics
/// Panics if the sink violates this property.
pub async fn keeps_order_after_failure(fixture: &impl Fixture) {
    let Some(system) = SystemUnderTest::start_failing(fixture).await else {
        return;
    };
    if system.sink.batch_order() != BatchOrder::StopsGoal {
        return;
    }
    let batch = [
        event(1, 0),
        event(1, 1),
        event(2, 0),
        event(1, 2),
        event(2, 1),
        event(1, 3),
    ];
    let results = system.sink.send_batch(batch.to_vec()).await;
    assert_eq!(results.len(), batch.len(), "unexpected number of batch results");
    let Some(failure) = results
        .get(1)
        .and_then(|result| result.as_ref().err())
        .map(SinkError::kind)
    else {
        panic!("the second event of the batch did not fail: {results:?}");
    };
    let mut stored = Vec::new();
    for (index, (envelope, result)) in batch.iter().zip(results).enumerate() {
        match result {
            Err(_) if index == 1 => {}
            Err(error) if [3, 5].contains(&index) => {
                let found = (error.kind(), error.fate());
                let expected = (failure, Fate::NotSent);
                assert_eq!(
                    found, expected,
                    "unexpected error behind a failed event of the same goal"
                );
            }
            Ok(receipt) if [3, 5].contains(&index) => {
                panic!("event {index} overtook the failed event of its goal: {receipt:?}");
            }
            result => {
                system.check_accepted(envelope, result);
                stored.push(envelope.clone());
            }
        }
    }
    system.expect_stored(&stored).await;
}

/// Sends the events of one task through every sending method, and returns them.
async fn send_events(sink: Arc<dyn DriverEventSink>, capabilities: Capabilities, task: u32) -> Vec<Envelope> {
    let mut sent = events(task, 0..EVENTS_PER_TASK);
    for (part, envelopes) in sent.chunks(4).enumerate() {
        let results = if part % 3 == 0 {
            sink.send_batch(envelopes.to_vec()).await
        } else {
            let mut results = Vec::new();
            for envelope in envelopes {
                results.push(sink.send(envelope.clone()).await);
            }
            results
        };
        for result in results {
            match result {
                Ok(receipt) => check_receipt(&*sink, &capabilities, &receipt),
                Err(error) => panic!("send failed: {error:?}"),
            }
        }
        if part % 4 == 0
            && let Err(error) = sink.flush().await
        {
            panic!("flush failed: {error:?}");
        }
    }
    let last = samples::numbered(samples::goal(task), EVENTS_PER_TASK);
    if let Err(error) = sink.publish(last.clone()).await {
        panic!("publish failed: {error:?}");
    }
    sent.push(Envelope::new(last));
    sent
}

/// Returns the events of all goals, interleaved.
fn interleaved() -> Vec<Envelope> {
    let numbers = 0..EVENTS_PER_TASK;
    numbers
        .flat_map(|number| (0..TASK_COUNT).map(move |goal| event(goal, number)))
        .collect()
}
