//! OAUTHBEARER tokens: fetched, renewed, refused and missing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use driver_events_core::{DriverEventSink, DriverEventSource, SinkErrorKind};
use driver_events_harness::{KafkaOperation, KafkaResource, wait_until};
use driver_events_kafka::{KafkaEventSink, KafkaEventSource, SetupErrorKind, TopicSettings, ensure_topic};
use driver_events_types::GoalId;

use super::{REFUSAL_TIMEOUT, expect_stored, secured, token};
use crate::support::{TEST_TIMEOUT, events, in_time, read_ids};

/// Brokers refuse re-authentication within a second, so it cannot be much shorter.
const TOKEN_LIFETIME: Duration = Duration::from_secs(20);

/// The provider needs the only runtime thread, which must not wait for the token.
#[tokio::test(flavor = "current_thread")]
async fn sink_and_source_continue_with_renewed_tokens() {
    let secured = secured();
    let topic = secured.create_topic(&[("token", KafkaOperation::All)]).await;
    secured.allow("token", KafkaResource::Group("token"), KafkaOperation::Read);
    let fetched = Arc::new(AtomicUsize::new(0));
    let provider = |fetched: &Arc<AtomicUsize>| {
        let fetched = Arc::clone(fetched);
        let runtime = tokio::runtime::Handle::current();
        move |config: Option<&str>| {
            assert_eq!(config, Some("scope=events"));
            runtime.block_on(runtime.spawn(async {})).unwrap();
            fetched.fetch_add(1, Ordering::Relaxed);
            Ok(token("token", TOKEN_LIFETIME.as_secs()))
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
    // Beyond the expiry of the first tokens, at which the broker closes connections.
    let start = Instant::now();
    let mut load = tokio::time::interval(Duration::from_millis(50));
    while start.elapsed() < TOKEN_LIFETIME + TOKEN_LIFETIME / 4 {
        load.tick().await;
        expect_stored(&sink).await;
        read_ids(&mut source, 1).await;
    }
    assert!(fetched.load(Ordering::Relaxed) >= 2, "{fetched:?}");
    assert!(read.load(Ordering::Relaxed) >= 2, "{read:?}");
    in_time(source.close()).await.unwrap();
    in_time(sink.close()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn failing_provider_fails_send_at_once_and_is_retried() {
    let secured = secured();
    let topic = secured.create_topic(&[("late", KafkaOperation::All)]).await;
    let calls = Arc::new(AtomicUsize::new(0));
    let provider = move |_: Option<&str>| match calls.fetch_add(1, Ordering::Relaxed) {
        0 => Err("identity provider unavailable".into()),
        1 => panic!("identity provider bug"),
        _ => Ok(token("late", 3600)),
    };
    let sink = KafkaEventSink::builder(secured.by_token()).topic(&*topic);
    let sink = sink.token_provider(provider).build().unwrap();
    let start = Instant::now();
    let error = in_time(sink.send(events(GoalId::new(), 1).remove(0)))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::Unauthorized, "{error}");
    // Error of the first call, or of the second, ten seconds later, if the first was before the event.
    assert!(error.to_string().contains("cannot get a token"), "{error}");
    assert!(start.elapsed() < 2 * REFUSAL_TIMEOUT, "{:?}", start.elapsed());
    wait_until("the provider returns a token", TEST_TIMEOUT, async || {
        in_time(sink.send(events(GoalId::new(), 1).remove(0))).await.is_ok()
    })
    .await;
    in_time(sink.check()).await.unwrap();
    in_time(sink.close()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn failing_provider_fails_build_of_source() {
    let source = KafkaEventSource::builder(secured().by_token());
    let source = source.token_provider(|_| Err("identity provider unavailable".into()));
    let error = in_time(source.build()).await.unwrap_err();
    assert_eq!(error.kind(), SetupErrorKind::Unauthorized, "{error}");
    assert!(error.to_string().contains("identity provider unavailable"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_and_missing_tokens_fail_at_once() {
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
    assert!(start.elapsed() < REFUSAL_TIMEOUT, "{:?}", start.elapsed());
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
