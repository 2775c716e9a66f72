use std::cell::RefCell;
use std::fmt::{Debug, Write};
use std::sync::Once;

use driver_events_core::conformance::samples;
use driver_events_core::{
    Backoff, Buffered, DriverEventSink, DriverEventSinkExt, FailingEventSink, MemoryEventSink, OnFull, SinkErrorKind,
};
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use tokio::runtime::Runtime;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

use crate::support::{event, failing_sink};

fn paused_runtime() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_time().start_paused(true).build().unwrap()
}

/// Runs a call, and returns the counters as `name{label=value,…} count`, sorted, and the histograms as `name{…} of count`.
fn recorded<F: Future<Output = ()>>(call: impl FnOnce() -> F) -> Vec<String> {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    metrics::with_local_recorder(&recorder, || paused_runtime().block_on(call()));
    let mut lines = Vec::new();
    for (key, _, _, value) in snapshotter.snapshot().into_vec() {
        let labels: Vec<_> = key
            .key()
            .labels()
            .map(|label| format!("{}={}", label.key(), label.value()))
            .collect();
        let name = format!("{}{{{}}}", key.key().name(), labels.join(","));
        lines.push(match value {
            DebugValue::Counter(count) => format!("{name} {count}"),
            DebugValue::Histogram(times) => format!("{name} of {}", times.len()),
            DebugValue::Gauge(value) => format!("{name} {value}"),
        });
    }
    lines.sort();
    lines
}

#[test]
fn calls_are_counted_by_kind_and_sink() {
    let lines = recorded(|| async {
        let failing = FailingEventSink::new(MemoryEventSink::new()).fail(2, SinkErrorKind::TooLarge);
        let sink = failing.observed();
        sink.send(event(1)).await.unwrap();
        sink.send(event(2)).await.unwrap_err();
        let batch = vec![event(3), samples::unknown_kind(samples::goal(1)), event(4)];
        assert!(sink.send_batch(batch).await.iter().all(Result::is_ok));
        sink.flush().await.unwrap();
        sink.close().await.unwrap();
    });
    let kind = event(1).kind().to_owned();
    let expected = [
        "driver_events_call_seconds{call=close,sink=MemoryEventSink} of 1".to_owned(),
        "driver_events_call_seconds{call=flush,sink=MemoryEventSink} of 1".to_owned(),
        "driver_events_call_seconds{call=send,sink=MemoryEventSink} of 2".to_owned(),
        "driver_events_call_seconds{call=send_batch,sink=MemoryEventSink} of 1".to_owned(),
        format!("driver_events_failed_total{{kind={kind},error=too_large,sink=MemoryEventSink}} 1"),
        format!("driver_events_published_total{{kind={kind},sink=MemoryEventSink}} 3"),
        "driver_events_published_total{kind=unknown,sink=MemoryEventSink} 1".to_owned(),
    ];
    assert_eq!(lines, expected);
}

#[test]
fn retries_and_losses_are_counted_by_their_decorators() {
    let lines = recorded(|| async {
        let flaky = FailingEventSink::new(MemoryEventSink::new())
            .fail(1, SinkErrorKind::Disconnected)
            .fail(3, SinkErrorKind::Disconnected);
        let sink = flaky.retried(Backoff::default());
        sink.send(event(1)).await.unwrap();
        sink.send_batch(vec![event(2)]).await.remove(0).unwrap();

        let sink = failing_sink(SinkErrorKind::Rejected).best_effort();
        sink.send(event(1)).await.unwrap();
        sink.send_batch(vec![event(2), event(3)]).await;

        let failing = FailingEventSink::new(MemoryEventSink::new()).fail(1, SinkErrorKind::Rejected);
        let sink = Buffered::builder(failing, OnFull::Wait).build().unwrap();
        sink.send(event(1)).await.unwrap();
        sink.close().await.unwrap_err();
    });
    let kind = event(1).kind().to_owned();
    let expected = [
        format!("driver_events_dropped_total{{kind={kind},reason=failed,sink=MemoryEventSink}} 1"),
        format!("driver_events_dropped_total{{kind={kind},reason=failed,sink=StubSink}} 3"),
        format!("driver_events_retried_total{{kind={kind},sink=MemoryEventSink}} 2"),
    ];
    assert_eq!(lines, expected);
}

