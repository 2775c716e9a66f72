//! Code written for the original API compiles with only its import paths changed.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use driver_events_core::conformance::samples;
use driver_events_core::{
    DriverEventSink, DriverEventSinkExt, Envelope, EventFilter, Guarantee, MemoryEventSink, NoopEventSink, Receipt,
    SinkError, SinkErrorKind,
};
use driver_events_types::{AttemptOutcome, AttemptResult, BudgetUsage, DriverEvent, EventKind, GoalId, Uuid};

#[tokio::test]
async fn driver_publishes_through_shared_sink() -> Result<(), SinkError> {
    async fn work(sink: Arc<dyn DriverEventSink>) -> Result<(), SinkError> {
        let goal_id = GoalId(Uuid::nil());
        let event = DriverEvent::Escalate {
            goal_id,
            reason: "x".into(),
        };
        sink.publish(event).await?;
        Ok(())
    }

    let s = NoopEventSink;
    work(Arc::new(s)).await?;
    let memory = MemoryEventSink::new();
    work(Arc::new(memory.clone())).await?;
    assert_eq!(memory.events()[0].goal_id(), GoalId(Uuid::nil()));
    Ok(())
}

#[tokio::test]
async fn default_methods_call_send() {
    #[derive(Debug, Default)]
    struct SendOnly(Mutex<Vec<Envelope>>);

    #[async_trait]
    impl DriverEventSink for SendOnly {
        async fn send(&self, envelope: Envelope) -> Result<Receipt, SinkError> {
            envelope.json()?;
            self.0.lock().unwrap().push(envelope);
            Ok(Receipt::Written)
        }

        fn guarantee(&self) -> Guarantee {
            Guarantee::Written
        }
    }

    let sent = Arc::new(SendOnly::default());
    let sink: Arc<dyn DriverEventSink> = sent.clone();
    assert_eq!(sink.name(), "SendOnly");
    let mut expected = samples::every_kind(GoalId::new());
    for event in expected.clone() {
        sink.publish(event).await.unwrap();
    }
    let goal_id = samples::goal(1);
    let batch = [1, 2].map(|number| Envelope::new(samples::numbered(goal_id, number)));
    let [first, second] = batch.clone();
    let results = sink.send_batch(vec![first, samples::not_finite(goal_id), second]).await;
    let results: Vec<_> = results
        .into_iter()
        .map(|result| result.map_err(|error| error.kind()))
        .collect();
    let written = Ok(Receipt::Written);
    assert_eq!(results, [written.clone(), Err(SinkErrorKind::Encode), written]);
    sink.flush().await.unwrap();
    sink.close().await.unwrap();

    let sent = std::mem::take(&mut *sent.0.lock().unwrap());
    expected.extend(batch.iter().filter_map(Envelope::event).cloned());
    assert!(sent.iter().filter_map(Envelope::event).eq(&expected));
    let ids: BTreeSet<_> = sent.iter().map(Envelope::id).collect();
    assert_eq!(ids.len(), expected.len(), "every envelope has its own id");
    assert_eq!(sent[16].id(), batch[0].id(), "send_batch keeps the envelopes");
    let unencodable = samples::not_finite(goal_id).event().cloned().unwrap();
    let error = sink.publish(unencodable).await.unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::Encode);
}

#[tokio::test]
async fn default_close_flushes() {
    #[derive(Debug, Default)]
    struct FailsFirstFlush(AtomicUsize);

    #[async_trait]
    impl DriverEventSink for FailsFirstFlush {
        async fn send(&self, _: Envelope) -> Result<Receipt, SinkError> {
            Ok(Receipt::Buffered)
        }

        fn guarantee(&self) -> Guarantee {
            Guarantee::Buffered
        }

        async fn flush(&self) -> Result<(), SinkError> {
            match self.0.fetch_add(1, Ordering::Relaxed) {
                0 => Err(SinkError::new(SinkErrorKind::Timeout, "first flush")),
                _ => Ok(()),
            }
        }
    }

    let sink = FailsFirstFlush::default();
    assert_eq!(sink.close().await.unwrap_err().kind(), SinkErrorKind::Timeout);
    sink.close().await.unwrap();
    assert_eq!(sink.0.load(Ordering::Relaxed), 2);
}

#[test]
fn envelope_keeps_the_subject_of_every_kind() {
    let subjects = [
        "agent.driver.goal.started",
        "agent.driver.goal.completed",
        "agent.driver.attempt.started",
        "agent.driver.attempt.completed",
        "agent.driver.decision",
        "agent.driver.acceptance",
        "agent.driver.budget.exhausted",
        "agent.driver.escalate",
        "agent.driver.replay",
        "agent.driver.compact",
        "agent.driver.compact.completed",
        "agent.driver.compact.summary_stored",
        "agent.driver.extract_memories.completed",
        "agent.driver.extract_memories.skipped",
        "agent.driver.auto_dream",
        "agent.driver.progress",
    ];
    let events = samples::every_kind(GoalId(Uuid::nil()));
    let kinds: Vec<EventKind> = events.iter().map(DriverEvent::kind).collect();
    assert_eq!(kinds, EventKind::ALL);
    for (event, subject) in events.into_iter().zip(subjects) {
        assert_eq!(event.nats_subject(), subject);
        // The CloudEvents type of another publisher does not change the subject of a known kind.
        let envelope = Envelope::new(event).with_event_type("other").unwrap();
        assert_eq!(envelope.subject(), Some(subject));
    }
}

#[test]
fn empty_attempt_result_round_trips() {
    let event = DriverEvent::AttemptCompleted {
        result: AttemptResult {
            goal_id: GoalId(Uuid::nil()),
            turn_index: 0,
            outcome: AttemptOutcome::Done,
            decisions_recorded: vec![],
            usage_after: BudgetUsage::default(),
            acceptance: None,
            final_text: None,
            harness_extras: serde_json::Map::new(),
        },
    };
    let json = Envelope::new(event.clone()).json().unwrap().clone();
    assert_eq!(
        json,
        concat!(
            r#"{"kind":"attempt_completed","result":{"goal_id":"00000000-0000-0000-0000-000000000000","turn_index":0,"#,
            r#""outcome":{"kind":"done"},"decisions_recorded":[],"usage_after":{"turns":0,"wall_time":"0s","tokens":0,"#,
            r#""consecutive_denies":0,"consecutive_errors":0,"consecutive_413":0}}}"#,
        )
    );
    assert_eq!(Envelope::from_json(json).unwrap().event(), Some(&event));
}

#[tokio::test]
async fn extension_methods_compose_decorators() {
    let everything = MemoryEventSink::new();
    let completed = MemoryEventSink::new();
    let filter = EventFilter::everything().kinds([EventKind::GoalCompleted]);
    let sink = everything
        .clone()
        .fan_out_with(completed.clone().filtered(filter))
        .stamped("urn:a")
        .unwrap();
    let sink: Arc<dyn DriverEventSink> = Arc::new(sink);
    for event in samples::every_kind(GoalId::new()) {
        sink.publish(event).await.unwrap();
    }
    assert_eq!((everything.len(), completed.len()), (16, 1));
    let completed = &completed.envelopes()[0];
    assert_eq!((completed.kind(), completed.source()), ("goal_completed", "urn:a"));
    assert_eq!(completed.stamp().map(|stamp| stamp.sequence), Some(2));
    assert_eq!(completed.stamp(), everything.envelopes()[1].stamp());
}
