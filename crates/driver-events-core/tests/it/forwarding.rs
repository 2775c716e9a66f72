use std::sync::Arc;
use std::time::Duration;

use driver_events_core::{
    Backoff, Buffered, DriverEventSink, DriverEventSinkExt, EventFilter, FailingEventSink, FanOut, Filter, Guarantee,
    NoopEventSink, Observed, OnFull, Receipt, Redact, Redaction, Stamped, Timeout, TraceContext,
};

use crate::support::{RecordingSink, event};

/// Calls every method of `sink` and returns the resulting calls of the inner sink.
async fn forwarded_calls(sink: &dyn DriverEventSink, inner: &RecordingSink) -> [Vec<&'static str>; 6] {
    assert_eq!(sink.send(event(1)).await.unwrap(), Receipt::Spooled);
    let send = inner.take_calls();
    sink.guarantee();
    sink.batch_order();
    assert!(sink.name().contains("recording"));
    let properties = inner.take_calls();
    let results = sink.send_batch(vec![event(2), event(3)]).await;
    let receipts: Vec<_> = results.into_iter().map(Result::unwrap).collect();
    assert_eq!(receipts, [Receipt::Spooled, Receipt::Spooled]);
    let send_batch = inner.take_calls();
    sink.flush().await.unwrap();
    let flush = inner.take_calls();
    sink.close().await.unwrap();
    let close = inner.take_calls();
    sink.publish(event(4).event().unwrap().clone()).await.unwrap();
    let publish = inner.take_calls();
    [send, properties, send_batch, flush, close, publish]
}

/// `publish` calls the decorator's own `send`.
#[tokio::test]
async fn decorators_forward_every_method_except_publish() {
    let inner = Arc::new(RecordingSink::default());
    let everything = EventFilter::everything;
    let stamped = Stamped::new(Arc::clone(&inner), "urn:a").unwrap();
    let decorators: [(Arc<dyn DriverEventSink>, &[&str]); 7] = [
        (Arc::new(stamped), &["guarantee", "batch_order", "name"]),
        (
            Arc::new(TraceContext::new(Arc::clone(&inner), || None)),
            &["guarantee", "batch_order", "name"],
        ),
        (
            Arc::new(Redact::new(Arc::clone(&inner), Redaction::none())),
            &["guarantee", "batch_order", "name"],
        ),
        (
            Arc::new(Timeout::new(Arc::clone(&inner), Duration::from_secs(60))),
            &["guarantee", "batch_order", "name"],
        ),
        (
            Arc::new(Observed::new(Arc::clone(&inner))),
            &["guarantee", "batch_order", "name"],
        ),
        // It has its own order, and asks for the names once.
        (Arc::new(FanOut::new(vec![inner.clone()])), &["guarantee"]),
        // It has its own guarantee.
        (
            Arc::new(Filter::new(Arc::clone(&inner), everything())),
            &["batch_order", "name"],
        ),
    ];
    inner.take_calls();
    for (decorator, properties) in decorators {
        let expected = [
            vec!["send"],
            properties.to_vec(),
            vec!["send_batch"],
            vec!["flush"],
            vec!["close"],
            vec!["send"],
        ];
        assert_eq!(forwarded_calls(&*decorator, &inner).await, expected, "{decorator:?}");
    }
}

/// It sends a batch event by event, as each has a number.
#[tokio::test]
async fn failing_sink_forwards_every_method() {
    let inner = Arc::new(RecordingSink::default());
    let sink = FailingEventSink::new(Arc::clone(&inner));
    let expected = [
        vec!["send"],
        vec!["guarantee", "name"],
        vec!["send", "send"],
        vec!["flush"],
        vec!["close"],
        vec!["send"],
    ];
    assert_eq!(forwarded_calls(&sink, &inner).await, expected);
}

#[tokio::test]
async fn arc_and_box_forward_every_method() {
    let inner = Arc::new(RecordingSink::default());
    let shared: Arc<dyn DriverEventSink> = inner.clone();
    let boxed: Box<dyn DriverEventSink> = Box::new(shared.clone());
    let properties = vec!["guarantee", "batch_order", "name"];
    let [send, send_batch, flush, close, publish] =
        ["send", "send_batch", "flush", "close", "publish"].map(|call| vec![call]);
    let expected = [send, properties, send_batch, flush, close, publish];
    assert_eq!(forwarded_calls(&shared, &inner).await, expected);
    assert_eq!(forwarded_calls(&boxed, &inner).await, expected);
    assert_eq!(
        (shared.guarantee(), boxed.guarantee()),
        (Guarantee::Spooled, Guarantee::Spooled)
    );
}

#[test]
fn stamped_keeps_the_guarantee_and_filter_has_none() {
    let inner = Arc::new(RecordingSink::default());
    assert_eq!(
        Stamped::new(inner.clone(), "urn:a").unwrap().guarantee(),
        Guarantee::Spooled
    );
    assert_eq!(
        Filter::new(inner, EventFilter::everything()).guarantee(),
        Guarantee::None
    );
}

#[test]
fn debug_output_shows_inner_sinks() {
    let inner = NoopEventSink;
    let stamped = Stamped::new(inner, "urn:a").unwrap();
    assert_eq!(format!("{stamped:?}"), r#"Stamped("urn:a", NoopEventSink)"#);
    let fan_out = FanOut::new(vec![Arc::new(stamped), Arc::new(inner)]);
    assert_eq!(
        format!("{fan_out:?}"),
        r#"FanOut([Stamped("urn:a", NoopEventSink), NoopEventSink])"#
    );
    let filter = Filter::new(
        inner,
        EventFilter::everything().kinds_named(["b", "a"]).matching(|_| true),
    );
    assert_eq!(
        format!("{filter:?}"),
        r#"Filter(EventFilter { kinds: Some({"a", "b"}), goals: None, predicates: 1 }, NoopEventSink)"#
    );
    let decorators: [(Box<dyn DriverEventSink>, &str); 6] = [
        (
            Box::new(FailingEventSink::new(inner)),
            "FailingEventSink(NoopEventSink)",
        ),
        (
            Box::new(TraceContext::new(inner, || None)),
            "TraceContext(NoopEventSink)",
        ),
        (Box::new(inner.redacted(Redaction::none())), "Redact(NoopEventSink)"),
        (
            Box::new(inner.with_timeout(Duration::from_secs(1))),
            "Timeout(1s, NoopEventSink)",
        ),
        (
            Box::new(inner.retried(Backoff::default()).observed()),
            "Observed(Retry(NoopEventSink))",
        ),
        (Box::new(inner.best_effort()), "BestEffort(NoopEventSink)"),
    ];
    for (decorator, expected) in decorators {
        assert_eq!(format!("{decorator:?}"), expected);
    }
}

#[tokio::test]
async fn debug_output_of_a_buffer_shows_its_choice() {
    let builder = Buffered::builder(NoopEventSink, OnFull::Wait);
    assert!(format!("{builder:?}").starts_with("BufferedBuilder { inner: NoopEventSink, on_full: Wait, "));
    assert_eq!(
        format!("{:?}", builder.build().unwrap()),
        "Buffered(Wait, NoopEventSink)"
    );
}