thread_local! {
    /// The lines that `Lines` has recorded in this thread, which runs one test.
    static LINES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Records spans as `span NAME FIELDS` and events as `LEVEL in SPAN: FIELDS`.
struct Lines;

struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {}={value:?}", field.name()).unwrap();
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Lines {
    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        let mut line = format!("span {}", attributes.metadata().name());
        attributes.record(&mut Fields(&mut line));
        LINES.with_borrow_mut(|lines| lines.push(line));
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let span = context.event_span(event).map_or("none", |span| span.name());
        let mut line = format!("{} in {span}:", event.metadata().level());
        event.record(&mut Fields(&mut line));
        LINES.with_borrow_mut(|lines| lines.push(line));
    }
}

/// Runs a call, and returns its spans and events.
///
/// The subscriber is global. `tracing` keeps for the whole process whether a callsite has a subscriber, and asks the thread
/// that reaches the callsite first. With a subscriber of one thread, that may be the thread of another test, which has none.
fn logged<F: Future<Output = ()>>(call: impl FnOnce() -> F) -> Vec<String> {
    static GLOBAL: Once = Once::new();
    GLOBAL.call_once(|| {
        tracing::subscriber::set_global_default(tracing_subscriber::registry().with(Lines)).unwrap();
        // Other tests may have reached callsites before.
        tracing::callsite::rebuild_interest_cache();
    });
    paused_runtime().block_on(call());
    LINES.take()
}

/// The first of several failures is a warning, and the end of them is reported.
#[test]
fn spans_name_the_event_and_failures_are_reported_once() {
    let envelope = event(1);
    let lines = logged(|| async {
        let failing = FailingEventSink::new(MemoryEventSink::new())
            .fail(1, SinkErrorKind::Disconnected)
            .fail(2, SinkErrorKind::Disconnected);
        let sink = failing.observed();
        for _ in 0..3 {
            let _ = sink.send(envelope.clone()).await;
        }
        sink.send_batch(vec![event(2)]).await;
    });
    let (kind, goal, id) = (envelope.kind(), envelope.goal_id().unwrap(), envelope.id());
    let span = format!(r#"span send_event kind="{kind}" goal={goal} id={id} sink="MemoryEventSink""#);
    let failed = |number| {
        format!(
            r#"DEBUG in send_event: message=event {number} fails in this test sink="MemoryEventSink" error="disconnected""#
        )
    };
    let expected = [
        span.clone(),
        failed(1),
        r#"WARN in send_event: message=a sink fails sink="MemoryEventSink" kind=Disconnected error=event 1 fails in this test"#
            .to_owned(),
        span.clone(),
        failed(2),
        span,
        r#"INFO in send_event: message=the sink accepts events again sink="MemoryEventSink" failures=2"#.to_owned(),
        r#"span send_events count=1 sink="MemoryEventSink""#.to_owned(),
    ];
    assert_eq!(lines, expected);
}

#[test]
fn retries_are_reported_once() {
    let lines = logged(|| async {
        let failing = FailingEventSink::new(MemoryEventSink::new())
            .fail(1, SinkErrorKind::Disconnected)
            .fail(2, SinkErrorKind::Disconnected);
        failing.retried(Backoff::default()).send(event(1)).await.unwrap();
    });
    let expected = [
        r#"WARN in none: message=a sink fails: its events are retried sink="MemoryEventSink" kind=Disconnected error=event 1 fails in this test"#,
        r#"INFO in none: message=the sink accepts events again sink="MemoryEventSink" failures=2"#,
    ];
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn results_pass_unchanged() {
    let failing = FailingEventSink::new(MemoryEventSink::new()).fail(1, SinkErrorKind::Rejected);
    let sink = failing.observed();
    assert_eq!(sink.send(event(1)).await.unwrap_err().kind(), SinkErrorKind::Rejected);
    let results = sink.send_batch(vec![event(2), event(3)]).await;
    assert_eq!(results.len(), 2);
    let sink = failing_sink(SinkErrorKind::Timeout).observed();
    assert_eq!(sink.flush().await.unwrap_err().kind(), SinkErrorKind::Timeout);
    assert_eq!(sink.close().await.unwrap_err().kind(), SinkErrorKind::Timeout);
}
