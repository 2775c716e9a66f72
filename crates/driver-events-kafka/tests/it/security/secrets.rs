//! Errors, logs and `Debug` contain no secrets, even with `debug=all`; statistics and errors are readable.

use std::fs;

use driver_events_core::{DriverEventSink, DriverEventSource};
use driver_events_harness::{CapturedTracing, KafkaListener, KafkaOperation, KafkaResource, error_report, wait_until};
use driver_events_kafka::{KafkaEventSink, KafkaEventSource, TopicSettings, ensure_topic};
use driver_events_types::GoalId;
use rdkafka::ClientConfig;
use tracing::Level;

use super::{PASSWORD, Secured, expect_stored, secured, token};
use crate::support::{TEST_TIMEOUT, events, in_time, read_ids};

/// The secrets, in clear and in base64.
fn secrets(secured: &Secured) -> Vec<String> {
    let key = fs::read_to_string(secured.certificates.client_key()).unwrap();
    let line = key.lines().nth(1).unwrap().to_owned();
    let sent = data_encoding::BASE64.encode(PASSWORD.as_bytes());
    vec!["s3cret".into(), "wr0ng".into(), "t0ken".into(), line, sent]
}

/// Properties with accepted and refused credentials, and invalid ones.
fn configs(secured: &Secured) -> Vec<ClientConfig> {
    let mut certified = secured.config(KafkaListener::MutualTls, "SSL");
    let certificate = fs::read_to_string(secured.certificates.client()).unwrap();
    let key = fs::read_to_string(secured.certificates.client_key()).unwrap();
    certified
        .set("ssl.certificate.pem", certificate)
        .set("ssl.key.pem", key)
        .set("ssl.key.password", "s3cret");
    let mut configs = vec![certified];
    for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
        configs.push(secured.by_password(mechanism, "driver", PASSWORD));
        configs.push(secured.by_password(mechanism, "driver", "wr0ng"));
    }
    let mut by_token = secured.by_token();
    by_token.set("sasl.oauthbearer.config", "client_secret=s3cret");
    configs.push(by_token);
    for (name, value) in [
        ("sasl.passwort", "s3cret"),
        ("ssl.key.pem", "s3cret"),
        ("ssl.keystore.password", "s3cret"),
        ("sasl.password", "s3cret\0"),
        ("security.protocol", "s3cret"),
    ] {
        let mut wrong = secured.user("driver");
        wrong.set(name, value);
        configs.push(wrong);
    }
    for config in &mut configs {
        config.set("debug", "all").set("client.id", "secretive");
    }
    configs
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_logs_and_debug_contain_no_secrets() {
    let tracing_log = CapturedTracing::of_all_threads(&["librdkafka", "driver_events_kafka"], "").unwrap();
    let secured = secured();
    let topic = secured
        .create_topic(&[("driver", KafkaOperation::All), ("CN=client", KafkaOperation::All)])
        .await;
    for user in ["driver", "CN=client", "t0ken"] {
        secured.allow(user, KafkaResource::Group("secretive"), KafkaOperation::Read);
        secured.allow(user, KafkaResource::Topic(&topic), KafkaOperation::All);
    }
    let bad_token = |_: Option<&str>| {
        let mut token = token("t0ken", 3600);
        token.token = "t0ken".into();
        Ok(token)
    };
    let mut shown = Vec::new();
    let mut accepted = 0;
    for config in configs(secured) {
        let sink = KafkaEventSink::builder(config.clone())
            .topic(&*topic)
            .token_provider(bad_token);
        let source = KafkaEventSource::builder(config.clone())
            .topic(&*topic)
            .token_provider(bad_token);
        let source = source.group("secretive").dead_letters("dead");
        shown.push(format!("{sink:?} {source:?}"));
        match sink.build() {
            Ok(sink) => {
                if let Err(error) = in_time(sink.check()).await {
                    shown.push(error_report(&error));
                }
                match in_time(sink.send(events(GoalId::new(), 1).remove(0))).await {
                    Ok(_) => accepted += 1,
                    Err(error) => shown.push(error_report(&error)),
                }
                shown.push(format!("{sink:?} {:?}", sink.state()));
            }
            Err(error) => shown.push(error_report(&error)),
        }
        match in_time(source.build()).await {
            Ok(mut source) => {
                read_ids(&mut source, 1).await;
                shown.push(format!("{source:?} {:?}", source.state()));
                in_time(source.close()).await.unwrap();
            }
            Err(error) => shown.push(error_report(&error)),
        }
        if let Err(error) = in_time(ensure_topic(&config, &TopicSettings::named(&*topic))).await {
            shown.push(error_report(&error));
        }
    }
    assert_eq!(accepted, 4, "a certificate and three passwords");
    shown.push(tracing_log.text());
    for secret in secrets(secured) {
        let found: Vec<_> = shown
            .iter()
            .flat_map(|text| text.lines())
            .filter(|line| line.contains(&secret))
            .collect();
        assert!(found.is_empty(), "{secret}: {found:?}");
    }
    assert!(tracing_log.contains(Level::DEBUG, "librdkafka", "SASL"));
    assert!(tracing_log.contains(Level::WARN, "driver_events_kafka", "invalid credentials"));
}

#[tokio::test(flavor = "multi_thread")]
async fn statistics_are_available_from_sink_and_source() {
    let secured = secured();
    let topic = secured.create_topic(&[("driver", KafkaOperation::All)]).await;
    let mut config = secured.by_password("PLAIN", "driver", PASSWORD);
    config.set("statistics.interval.ms", "50").set("client.id", "measured");
    let sink = KafkaEventSink::builder(config.clone()).topic(&*topic).build().unwrap();
    assert!(sink.state().last_error().is_none());
    expect_stored(&sink).await;
    wait_until("the sink has statistics", TEST_TIMEOUT, async || {
        let statistics = sink.state().statistics();
        statistics.is_some_and(|measured| measured.client_id == "measured" && measured.txmsgs == 1)
    })
    .await;
    let mut source = in_time(KafkaEventSource::builder(config).topic(&*topic).build())
        .await
        .unwrap();
    read_ids(&mut source, 1).await;
    // Statistics arrive only while `next` polls.
    let state = source.state().clone();
    let measured = wait_until("the source has statistics", TEST_TIMEOUT, async || {
        state.statistics().is_some_and(|measured| measured.rxmsgs == 1)
    });
    tokio::select! {
        delivery = source.next() => panic!("{delivery:?}"),
        () = measured => {}
    }
    assert_eq!(source.lag(), Some(0));
}
