//! Deliveries of a core NATS source, and its reports of missed events.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use driver_events_core::conformance::samples;
use driver_events_core::{
    Delivery, DriverEventSink, DriverEventSource, EventFilter, Observation, SequenceTracker, SourceError,
    SourceErrorKind, Stamped,
};
use driver_events_harness::{NatsConfig, NatsServer, NatsUser, Proxy, wait_until};
use driver_events_nats::{NatsEventSink, NatsEventSource, NatsOptions, SetupErrorKind};
use driver_events_types::EventKind;
use tokio::time::timeout;

use crate::support::{TIMEOUT, client, options, server};

async fn next(source: &mut NatsEventSource) -> Result<Delivery, SourceError> {
    let next = timeout(TIMEOUT, source.next()).await;
    next.expect("no delivery within the timeout")
        .expect("the source has not ended")
}

async fn next_turn(source: &mut NatsEventSource) -> Option<u32> {
    let delivery = next(source).await.unwrap();
    delivery.envelope().unwrap().event().unwrap().turn_index()
}

async fn sink_of(server: &NatsServer) -> NatsEventSink {
    NatsEventSink::builder().options(options(server)).build().await.unwrap()
}

async fn publish(sink: &impl DriverEventSink, numbers: std::ops::Range<u32>) {
    for number in numbers {
        sink.publish(samples::numbered(samples::goal(1), number)).await.unwrap();
    }
    sink.flush().await.unwrap();
}

