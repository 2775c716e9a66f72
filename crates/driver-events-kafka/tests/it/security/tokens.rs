//! Tokens that are fetched, renewed, refused, and late.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use driver_events_core::{DriverEventSink, SinkErrorKind};
use driver_events_harness::{KafkaOperation, KafkaResource, wait_until};
use driver_events_kafka::{KafkaEventSink, KafkaEventSource, SetupErrorKind, TopicSettings, ensure_topic};
use driver_events_types::GoalId;

use super::{SOON, secured, stores, token};
use crate::support::{PATIENCE, events, ids, in_time};

/// Of a token. A broker takes no newer token within a second, so that it cannot be much shorter.
const LIFE: Duration = Duration::from_secs(20);

/// On one thread, which the provider needs while it fetches: it must not wait on that thread.
#[tokio::test(flavor = "current_thread")]
async fn a_sink_and_a_source_go_on_with_tokens_that_are_renewed() {
    let secured = secured();
    let topic = secured.topic(&[("token", KafkaOperation::All)]).await;
    secured.allow("token", KafkaResource::Group("token"), KafkaOperation::Read);
    let fetched = Arc::new(AtomicUsize::new(0));
    let provider = |fetched: &Arc<AtomicUsize>| {
        let fetched = Arc::clone(fetched);
        let runtime = tokio::runtime::Handle::current();
        move |config: Option<&str>| {
            assert_eq!(config, Some("scope=events"));
            runtime.block_on(async { tokio::time::sleep(Duration::from_millis(20)).await });
            fetched.fetch_add(1, Ordering::Relaxed);
            Ok(token("token", LIFE.as_secs()))
        }
    };
    let mut config = secured.by_token();
    config.set("sasl.oauthbearer.config", "scope=events");
    let read = Arc::new(AtomicUsize::new(0));
    let sink = KafkaEventSink::builder(config.clone()).topic(&*topic);
    let sink = sink.token_provider(provider(&fetched)).build().unwrap();
    in_time(sink.check()).await.unwrap();
    let source = KafkaEventSource::builder(config).topic(&*topic).group("token");
    let mut source = in_time(source.token_provider(provider(&read)).build()).await.unwrap();
    // Longer than the first tokens live, and the broker ends connections with their tokens.
    let start = Instant::now();
    let mut load = tokio::time::interval(Duration::from_millis(50));
    while start.elapsed() < LIFE + LIFE / 4 {
        load.tick().await;
        stores(&sink).await;
        ids(&mut source, 1).await;
    }
    assert!(fetched.load(Ordering::Relaxed) >= 2, "{fetched:?}");
    assert!(read.load(Ordering::Relaxed) >= 2, "{read:?}");
    in_time(source.close()).await.unwrap();
    in_time(sink.close()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_fails_is_told_at_once_and_asked_again() {
    let secured = secured();
    let topic = secured.topic(&[("late", KafkaOperation::All)]).await;
    let asked = Arc::new(AtomicUsize::new(0));
    let provider = move |_: Option<&str>| match asked.fetch_add(1, Ordering::Relaxed) {
        0 => Err("the identity provider is away".into()),
        1 => panic!("the identity provider is odd"),
        _ => Ok(token("late", 3600)),
    };
    let sink = KafkaEventSink::builder(secured.by_token()).topic(&*topic);
    let sink = sink.token_provider(provider).build().unwrap();
    let start = Instant::now();
    let error = in_time(sink.send(events(GoalId::new(), 1).remove(0)))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::Unauthorized, "{error}");
    // Of the first try, or of the second, ten seconds later, where the first was before the event.
    assert!(error.to_string().contains("cannot get a token"), "{error}");
    assert!(start.elapsed() < 2 * SOON, "{:?}", start.elapsed());
    wait_until("there is a token", PATIENCE, async || {
        in_time(sink.send(events(GoalId::new(), 1).remove(0))).await.is_ok()
    })
    .await;
    in_time(sink.check()).await.unwrap();
    in_time(sink.close()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_fails_ends_the_start_of_a_source() {
    let source = KafkaEventSource::builder(secured().by_token());
    let source = source.token_provider(|_| Err("the identity provider is away".into()));
    let error = in_time(source.build()).await.unwrap_err();
    assert_eq!(error.kind(), SetupErrorKind::Unauthorized, "{error}");
    assert!(error.to_string().contains("the identity provider is away"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_are_refused_and_none_at_all_are_told_at_once() {
    let config = secured().by_token();
    let forged = |_: Option<&str>| {
        let mut forged = token("token", 3600);
        forged.token = "f0rged".into();
        Ok(forged)
    };
    let start = Instant::now();
    let sink = KafkaEventSink::builder(config.clone())
        .token_provider(forged)
        .build()
        .unwrap();
    let checked = in_time(sink.check()).await.unwrap_err();
    let sent = in_time(sink.send(events(GoalId::new(), 1).remove(0)))
        .await
        .unwrap_err();
    let source = KafkaEventSource::builder(config.clone()).token_provider(forged);
    let built = in_time(source.build()).await.unwrap_err();
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
    assert_eq!(sent.kind(), SinkErrorKind::Unauthorized, "{sent}");
    for error in [checked, built] {
        assert_eq!(error.kind(), SetupErrorKind::Unauthorized, "{error}");
        assert!(error.to_string().contains("invalid_token"), "{error}");
    }
    for error in [
        KafkaEventSink::new(config.clone()).unwrap_err(),
        in_time(KafkaEventSource::builder(config.clone()).build())
            .await
            .unwrap_err(),
        in_time(ensure_topic(&config, &TopicSettings::new())).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), SetupErrorKind::Invalid, "{error}");
        assert!(error.to_string().contains("token"), "{error}");
    }
}
