//! Passwords and certificates.

use std::time::Instant;

use driver_events_core::{DriverEventSink, SinkErrorKind};
use driver_events_harness::{Certificates, KafkaListener, KafkaOperation, KafkaResource};
use driver_events_kafka::{KafkaEventSink, KafkaEventSource, SetupErrorKind, TopicSettings, ensure_topic};
use driver_events_types::GoalId;
use rdkafka::ClientConfig;

use super::{PASSWORD, SOON, secured, stores};
use crate::support::{events, ids, in_time};

async fn goes_there_and_back(config: ClientConfig, topic: &str) {
    let sink = KafkaEventSink::builder(config.clone()).topic(topic).build().unwrap();
    in_time(sink.check()).await.unwrap();
    stores(&sink).await;
    in_time(sink.close()).await.unwrap();
    let source = KafkaEventSource::builder(config).topic(topic);
    let mut source = in_time(source.group("readers").build()).await.unwrap();
    assert_eq!(ids(&mut source, 1).await.len(), 1);
    in_time(source.close()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mechanism_with_a_password_works_with_any_password() {
    let secured = secured();
    for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
        let topic = secured.topic(&[("driver", KafkaOperation::All)]).await;
        secured.allow("driver", KafkaResource::Group("readers"), KafkaOperation::Read);
        goes_there_and_back(secured.by_password(mechanism, "driver", PASSWORD), &topic).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_the_client_is_its_name() {
    let secured = secured();
    let topic = secured.topic(&[("CN=client", KafkaOperation::All)]).await;
    secured.allow("CN=client", KafkaResource::Group("readers"), KafkaOperation::Read);
    let mut config = secured.config(KafkaListener::MutualTls, "SSL");
    let certificates = &secured.certificates;
    config
        .set("ssl.certificate.location", certificates.client().to_str().unwrap())
        .set("ssl.key.location", certificates.client_key().to_str().unwrap());
    goes_there_and_back(config, &topic).await;
    // As texts, and not as files.
    let text = |path: std::path::PathBuf| std::fs::read_to_string(path).unwrap();
    let mut config = secured.config(KafkaListener::MutualTls, "SSL");
    config
        .remove("ssl.ca.location")
        .set("ssl.ca.pem", text(certificates.authority()))
        .set("ssl.certificate.pem", text(certificates.client()))
        .set("ssl.key.pem", text(certificates.client_key()));
    let topic = secured.topic(&[("CN=client", KafkaOperation::All)]).await;
    goes_there_and_back(config, &topic).await;
}

/// Credentials that are wrong, and what is told of them.
fn wrong() -> [(&'static str, ClientConfig, &'static str); 5] {
    let secured = secured();
    let stranger = Certificates::generate().unwrap();
    let mut mistrusting = secured.by_password("SCRAM-SHA-256", "driver", PASSWORD);
    mistrusting.set("ssl.ca.pem", std::fs::read_to_string(stranger.authority()).unwrap());
    mistrusting.remove("ssl.ca.location");
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
        ("another authority", mistrusting, "ssl.ca.location"),
        (
            "no certificate",
            secured.config(KafkaListener::MutualTls, "SSL"),
            "certificate",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials_are_told_at_once_at_every_start() {
    for (what, config, part) in wrong() {
        let sink = KafkaEventSink::new(config.clone()).unwrap();
        let start = Instant::now();
        let checked = in_time(sink.check()).await.unwrap_err();
        let built = in_time(KafkaEventSource::builder(config.clone()).build())
            .await
            .unwrap_err();
        let made = in_time(ensure_topic(&config, &TopicSettings::new())).await.unwrap_err();
        let took = start.elapsed();
        for error in [checked, built, made] {
            assert_eq!(error.kind(), SetupErrorKind::Unauthorized, "{what}: {error}");
            assert!(error.to_string().contains(part), "{what}: {error}");
        }
        assert!(took < SOON, "{what}: {took:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials_are_told_at_once_at_every_send() {
    for (what, config, part) in wrong() {
        let sink = KafkaEventSink::new(config.clone()).unwrap();
        for _ in 0..2 {
            let start = Instant::now();
            for answer in in_time(sink.send_batch(events(GoalId::new(), 10))).await {
                let error = answer.unwrap_err();
                assert_eq!(error.kind(), SinkErrorKind::Unauthorized, "{what}: {error}");
                assert!(error.to_string().contains(part), "{what}: {error}");
            }
            assert!(start.elapsed() < SOON, "{what}: {:?}", start.elapsed());
        }
        in_time(sink.close()).await.unwrap();
    }
}
