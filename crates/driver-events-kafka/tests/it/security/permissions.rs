//! What is missing is told, with what to allow; what is taken away and given back interrupts, and loses nothing silently.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use driver_events_core::{DriverEventSink, DriverEventSource, SinkErrorKind, SourceError, SourceErrorKind};
use driver_events_harness::{KafkaOperation, KafkaResource, wait_until};
use driver_events_kafka::{
    KafkaEventSink, KafkaEventSource, SetupErrorKind, TopicSettings, TopicWarning, ensure_topic,
};
use driver_events_types::GoalId;

use super::{SOON, secured, stores};
use crate::support::{PATIENCE, config_of, events, ids, ids_of, in_time, nothing_comes, prefix};

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_write_is_told_what_to_allow_and_goes_on_when_it_is_allowed() {
    let secured = secured();
    // Whoever may write to any topic may have an idempotent producer: this user may not.
    let topic = secured.topic(&[("no-write", KafkaOperation::Describe)]).await;
    let sink = KafkaEventSink::builder(secured.user("no-write"))
        .topic(&*topic)
        .build()
        .unwrap();
    in_time(sink.check()).await.unwrap();
    for _ in 0..2 {
        let start = Instant::now();
        for answer in in_time(sink.send_batch(events(GoalId::new(), 10))).await {
            let error = answer.unwrap_err();
            assert_eq!(error.kind(), SinkErrorKind::Unauthorized, "{error}");
            assert!(
                error
                    .to_string()
                    .contains(&format!("--operation Write --topic '{topic}'")),
                "{error}"
            );
        }
        assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
    }
    secured.allow("no-write", KafkaResource::Topic(&topic), KafkaOperation::Write);
    wait_until("the user may write", PATIENCE, async || {
        in_time(sink.send(events(GoalId::new(), 1).remove(0))).await.is_ok()
    })
    .await;
    stores(&sink).await;
    assert_eq!(sink.state().possible_duplicates(), 0);
    in_time(sink.close()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_write_elsewhere_only_is_told_of_the_topic() {
    let secured = secured();
    let elsewhere = secured.topic(&[("driver", KafkaOperation::Write)]).await;
    let topic = secured.topic(&[("driver", KafkaOperation::Describe)]).await;
    let config = secured.by_password("PLAIN", "driver", super::PASSWORD);
    let sink = KafkaEventSink::builder(config)
        .topic_fn({
            let (topic, elsewhere) = (topic.clone(), elsewhere.clone());
            let number = AtomicUsize::new(0);
            move |_| match number.fetch_add(1, Ordering::Relaxed) % 2 {
                0 => elsewhere.clone(),
                _ => topic.clone(),
            }
        })
        .build()
        .unwrap();
    for (number, answer) in in_time(sink.send_batch(events(GoalId::new(), 10)))
        .await
        .into_iter()
        .enumerate()
    {
        match answer {
            Ok(_) => assert_eq!(number % 2, 0),
            Err(error) => {
                assert_eq!((number % 2, error.kind()), (1, SinkErrorKind::Unauthorized), "{error}");
                assert!(error.to_string().contains(&format!("--topic '{topic}'")), "{error}");
            }
        }
    }
    assert_eq!(sink.state().producer_recreations(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_see_a_topic_is_told_what_to_allow() {
    let secured = secured();
    let topic = secured.topic(&[]).await;
    let sink = KafkaEventSink::builder(secured.user("no-describe"))
        .topic(&*topic)
        .build()
        .unwrap();
    let error = in_time(sink.check()).await.unwrap_err();
    assert_eq!(error.kind(), SetupErrorKind::NoTopic, "{error}");
    assert!(
        error
            .to_string()
            .contains(&format!("--operation Describe --topic '{topic}'")),
        "{error}"
    );
    let start = Instant::now();
    let error = in_time(sink.send(events(GoalId::new(), 1).remove(0)))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::Unauthorized, "{error}");
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
    let source = KafkaEventSource::builder(secured.user("no-describe")).topic(&*topic);
    let error = in_time(source.build()).await.unwrap_err();
    assert_eq!(error.kind(), SetupErrorKind::NoTopic, "{error}");
}

/// The next error of a source that has nothing to deliver.
async fn error_of(source: &mut KafkaEventSource) -> SourceError {
    in_time(source.next()).await.unwrap().unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_read_a_topic_is_told_and_reads_when_it_is_allowed() {
    let secured = secured();
    let topic = secured.topic(&[("no-read", KafkaOperation::Describe)]).await;
    secured.allow("no-read", KafkaResource::Group("no-read"), KafkaOperation::Read);
    let writer = KafkaEventSink::builder(config_of(&secured.broker))
        .topic(&*topic)
        .build()
        .unwrap();
    let sent = events(GoalId::new(), 3);
    for answer in in_time(writer.send_batch(sent.clone())).await {
        answer.unwrap();
    }
    let builder = KafkaEventSource::builder(secured.user("no-read")).topic(&*topic);
    let mut alone = in_time(builder.clone().build()).await.unwrap();
    let mut grouped = in_time(builder.group("no-read").build()).await.unwrap();
    for source in [&mut alone, &mut grouped] {
        let error = error_of(source).await;
        assert_eq!(error.kind(), SourceErrorKind::Unauthorized, "{error}");
        assert!(
            error
                .to_string()
                .contains(&format!("--operation Read --topic '{topic}'")),
            "{error}"
        );
    }
    secured.allow("no-read", KafkaResource::Topic(&topic), KafkaOperation::Read);
    for source in [&mut alone, &mut grouped] {
        assert_eq!(past_errors(source, sent.len()).await, ids_of(&sent));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_join_a_group_is_told_and_joins_when_it_is_allowed() {
    let secured = secured();
    let topic = secured.topic(&[("no-group", KafkaOperation::All)]).await;
    let sink = KafkaEventSink::builder(secured.user("no-group"))
        .topic(&*topic)
        .build()
        .unwrap();
    stores(&sink).await;
    let builder = KafkaEventSource::builder(secured.user("no-group"))
        .topic(&*topic)
        .group("no-group");
    // It is told as soon as it is known.
    let (built, is_unauthorized, error) = match in_time(builder.clone().build()).await {
        Ok(mut source) => {
            let error = error_of(&mut source).await;
            let is_unauthorized = error.kind() == SourceErrorKind::Unauthorized;
            (Some(source), is_unauthorized, error.to_string())
        }
        Err(error) => (None, error.kind() == SetupErrorKind::Unauthorized, error.to_string()),
    };
    assert!(is_unauthorized, "{error}");
    assert!(error.contains("--operation Read --group 'no-group'"), "{error}");
    secured.allow("no-group", KafkaResource::Group("no-group"), KafkaOperation::Read);
    let mut source = match built {
        Some(source) => source,
        None => in_time(builder.build()).await.unwrap(),
    };
    assert_eq!(past_errors(&mut source, 1).await.len(), 1);
}

/// Reads so many events, whatever errors come before each.
async fn past_errors(source: &mut KafkaEventSource, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    while ids.len() < count {
        if let Ok(delivery) = in_time(source.next()).await.unwrap() {
            ids.push(delivery.envelope().unwrap().id().to_string());
            delivery.ack().await.unwrap();
        }
    }
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_is_made_where_that_is_allowed_and_checked_without() {
    let secured = secured();
    let config = secured.user("no-create");
    let topic = format!("{}.agent.driver", prefix());
    let settings = TopicSettings::named(&topic).partitions(1);
    let error = in_time(ensure_topic(&config, &settings)).await.unwrap_err();
    assert_eq!(error.kind(), SetupErrorKind::Unauthorized, "{error}");
    assert!(
        error
            .to_string()
            .contains(&format!("--operation Create --topic '{topic}'")),
        "{error}"
    );
    secured.allow("no-create", KafkaResource::Topic(&topic), KafkaOperation::Create);
    secured.allow("no-create", KafkaResource::Topic(&topic), KafkaOperation::Describe);
    wait_until("the topic is made", PATIENCE, async || {
        in_time(ensure_topic(&config, &settings))
            .await
            .is_ok_and(|made| made.is_new)
    })
    .await;
    secured.revoke("no-create", KafkaResource::Topic(&topic), KafkaOperation::Create);
    let found = in_time(ensure_topic(&config, &settings)).await.unwrap();
    assert!(!found.is_new);
    assert_eq!(found.warnings, [TopicWarning::SettingsNotVisible]);
    secured.allow(
        "no-create",
        KafkaResource::Topic(&topic),
        KafkaOperation::DescribeConfigs,
    );
    wait_until("its settings may be seen", PATIENCE, async || {
        in_time(ensure_topic(&config, &settings))
            .await
            .unwrap()
            .warnings
            .is_empty()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_permission_that_is_revoked_under_load_and_given_back_loses_nothing_silently() {
    let secured = secured();
    let topic = secured.topic(&[("revoked", KafkaOperation::Write)]).await;
    let sink = KafkaEventSink::builder(secured.user("revoked"))
        .topic(&*topic)
        .build()
        .unwrap();
    let sink = Arc::new(sink);
    let (stored, refused) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let has_enough = Arc::new(AtomicBool::new(false));
    let sending = tokio::spawn({
        let (sink, stored, refused) = (Arc::clone(&sink), Arc::clone(&stored), Arc::clone(&refused));
        let has_enough = Arc::clone(&has_enough);
        async move {
            let goal_id = GoalId::new();
            let mut kept = Vec::new();
            while !has_enough.load(Ordering::Relaxed) {
                let batch = events(goal_id, 20);
                for (answer, id) in in_time(sink.send_batch(batch.clone()))
                    .await
                    .into_iter()
                    .zip(ids_of(&batch))
                {
                    match answer {
                        Ok(_) => {
                            kept.push(id);
                            stored.fetch_add(1, Ordering::Relaxed);
                        }
                        Err(error) => {
                            assert_eq!(error.kind(), SinkErrorKind::Unauthorized, "{error}");
                            refused.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                }
            }
            kept
        }
    });
    let more = async |what: &str, counter: &AtomicUsize| {
        let before = counter.load(Ordering::Relaxed);
        wait_until(what, PATIENCE, async || counter.load(Ordering::Relaxed) > before + 100).await;
    };
    for _ in 0..3 {
        more("events are stored", &stored).await;
        secured.revoke("revoked", KafkaResource::Topic(&topic), KafkaOperation::Write);
        more("events are refused", &refused).await;
        secured.allow("revoked", KafkaResource::Topic(&topic), KafkaOperation::Write);
    }
    more("events are stored again", &stored).await;
    has_enough.store(true, Ordering::Relaxed);
    let kept = in_time(sending).await.unwrap();
    in_time(sink.close()).await.unwrap();
    // Nothing that was refused, and all that was stored: once, and in order.
    let mut source = KafkaEventSource::builder(config_of(&secured.broker))
        .topic(&*topic)
        .build()
        .await
        .unwrap();
    assert_eq!(ids(&mut source, kept.len()).await, kept);
    nothing_comes(&mut source).await;
}
