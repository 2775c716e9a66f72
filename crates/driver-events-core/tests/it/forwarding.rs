use std::sync::Arc;

use driver_events_core::{DriverEventSink, EventFilter, FanOut, Filter, Guarantee, Stamped};

use crate::support::{Recording, event};

/// Calls every method, and returns for each what the inner sink saw.
async fn calls_through(sink: &dyn DriverEventSink, inner: &Recording) -> [Vec<&'static str>; 6] {
    sink.send(event(1)).await.unwrap();
    let send = inner.calls();
    sink.guarantee();
    let guarantee = inner.calls();
    assert_eq!(sink.send_batch(vec![event(2), event(3)]).await.len(), 2);
    let send_batch = inner.calls();
    sink.flush().await.unwrap();
    let flush = inner.calls();
    sink.close().await.unwrap();
    let close = inner.calls();
    sink.publish(event(4).event().unwrap().clone()).await.unwrap();
    let publish = inner.calls();
    [send, guarantee, send_batch, flush, close, publish]
}

/// `publish` goes through the decorator's own `send`.
#[tokio::test]
async fn decorators_forward_every_method_but_publish() {
    let inner = Arc::new(Recording::default());
    let everything = EventFilter::everything;
    let decorators: [(Arc<dyn DriverEventSink>, &str); 3] = [
        (
            Arc::new(Stamped::new(Arc::clone(&inner), "urn:a").unwrap()),
            "guarantee",
        ),
        (Arc::new(FanOut::new(vec![inner.clone()])), "guarantee"),
        // Its guarantee is its own.
        (Arc::new(Filter::new(Arc::clone(&inner), everything())), ""),
    ];
    for (decorator, guarantee) in decorators {
        let guarantee: Vec<&str> = Some(guarantee).into_iter().filter(|call| !call.is_empty()).collect();
        let expected = [
            vec!["send"],
            guarantee,
            vec!["send_batch"],
            vec!["flush"],
            vec!["close"],
            vec!["send"],
        ];
        assert_eq!(calls_through(&*decorator, &inner).await, expected, "{decorator:?}");
    }
}

#[tokio::test]
async fn arc_and_box_forward_every_method() {
    let inner = Arc::new(Recording::default());
    let shared: Arc<dyn DriverEventSink> = inner.clone();
    let boxed: Box<dyn DriverEventSink> = Box::new(shared.clone());
    let expected = ["send", "guarantee", "send_batch", "flush", "close", "publish"].map(|call| vec![call]);
    assert_eq!(calls_through(&shared, &inner).await, expected);
    assert_eq!(calls_through(&boxed, &inner).await, expected);
}

#[test]
fn guarantees_pass_through_or_become_none() {
    let inner = Arc::new(Recording::default());
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
fn decorators_print_as_what_they_wrap() {
    let inner = driver_events_core::NoopEventSink;
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
        r#"Filter(EventFilter { kinds: {"a", "b"}, goals: {}, predicates: 1 }, NoopEventSink)"#
    );
}
