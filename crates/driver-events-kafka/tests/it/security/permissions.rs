//! ACLs: errors contain the command that grants a missing permission; after a grant the sink or source continues.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use driver_events_core::{DriverEventSink, DriverEventSource, SinkErrorKind, SourceError, SourceErrorKind};
use driver_events_harness::{KafkaOperation, KafkaRawRecord, KafkaResource, wait_until};
use driver_events_kafka::{
    KafkaEventSink, KafkaEventSource, SetupErrorKind, TopicSettings, TopicWarning, ensure_topic,
};
use driver_events_types::GoalId;
use tokio::task::block_in_place;

use super::{REFUSAL_TIMEOUT, expect_stored, secured};
use crate::support::{TEST_TIMEOUT, config_of, events, ids_of, in_time, next_delivery, unique_prefix};

#[tokio::test(flavor = "multi_thread")]
async fn missing_write_fails_with_command_until_granted() {
    let secured = secured();
    // WRITE on any topic would allow an idempotent producer. This user may write to no topic.
    let topic = secured.create_topic(&[("no-write", KafkaOperation::Describe)]).await;
    let sink = KafkaEventSink::builder(secured.user("no-write"))
        .topic(&*topic)
        .build()
        .unwrap();
    in_time(sink.check()).await.unwrap();
    for _ in 0..2 {
        let start = Instant::now();
        for result in in_time(sink.send_batch(events(GoalId::new(), 10))).await {
            let error = result.unwrap_err();
            assert_eq!(error.kind(), SinkErrorKind::Unauthorized, "{error}");
            assert!(
                error
                    .to_string()
                    .contains(&format!("--operation Write --topic '{topic}'")),
                "{error}"
            );
        }
        assert!(start.elapsed() < REFUSAL_TIMEOUT, "{:?}", start.elapsed());
    }
    secured.allow("no-write", KafkaResource::Topic(&topic), KafkaOperation::Write);
    wait_until("WRITE is in force", TEST_TIMEOUT, async || {
        in_time(sink.send(events(GoalId::new(), 1).remove(0))).await.is_ok()
    })
    .await;
    expect_stored(&sink).await;
    assert_eq!(sink.state().possible_duplicates(), 0);
    in_time(sink.close()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_write_on_one_topic_names_the_topic() {
    let secured = secured();
    let elsewhere = secured.create_topic(&[("driver", KafkaOperation::Write)]).await;
    let topic = secured.create_topic(&[("driver", KafkaOperation::Describe)]).await;
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
    for (number, result) in in_time(sink.send_batch(events(GoalId::new(), 10)))
        .await
        .into_iter()
        .enumerate()
    {
        match result {
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
async fn missing_describe_fails_with_command() {
    let secured = secured();
    let topic = secured.create_topic(&[]).await;
    let sink = KafkaEventSink::builder(secured.user("no-describe"))
        .topic(&*topic)
        .build()
        .unwrap();
    let error = in_time(sink.check()).await.unwrap_err();
    assert_eq!(error.kind(), SetupErrorKind::NotFound, "{error}");
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
    assert!(start.elapsed() < REFUSAL_TIMEOUT, "{:?}", start.elapsed());
    let source = KafkaEventSource::builder(secured.user("no-describe")).topic(&*topic);
    let error = in_time(source.build()).await.unwrap_err();
    assert_eq!(error.kind(), SetupErrorKind::NotFound, "{error}");
}

/// Returns the source's next error.
async fn error_of(source: &mut KafkaEventSource) -> SourceError {
    in_time(source.next()).await.unwrap().unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_read_fails_with_command_until_granted() {
    let secured = secured();
    let topic = secured.create_topic(&[("no-read", KafkaOperation::Describe)]).await;
    secured.allow("no-read", KafkaResource::Group("no-read"), KafkaOperation::Read);
    let writer = KafkaEventSink::builder(config_of(&secured.broker))
        .topic(&*topic)
        .build()
        .unwrap();
    let sent = events(GoalId::new(), 3);
    for result in in_time(writer.send_batch(sent.clone())).await {
        result.unwrap();
    }
    let builder = KafkaEventSource::builder(secured.user("no-read")).topic(&*topic);
    let mut standalone = in_time(builder.clone().build()).await.unwrap();
    let mut grouped = in_time(builder.group("no-read").build()).await.unwrap();
    for source in [&mut standalone, &mut grouped] {
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
    for source in [&mut standalone, &mut grouped] {
        assert_eq!(read_past_errors(source, sent.len()).await, ids_of(&sent));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_group_read_fails_with_command_until_granted() {
    let secured = secured();
    let topic = secured.create_topic(&[("no-group", KafkaOperation::All)]).await;
    let sink = KafkaEventSink::builder(secured.user("no-group"))
        .topic(&*topic)
        .build()
        .unwrap();
    expect_stored(&sink).await;
    let builder = KafkaEventSource::builder(secured.user("no-group"))
        .topic(&*topic)
        .group("no-group");
    // `build` reports it, or the first `next` if the coordinator was found later.
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
    assert_eq!(read_past_errors(&mut source, 1).await.len(), 1);
}

/// Reads this many events, and skips errors.
async fn read_past_errors(source: &mut KafkaEventSource, count: usize) -> Vec<String> {
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
async fn ensure_topic_needs_create_only_for_a_new_topic() {
    let secured = secured();
    let config = secured.user("no-create");
    let topic = format!("{}.agent.driver", unique_prefix());
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
    wait_until("CREATE is in force", TEST_TIMEOUT, async || {
        in_time(ensure_topic(&config, &settings))
            .await
            .is_ok_and(|ensured| ensured.is_new)
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
    wait_until("DESCRIBE_CONFIGS is in force", TEST_TIMEOUT, async || {
        in_time(ensure_topic(&config, &settings))
            .await
            .unwrap()
            .warnings
            .is_empty()
    })
    .await;
}

/// Every dead letter would fail, and nothing be committed.
#[tokio::test(flavor = "multi_thread")]
async fn missing_write_on_dead_letters_ends_the_source() {
    let secured = secured();
    let topic = secured.create_topic(&[("no-dead", KafkaOperation::Read)]).await;
    let dead = secured.create_topic(&[("no-dead", KafkaOperation::Describe)]).await;
    secured.allow("no-dead", KafkaResource::Group(&topic), KafkaOperation::Read);
    let record = KafkaRawRecord {
        value: Some(b"{".to_vec()),
        ..KafkaRawRecord::default()
    };
    block_in_place(|| secured.broker.write_raw(&topic, 0, &[record])).unwrap();
    let source = KafkaEventSource::builder(secured.user("no-dead")).topic(&*topic);
    let mut source = in_time(source.group(&*topic).dead_letters(&*dead).build())
        .await
        .unwrap();
    let delivery = next_delivery(&mut source).await;
    for error in [
        in_time(delivery.reject("not an event")).await.unwrap_err(),
        in_time(source.next()).await.unwrap().unwrap_err(),
    ] {
        assert_eq!(error.kind(), SourceErrorKind::Fatal, "{error}");
        let grant = format!("--operation Write --topic '{dead}'");
        assert!(error.to_string().contains(&grant), "{error}");
    }
    assert!(in_time(source.next()).await.is_none());
}

/// Commits run in the background.
#[tokio::test(flavor = "multi_thread")]
async fn failed_commit_is_the_last_error() {
    let secured = secured();
    let topic = secured.create_topic(&[("no-commit", KafkaOperation::All)]).await;
    let group = KafkaResource::Group(&topic);
    secured.allow("no-commit", group, KafkaOperation::Read);
    let sink = KafkaEventSink::builder(secured.user("no-commit"))
        .topic(&*topic)
        .build();
    expect_stored(&sink.unwrap()).await;
    let source = KafkaEventSource::builder(secured.user("no-commit")).topic(&*topic);
    let mut source = in_time(source.group(&*topic).build()).await.unwrap();
    let delivery = next_delivery(&mut source).await;
    secured.revoke("no-commit", group, KafkaOperation::Read);
    delivery.ack().await.unwrap();
    let state = source.state().clone();
    let has_cause = wait_until("the cause is known", TEST_TIMEOUT, async || {
        state.last_error().is_some_and(|cause| cause.contains("commit"))
    });
    let read_on = async {
        loop {
            let _ = source.next().await;
        }
    };
    tokio::select! {
        () = has_cause => {}
        () = read_on => {}
    }
}