#[tokio::test]
async fn slow_reader_learns_what_it_missed_at_its_position() {
    let server = server();
    let sink = Stamped::new(sink_of(&server).await, "urn:test").unwrap();
    let client = client(&server).await;
    let mut source = NatsEventSource::builder()
        .client(client.clone())
        .capacity(10, 1 << 20)
        .build()
        .await
        .unwrap();
    publish(&sink, 0..100).await;
    wait_until("the messages have arrived", TIMEOUT, async || {
        client
            .statistics()
            .in_messages
            .load(std::sync::atomic::Ordering::Relaxed)
            >= 100
    })
    .await;
    let mut tracker = SequenceTracker::new(10);
    for number in 0..10 {
        let delivery = next(&mut source).await.unwrap();
        let envelope = delivery.envelope().unwrap();
        tracker.observe(envelope);
        assert_eq!(envelope.event().unwrap().turn_index(), Some(number));
    }
    let mut reported = 0;
    // Messages may arrive while the gap is reported.
    while source.dropped() < 90 {
        let error = next(&mut source).await.unwrap_err();
        assert_eq!(error.kind(), SourceErrorKind::Lagged, "{error}");
        assert!(
            error.is_retryable() && error.to_string().contains("reader too slow"),
            "{error}"
        );
        reported += 1;
    }
    assert!(reported >= 1 && source.dropped() == 90, "{}", source.dropped());
    publish(&sink, 100..101).await;
    let delivery = next(&mut source).await.unwrap();
    let observation = tracker.observe(delivery.envelope().unwrap());
    assert!(
        matches!(&observation, Observation::Gap { missing } if *missing == (11..=100)),
        "{observation:?}"
    );
    assert!(
        delivery.position().to_string().ends_with("#101"),
        "{}",
        delivery.position()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn reconnect_is_reported_to_the_reader() {
    let server = server();
    let proxy = Proxy::start(server.client_address()).unwrap();
    let sink = sink_of(&server).await;
    for is_own in [true, false] {
        let address = proxy.address().to_string();
        let quick =
            NatsOptions::new(address.clone()).reconnect_delay(Duration::from_millis(1), Duration::from_millis(10));
        let builder = NatsEventSource::builder();
        let builder = match is_own {
            true => builder.options(quick),
            false => builder.client(async_nats::connect(address).await.unwrap()),
        };
        let mut source = builder.build().await.unwrap();
        publish(&sink, 1..2).await;
        assert_eq!(next_turn(&mut source).await, Some(1));
        proxy.cut();
        let error = next(&mut source).await.unwrap_err();
        assert_eq!(error.kind(), SourceErrorKind::Disconnected, "{error}");
        // The client subscribes again.
        wait_until("events arrive again", TIMEOUT, async || {
            publish(&sink, 2..3).await;
            timeout(Duration::from_millis(50), source.next())
                .await
                .is_ok_and(|next| next.unwrap().is_ok())
        })
        .await;
    }
}

#[tokio::test]
async fn queue_group_shares_the_events() {
    let server = server();
    let sink = sink_of(&server).await;
    let member = async || {
        let builder = NatsEventSource::builder()
            .options(options(&server))
            .queue_group("workers");
        builder.build().await.unwrap()
    };
    let (mut first, mut second) = (member().await, member().await);
    publish(&sink, 0..50).await;
    let mut seen = Vec::new();
    while seen.len() < 50 {
        tokio::select! {
            turn = next_turn(&mut first) => seen.extend(turn),
            turn = next_turn(&mut second) => seen.extend(turn),
        }
    }
    seen.sort_unstable();
    assert_eq!(
        seen,
        (0..50).collect::<Vec<_>>(),
        "each event is delivered to one member"
    );
}

#[tokio::test]
async fn filter_and_prefix_select_events() {
    let server = server();
    let bare = sink_of(&server).await;
    let under = NatsEventSink::builder()
        .options(options(&server))
        .prefix("tenant-7")
        .build()
        .await
        .unwrap();
    let filter = EventFilter::everything().kinds([EventKind::Escalate, EventKind::Progress]);
    let builder = NatsEventSource::builder()
        .options(options(&server))
        .prefix("tenant-7")
        .filter(filter);
    let mut source = builder.build().await.unwrap();
    for sink in [&bare, &under] {
        for event in samples::every_kind(samples::goal(1)) {
            sink.publish(event).await.unwrap();
        }
        sink.flush().await.unwrap();
    }
    for kind in ["escalate", "progress"] {
        let delivery = next(&mut source).await.unwrap();
        assert_eq!(delivery.envelope().unwrap().kind(), kind);
        assert!(delivery.position().to_string().starts_with("tenant-7.agent.driver."));
    }
    let rest = timeout(Duration::from_millis(50), source.next()).await;
    assert!(rest.is_err(), "{rest:?}");
}

#[tokio::test]
async fn dropped_next_future_loses_nothing() {
    let server = server();
    let sink = sink_of(&server).await;
    let mut source = NatsEventSource::builder()
        .options(options(&server))
        .build()
        .await
        .unwrap();
    let publishing = tokio::spawn(async move {
        for number in 0..500 {
            sink.publish(samples::numbered(samples::goal(1), number)).await.unwrap();
            tokio::task::yield_now().await;
        }
        sink.close().await.unwrap();
    });
    let mut seen = Vec::new();
    while seen.len() < 500 {
        let mut next = pin!(source.next());
        let polled = poll_fn(|context| Poll::Ready(next.as_mut().poll(context))).await;
        match polled {
            Poll::Ready(delivery) => {
                let delivery = delivery.unwrap().unwrap();
                seen.extend(delivery.envelope().unwrap().event().unwrap().turn_index());
            }
            Poll::Pending => tokio::task::yield_now().await,
        }
    }
    assert_eq!(seen, (0..500).collect::<Vec<_>>());
    publishing.await.unwrap();
}

#[tokio::test]
async fn denied_subscription_is_unauthorized() {
    let ada = || NatsUser::with_password("ada", "s3cret");
    let mut server = NatsServer::start(NatsConfig::new().user(ada().may_not_subscribe(&["agent.>"]))).unwrap();
    let builder = NatsEventSource::builder().options(options(&server).user_and_password("ada", "s3cret"));
    let error = builder.clone().build().await.unwrap_err();
    assert_eq!(error.kind(), SetupErrorKind::Unauthorized, "{error}");

    // Without permission for requests, a subscriber still reads.
    let only_reads = ada()
        .may_publish(&["nothing"])
        .may_subscribe(&["agent.driver.>", "_INBOX.>"]);
    let bob = || NatsUser::with_password("bob", "pass");
    server.reload(NatsConfig::new().user(only_reads).user(bob())).unwrap();
    let mut source = builder.build().await.unwrap();
    let sink = NatsEventSink::builder()
        .options(options(&server).user_and_password("bob", "pass"))
        .build()
        .await
        .unwrap();
    publish(&sink, 1..2).await;
    assert_eq!(next_turn(&mut source).await, Some(1));

    // A permission revoked later.
    server
        .reload(
            NatsConfig::new()
                .user(ada().may_not_subscribe(&["agent.>"]))
                .user(bob()),
        )
        .unwrap();
    let error = next(&mut source).await;
    let kind = error.err().map(|error| error.kind());
    assert!(
        matches!(
            kind,
            Some(SourceErrorKind::Unauthorized | SourceErrorKind::Disconnected)
        ),
        "{kind:?}"
    );
    // Credentials revoked later.
    server.reload(NatsConfig::new().user(bob())).unwrap();
    wait_until(
        "the source reports the rejection",
        TIMEOUT,
        async || matches!(next(&mut source).await, Err(error) if error.kind() == SourceErrorKind::Unauthorized),
    )
    .await;
}

#[tokio::test]
async fn closed_connection_is_reported_once() {
    let server = server();
    let connection = options(&server).connect().await.unwrap();
    let mut source = NatsEventSource::builder()
        .connection(connection.clone())
        .build()
        .await
        .unwrap();
    let sink = NatsEventSink::builder()
        .connection(connection.clone())
        .build()
        .await
        .unwrap();
    publish(&sink, 1..2).await;
    sink.close().await.unwrap();
    assert!(connection.is_connected(), "a shared connection stays open");
    connection.close(TIMEOUT).await.unwrap();
    assert_eq!(next_turn(&mut source).await, Some(1));
    let error = next(&mut source).await.unwrap_err();
    assert_eq!(error.kind(), SourceErrorKind::Closed, "{error}");
    assert!(source.next().await.is_none());
    assert!(source.next().await.is_none());
}

#[tokio::test]
async fn dropped_source_unsubscribes() {
    let server = server();
    let client = client(&server).await;
    let subscriptions = async || {
        let varz = server.monitoring("/connz?subs=1").unwrap();
        let lists = varz["connections"][0]["subscriptions_list"].clone();
        lists.as_array().cloned().unwrap_or_default()
    };
    let source = NatsEventSource::new(client.clone()).await.unwrap();
    wait_until("the subscription exists", TIMEOUT, async || {
        subscriptions().await.contains(&"agent.driver.>".into())
    })
    .await;
    drop(source);
    wait_until("the subscription is gone", TIMEOUT, async || {
        !subscriptions().await.contains(&"agent.driver.>".into())
    })
    .await;
}

#[tokio::test]
async fn build_rejects_invalid_settings() {
    let server = server();
    let builder = || NatsEventSource::builder().options(options(&server));
    for wrong in [
        NatsEventSource::builder(),
        builder().prefix(""),
        builder().queue_group("two words"),
        builder().queue_group(""),
    ] {
        let shown = format!("{wrong:?}");
        let error = wrong.build().await.expect_err(&shown);
        assert_eq!(error.kind(), SetupErrorKind::Invalid, "{error}");
    }
}
