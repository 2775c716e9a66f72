//! Passwords and certificates.

use std::time::Instant;

use driver_events_core::{DriverEventSink, DriverEventSource, SinkErrorKind};
use driver_events_harness::{Certificates, KafkaListener, KafkaOperation, KafkaResource};
use driver_events_kafka::{KafkaEventSink, KafkaEventSource, SetupErrorKind, TopicSettings, ensure_topic};
use driver_events_types::GoalId;
use rdkafka::ClientConfig;

use super::{PASSWORD, REFUSAL_TIMEOUT, expect_stored, secured};
use crate::support::{events, in_time, read_ids};

async fn write_and_read(config: ClientConfig, topic: &str) {
    let sink = KafkaEventSink::builder(config.clone()).topic(topic).build().unwrap();
    in_time(sink.check()).await.unwrap();
    expect_stored(&sink).await;
    in_time(sink.close()).await.unwrap();
    let source = KafkaEventSource::builder(config).topic(topic);
    let mut source = in_time(source.group("readers").build()).await.unwrap();
    assert_eq!(read_ids(&mut source, 1).await.len(), 1);
    in_time(source.close()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_password_mechanism_accepts_special_characters() {
    let secured = secured();
    for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
        let topic = secured.create_topic(&[("driver", KafkaOperation::All)]).await;
        secured.allow("driver", KafkaResource::Group("readers"), KafkaOperation::Read);
        write_and_read(secured.by_password(mechanism, "driver", PASSWORD), &topic).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn client_certificate_is_the_principal() {
    let secured = secured();
    let topic = secured.create_topic(&[("CN=client", KafkaOperation::All)]).await;
    secured.allow("CN=client", KafkaResource::Group("readers"), KafkaOperation::Read);
    let mut config = secured.config(KafkaListener::MutualTls, "SSL");
    let certificates = &secured.certificates;
    config
        .set("ssl.certificate.location", certificates.client().to_str().unwrap())
        .set("ssl.key.location", certificates.client_key().to_str().unwrap());
    write_and_read(config, &topic).await;
    // PEM text instead of files.
    let text = |path: std::path::PathBuf| std::fs::read_to_string(path).unwrap();
    let mut config = secured.config(KafkaListener::MutualTls, "SSL");
    config
        .remove("ssl.ca.location")
        .set("ssl.ca.pem", text(certificates.authority()))
        .set("ssl.certificate.pem", text(certificates.client()))
        .set("ssl.key.pem", text(certificates.client_key()));
    let topic = secured.create_topic(&[("CN=client", KafkaOperation::All)]).await;
    write_and_read(config, &topic).await;
}

/// Cases of refused credentials: name, properties and a part of the error text.
fn refused_credentials() -> [(&'static str, ClientConfig, &'static str); 5] {
    let secured = secured();
    let stranger = Certificates::generate().unwrap();
    let mut untrusted = secured.by_password("SCRAM-SHA-256", "driver", PASSWORD);
    untrusted.set("ssl.ca.pem", std::fs::read_to_string(stranger.authority()).unwrap());
    untrusted.remove("ssl.ca.location");
    [
        (
            "a wrong password",
            secured.by_password("SCRAM-SHA-256", "driver", "wr0ng"),
            "SCRAM-SHA-256",
        ),
        (
            "a wrong password in PLAIN",
            secured.by_password("PLAIN", "driver", "wr0ng"),
            "Invalid username or password",
        ),
        (
            "an unknown user",
            secured.by_password("SCRAM-SHA-512", "stranger", "wr0ng"),
            "SCRAM-SHA-512",
        ),
        ("another CA", untrusted, "ssl.ca.location"),
        (
            "no certificate",
            secured.config(KafkaListener::MutualTls, "SSL"),
            "certificate",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_credentials_fail_setup_at_once() {
    for (what, config, part) in refused_credentials() {
        let sink = KafkaEventSink::new(config.clone()).unwrap();
        let start = Instant::now();
        let checked = in_time(sink.check()).await.unwrap_err();
        let built = in_time(KafkaEventSource::builder(config.clone()).build())
            .await
            .unwrap_err();
        let ensured = in_time(ensure_topic(&config, &TopicSettings::new())).await.unwrap_err();
        let took = start.elapsed();
        for error in [checked, built, ensured] {
            assert_eq!(error.kind(), SetupErrorKind::Unauthorized, "{what}: {error}");
            assert!(error.to_string().contains(part), "{what}: {error}");
        }
        assert!(took < REFUSAL_TIMEOUT, "{what}: {took:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_credentials_fail_every_send_at_once() {
    for (what, config, part) in refused_credentials() {
        let sink = KafkaEventSink::new(config.clone()).unwrap();
        for _ in 0..2 {
            let start = Instant::now();
            for result in in_time(sink.send_batch(events(GoalId::new(), 10))).await {
                let error = result.unwrap_err();
                assert_eq!(error.kind(), SinkErrorKind::Unauthorized, "{what}: {error}");
                assert!(error.to_string().contains(part), "{what}: {error}");
            }
            assert!(start.elapsed() < REFUSAL_TIMEOUT, "{what}: {:?}", start.elapsed());
        }
        in_time(sink.close()).await.unwrap();
    }
}
