use driver_events_core::conformance::samples;
use driver_events_core::{DriverEventSink, Envelope, EventFilter, Filter, MemoryEventSink, Receipt, SinkErrorKind};
use driver_events_types::EventKind;

use crate::support::{RecordingSink, ShortBatchSink, event_of};

#[test]
fn matches_any_entry_of_a_list_and_every_condition() {
    let [one, two, three] = [1, 2, 3].map(|goal| event_of(goal, 0));
    let other_kind = samples::foreign(samples::goal(1));
    let filter = EventFilter::everything()
        .kinds([EventKind::CompactCompleted])
        .goals([samples::goal(1)])
        .goals([samples::goal(2)]);
    assert!(filter.selects(&one) && filter.selects(&two));
    assert!(!filter.selects(&three) && !filter.selects(&other_kind));
    let filter = filter.kinds([EventKind::Escalate]);
    assert!(filter.selects(&other_kind) && filter.selects(&one));
    let goal = samples::goal(1);
    let filter = filter
        .matching(move |envelope| envelope.goal_id() == Some(goal))
        .matching(|_| true);
    assert!(filter.selects(&one) && !filter.selects(&two));
}

#[test]
fn empty_list_selects_nothing() {
    let filter = EventFilter::everything();
    for none in [
        filter.clone().kinds([]),
        filter.clone().goals([]),
        filter.clone().kinds_named(Vec::<String>::new()),
    ] {
        assert!(!none.is_everything());
        assert!(!none.selects(&event_of(1, 0)));
    }
    assert!(filter.is_everything());
    assert!(filter.selects(&event_of(1, 0)));
    assert!(!filter.clone().goals([samples::goal(1)]).is_everything());
    assert!(!filter.clone().kinds([EventKind::Escalate]).is_everything());
    assert!(!filter.matching(|_| true).is_everything());
}

#[test]
fn selected_kinds_are_those_of_both_lists() {
    let filter = EventFilter::everything();
    assert!(filter.selected_kinds().is_none());
    assert_eq!(filter.clone().kinds([]).selected_kinds().unwrap().count(), 0);
    let filter = filter.kinds([EventKind::Progress]).kinds_named(["goal_paused"]);
    let kinds: Vec<_> = filter.selected_kinds().unwrap().collect();
    assert_eq!(kinds, ["goal_paused", "progress"]);
}

#[test]
fn selects_unknown_events_by_kind_and_goal() {
    let unknown = samples::unknown_kind(samples::goal(1));
    let paused = EventFilter::everything().kinds_named(["goal_paused"]);
    assert!(paused.selects(&unknown));
    assert!(!paused.selects(&event_of(1, 0)));
    assert!(EventFilter::everything().goals([samples::goal(1)]).selects(&unknown));
    let without_goal = Envelope::from_json(r#"{"kind":"host_restarted"}"#).unwrap();
    assert!(
        !EventFilter::everything()
            .goals([samples::goal(1)])
            .selects(&without_goal)
    );
}

#[tokio::test]
async fn sends_selected_events_and_discards_others() {
    let sink = Filter::new(
        MemoryEventSink::new(),
        EventFilter::everything().goals([samples::goal(1)]),
    );
    assert_eq!(sink.send(event_of(1, 0)).await.unwrap(), Receipt::Buffered);
    assert_eq!(sink.send(event_of(2, 0)).await.unwrap(), Receipt::Discarded);
    sink.publish(samples::numbered(samples::goal(2), 1)).await.unwrap();
    let stored = sink.into_inner().envelopes();
    assert_eq!(stored.len(), 1);
    assert_eq!(stored[0].goal_id(), Some(samples::goal(1)));
}

#[tokio::test]
async fn batch_results_keep_their_order() {
    let sink = Filter::new(
        MemoryEventSink::bounded(2),
        EventFilter::everything().goals([samples::goal(1)]),
    );
    let batch = [2, 1, 1, 2, 1].map(|goal| event_of(goal, 0));
    let results: Vec<_> = sink
        .send_batch(batch.to_vec())
        .await
        .into_iter()
        .map(|result| result.map_err(|error| error.kind()))
        .collect();
    assert_eq!(
        results,
        [
            Ok(Receipt::Discarded),
            Ok(Receipt::Buffered),
            Ok(Receipt::Buffered),
            Ok(Receipt::Discarded),
            Err(SinkErrorKind::Full),
        ]
    );
    let goals: Vec<_> = sink.get_ref().envelopes().iter().map(Envelope::goal_id).collect();
    assert_eq!(goals, [Some(samples::goal(1)); 2]);
}

#[tokio::test]
async fn batch_without_selected_events_is_not_sent() {
    let sink = Filter::new(
        RecordingSink::default(),
        EventFilter::everything().goals([samples::goal(1)]),
    );
    let results = sink.send_batch(vec![event_of(2, 1)]).await;
    assert_eq!(results.len(), 1);
    assert_eq!(results[0].as_ref().unwrap(), &Receipt::Discarded);
    assert!(sink.get_ref().take_calls().is_empty());
}

#[tokio::test]
async fn missing_batch_results_are_fatal() {
    let sink = Filter::new(ShortBatchSink, EventFilter::everything());
    let results = sink.send_batch(vec![event_of(1, 0), event_of(1, 1)]).await;
    assert_eq!(results.len(), 2);
    assert!(results[0].is_ok());
    assert_eq!(results[1].as_ref().unwrap_err().kind(), SinkErrorKind::Fatal);
}
