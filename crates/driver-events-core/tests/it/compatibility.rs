//! The calls of code that exists compile, with only their import paths changed.

use std::sync::Arc;

use async_trait::async_trait;
use driver_events_core::conformance::samples;
use driver_events_core::{
    DriverEventSink, DriverEventSinkExt, Envelope, EventFilter, MemoryEventSink, NoopEventSink, Receipt, SinkError,
};
use driver_events_types::{AttemptOutcome, AttemptResult, BudgetUsage, DriverEvent, EventKind, GoalId, Uuid};

#[tokio::test]
async fn a_driver_publishes_through_a_shared_sink() -> Result<(), SinkError> {
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
async fn a_sink_implements_one_method() {
    #[derive(Debug)]
    struct One;

    #[async_trait]
    impl DriverEventSink for One {
        async fn send(&self, _: Envelope) -> Result<Receipt, SinkError> {
            Ok(Receipt::Written)
        }
    }

    let sink: Arc<dyn DriverEventSink> = Arc::new(One);
    for event in samples::every_kind(GoalId::new()) {
        sink.publish(event).await.unwrap();
    }
    sink.close().await.unwrap();
}

#[test]
fn every_subject_is_stable_through_the_envelope() {
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
        // A type that somebody else gave does not change the subject of a known kind.
        let envelope = Envelope::new(event).with_event_type("other").unwrap();
        assert_eq!(envelope.subject(), Some(subject));
    }
}

#[test]
fn an_attempt_with_an_empty_result_round_trips() {
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
async fn decorators_compose_as_methods() {
    let everything = MemoryEventSink::new();
    let ends = MemoryEventSink::new();
    let filter = EventFilter::everything().kinds([EventKind::GoalCompleted]);
    let sink = everything
        .clone()
        .fan_out_with(ends.clone().filtered(filter))
        .stamped("urn:a")
        .unwrap();
    let sink: Arc<dyn DriverEventSink> = Arc::new(sink);
    for event in samples::every_kind(GoalId::new()) {
        sink.publish(event).await.unwrap();
    }
    assert_eq!((everything.len(), ends.len()), (16, 1));
    assert_eq!(ends.envelopes()[0].stamp(), everything.envelopes()[1].stamp());
}
