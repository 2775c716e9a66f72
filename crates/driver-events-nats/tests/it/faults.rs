//! Broken links and killed servers under load: flushed events are never lost, and possible losses are reported.

use std::time::{Duration, Instant};

use driver_events_core::conformance::samples;
use driver_events_core::{DriverEventSink, Envelope, Fate, SinkErrorKind};
use driver_events_harness::{Direction, NatsServer, Proxy, wait_until};
use driver_events_nats::{NatsEventSink, NatsOptions};

use crate::support::{Reader, TIMEOUT, in_time, options, server};

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

/// Returns the number of events at risk in the error of a flush.
fn at_risk(message: &str) -> usize {
    let number = message.split(' ').find_map(|word| word.parse().ok());
    number.unwrap_or_else(|| panic!("{message}"))
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

/// The client's own flush returns once the operating system has the bytes, which is not enough.
#[tokio::test(flavor = "multi_thread")]
async fn cut_links_lose_only_reported_events() {
    let (server, proxy) = proxied().await;
    let sink = NatsEventSink::builder().options(through(&proxy)).build().await.unwrap();
    let mut reader = Reader::start(&server, None).await;
    let (mut flushed, mut failed, mut lost, mut reported) = (0, 0, 0, 0);
    for round in 0..60_u32 {
        let cut_after = (round % 3 != 0).then_some(round * 37 % 400);
        let mut sent = Vec::new();
        for number in 0..400 {
            if Some(number) == cut_after {
                proxy.cut();
            }
            let envelope = event(number);
            sink.send(envelope.clone()).await.unwrap();
            sent.push(envelope);
        }
        let result = in_time(sink.flush()).await;
        let missing = missing(&sent, &reader.read_all().await);
        match result {
            Ok(()) => {
                assert_eq!(missing, 0, "round {round}: a successful flush covers all events");
                flushed += 1;
            }
            Err(error) => {
                assert_eq!(
                    (error.kind(), error.fate()),
                    (SinkErrorKind::Disconnected, Fate::Unknown),
                    "{error}"
                );
                let at_risk = at_risk(&error.to_string());
                assert!(
                    missing <= at_risk && at_risk <= sent.len(),
                    "round {round}: {missing} lost, but: {error}"
                );
                (failed, lost, reported) = (failed + 1, lost + missing, reported + at_risk);
            }
        }
    }
    println!("{flushed} rounds flushed, {failed} failed: {lost} events lost of {reported} at risk");
    assert!(flushed > 0 && failed > 0 && sink.connection().unwrap().reconnects() > 0);
    in_time(sink.close()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_server_loses_only_reported_events() {
    let mut server = server();
    let options = options(&server).reconnect_delay(Duration::from_millis(1), Duration::from_millis(20));
    let sink = NatsEventSink::builder().options(options).build().await.unwrap();
    let mut reported = 0;
    for round in 0..5 {
        let mut reader = Reader::start(&server, None).await;
        let sent: Vec<_> = (0..1_000).map(event).collect();
        assert!(sink.send_batch(sent.clone()).await.iter().all(Result::is_ok));
        in_time(sink.flush()).await.unwrap();
        assert_eq!(
            missing(&sent, &reader.read_all().await),
            0,
            "round {round}: a successful flush covers all events"
        );

        let restarted = tokio::task::spawn_blocking(move || {
            server.kill().unwrap();
            server.restart().unwrap();
            server
        });
        let mut taken = 0;
        while !restarted.is_finished() {
            let start = Instant::now();
            if sink.send(event(taken)).await.is_ok() {
                taken += 1;
            }
            assert!(start.elapsed() < Duration::from_secs(10), "a call took too long");
        }
        server = restarted.await.unwrap();
        let error = in_time(sink.flush()).await.unwrap_err();
        assert_eq!(error.kind(), SinkErrorKind::Disconnected, "{error}");
        assert!(at_risk(&error.to_string()) <= taken as usize, "{error}");
        reported += 1;
        in_time(sink.flush()).await.unwrap();
    }
    assert_eq!(reported, 5);
    in_time(sink.close()).await.unwrap();
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
    let (_server, proxy) = proxied().await;
    let options = through(&proxy).ping_interval(Duration::from_millis(100));
    let sink = NatsEventSink::builder().options(options).build().await.unwrap();
    sink.send(event(0)).await.unwrap();
    in_time(sink.flush()).await.unwrap();
    proxy.half_open(Direction::ToServer);
    sink.send(event(1)).await.unwrap();
    let connection = sink.connection().unwrap();
    wait_until("the client drops the dead link", TIMEOUT, async || {
        !connection.is_connected()
    })
    .await;
    proxy.heal();
    let error = in_time(sink.flush()).await.unwrap_err();
    assert_eq!(
        (error.kind(), at_risk(&error.to_string())),
        (SinkErrorKind::Disconnected, 1)
    );
    sink.send(event(2)).await.unwrap();
    in_time(sink.flush()).await.unwrap();
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
