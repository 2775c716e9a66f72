use std::sync::atomic::{AtomicU32, Ordering};

use driver_events_core::{DriverEventSink, MemoryEventSink, Trace, TraceContext};

use crate::support::event;

fn traceparent(span: u32) -> String {
    format!("00-4bf92f3577b34da6a3ce929d0e0e4736-{span:016x}-01")
}

#[test]
fn invalid_tracestate_is_left_out() {
    assert!(Trace::new("00", None::<&str>).is_err());
    let trace = Trace::new(traceparent(1), Some("not a list")).unwrap();
    assert_eq!(trace, Trace::new(traceparent(1), None::<&str>).unwrap());
}

#[tokio::test]
async fn retry_keeps_the_trace_context_of_the_first_attempt() {
    let memory = MemoryEventSink::new();
    let spans = AtomicU32::new(1);
    let sink = TraceContext::new(memory.clone(), move || {
        let span = spans.fetch_add(1, Ordering::Relaxed);
        Trace::new(traceparent(span), Some("rojo=1")).ok()
    });
    let first = event(1);
    sink.send(first.clone()).await.unwrap();
    sink.send(first).await.unwrap();
    let own = event(2).with_traceparent(traceparent(99)).unwrap();
    let results = sink.send_batch(vec![own, event(3)]).await;
    assert!(results.iter().all(Result::is_ok));
    let envelopes = memory.envelopes();
    let found: Vec<_> = envelopes
        .iter()
        .map(|envelope| (envelope.traceparent(), envelope.tracestate()))
        .collect();
    let [one, two, own] = [1, 2, 99].map(traceparent);
    let state = Some("rojo=1");
    let expected = [
        (Some(&*one), state),
        (Some(&*one), state),
        (Some(&*own), None),
        (Some(&*two), state),
    ];
    assert_eq!(found, expected);
}

#[tokio::test]
async fn event_without_a_current_trace_is_sent_without() {
    let memory = MemoryEventSink::new();
    TraceContext::new(memory.clone(), || None).send(event(1)).await.unwrap();
    assert_eq!(memory.envelopes()[0].traceparent(), None);
}
