//! Stalled, half-open and slow links: calls return in time, and possible losses are reported.
//!
//! `cargo xtask faults nats` cuts links and kills servers under load.

use std::time::{Duration, Instant};

use driver_events_core::conformance::samples;
use driver_events_core::{DriverEventSink, Envelope, Fate, SinkErrorKind};
use driver_events_harness::{Direction, NatsServer, Proxy, wait_until};
use driver_events_nats::{NatsEventSink, NatsOptions};

use crate::support::{Reader, TIMEOUT, in_time, server};

/// Options that connect through the proxy, with a short reconnect delay.
fn through(proxy: &Proxy) -> NatsOptions {
    NatsOptions::new(proxy.address().to_string()).reconnect_delay(Duration::from_millis(1), Duration::from_millis(20))
}

fn event(number: u32) -> Envelope {
    Envelope::new(samples::numbered(samples::goal(number % 7), number))
}

fn large_event(number: u32) -> Envelope {
    samples::sized(samples::goal(number), 200_000)
}

async fn proxied() -> (NatsServer, Proxy) {
    let server = server();
    let proxy = Proxy::start(server.client_address()).unwrap();
    (server, proxy)
}

/// Checks that the read events were sent, are unique and in order. Returns the number of missing events.
fn missing(sent: &[Envelope], read: &[Envelope]) -> usize {
    let mut rest = sent.iter();
    for envelope in read {
        let is_next = rest.any(|sent| sent.id() == envelope.id());
        assert!(is_next, "{envelope:?} was read twice, out of order, or was never sent");
    }
    sent.len() - read.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn stalled_link_calls_return_in_time_and_lose_nothing() {
    let (server, proxy) = proxied().await;
    let mut reader = Reader::start(&server, None).await;
    let sink = NatsEventSink::builder()
        .options(through(&proxy).queue_capacity(16))
        .send_timeout(Duration::from_millis(100))
        .flush_timeout(Duration::from_millis(800))
        .build()
        .await
        .unwrap();
    proxy.stall();
    let first = event(0);
    sink.send(first.clone()).await.unwrap();
    let start = Instant::now();
    let error = in_time(sink.flush()).await.unwrap_err();
    assert_eq!(
        error.kind(),
        SinkErrorKind::Timeout,
        "bytes in flight have not reached the server: {error}"
    );
    assert!(start.elapsed() < Duration::from_secs(3));

    let mut sent = vec![first];
    let error = loop {
        assert!(sent.len() < 1_000, "memory is not bounded");
        let start = Instant::now();
        let envelope = large_event(u32::try_from(sent.len()).unwrap());
        let result = sink.send(envelope.clone()).await;
        assert!(start.elapsed() < Duration::from_secs(3));
        match result {
            Ok(_) => sent.push(envelope),
            Err(error) => break error,
        }
    };
    assert_eq!(
        (error.kind(), error.fate()),
        (SinkErrorKind::Full, Fate::NotSent),
        "{error}"
    );
    let start = Instant::now();
    assert_eq!(in_time(sink.close()).await.unwrap_err().kind(), SinkErrorKind::Timeout);
    assert!(start.elapsed() < Duration::from_secs(3));

    proxy.resume();
    // The first successful flush covers all events.
    wait_until("the sink can be closed", TIMEOUT, async || {
        in_time(sink.close()).await.is_ok()
    })
    .await;
    assert_eq!(missing(&sent, &reader.read_all().await), 0);
    assert_eq!(sink.connection().unwrap().reconnects(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn half_open_link_is_detected_and_reported() {
    for direction in [Direction::ToServer, Direction::ToClient] {
        let (_server, proxy) = proxied().await;
        let options = through(&proxy).ping_interval(Duration::from_millis(100));
        let sink = NatsEventSink::builder().options(options).build().await.unwrap();
        sink.send(event(0)).await.unwrap();
        in_time(sink.flush()).await.unwrap();
        proxy.half_open(direction);
        sink.send(event(1)).await.unwrap();
        let connection = sink.connection().unwrap();
        wait_until("the client drops the dead link", TIMEOUT, async || {
            !connection.is_connected()
        })
        .await;
        proxy.heal();
        let error = in_time(sink.flush()).await.unwrap_err();
        assert_eq!(error.kind(), SinkErrorKind::Disconnected);
        assert!(error.to_string().contains(": 1 event"), "{error}");
        sink.send(event(2)).await.unwrap();
        in_time(sink.flush()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_link_is_not_dropped() {
    let (server, proxy) = proxied().await;
    let mut reader = Reader::start(&server, None).await;
    let sink = NatsEventSink::builder().options(through(&proxy)).build().await.unwrap();
    proxy.delay(Duration::from_millis(300));
    let sent: Vec<_> = (0..100).map(event).collect();
    assert!(sink.send_batch(sent.clone()).await.iter().all(Result::is_ok));
    in_time(sink.flush()).await.unwrap();
    assert_eq!(missing(&sent, &reader.read_all().await), 0);
    in_time(sink.close()).await.unwrap();
}
