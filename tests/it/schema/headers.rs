//! The headers of the AsyncAPI document are those that publishers send.

use std::collections::BTreeSet;

use async_nats::jetstream;
use driver_events_core::DriverEventSinkExt;
use driver_events_harness::{NatsConfig, NatsServer};
use driver_events_nats::{JetStreamEventSink, StreamSettings, ensure_stream};
use driver_events_types::schema;
use futures_util::StreamExt;
use serde_json::{Map, Value};

use crate::sample_events::{SOURCE, attributes, envelopes, publish};

fn headers_schema(name: &str) -> Value {
    let document: Value = serde_json::from_str(schema::ASYNCAPI).unwrap();
    let mut headers = document["components"]["schemas"][name].clone();
    headers["additionalProperties"] = false.into();
    headers
}

fn property_names(schema: &Value) -> BTreeSet<String> {
    schema["properties"].as_object().unwrap().keys().cloned().collect()
}

#[tokio::test]
async fn nats_headers_are_those_of_the_document() {
    let server = NatsServer::start(NatsConfig::new().jetstream()).unwrap();
    let client = async_nats::connect(server.client_url()).await.unwrap();
    ensure_stream(&client, &StreamSettings::new("DRIVER")).await.unwrap();
    let sink = JetStreamEventSink::new(client.clone(), "DRIVER").await.unwrap();
    let sent = publish(&sink.stamped(SOURCE).unwrap()).await;

    let stream = jetstream::new(client).get_stream("DRIVER").await.unwrap();
    let consumer = stream
        .create_consumer(jetstream::consumer::pull::Config::default())
        .await
        .unwrap();
    let mut messages = consumer.messages().await.unwrap().take(sent.len());
    let schema = headers_schema("NatsHeaders");
    let validator = jsonschema::draft7::new(&schema).unwrap();
    let mut seen = BTreeSet::new();
    while let Some(message) = messages.next().await {
        let message = message.unwrap();
        let headers = message.headers.as_ref().unwrap().iter();
        let headers: Map<String, Value> = headers
            .map(|(name, values)| (name.to_string(), values[0].as_str().into()))
            .collect();
        seen.extend(headers.keys().cloned());
        let headers = Value::Object(headers);
        assert!(validator.is_valid(&headers), "{headers}");
    }
    assert_eq!(seen, property_names(&schema), "each header of the document is sent");
}

/// The tests of the Kafka consumers compare these attributes with the headers of records.
#[test]
fn kafka_headers_are_those_of_the_document() {
    let schema = headers_schema("KafkaHeaders");
    let validator = jsonschema::draft7::new(&schema).unwrap();
    let mut seen = BTreeSet::new();
    for envelope in envelopes() {
        let headers = attributes(&envelope).map(|(name, value)| match name {
            "datacontenttype" => ("content-type".to_owned(), Value::from(value)),
            _ => (format!("ce_{name}"), value.into()),
        });
        let headers: Map<String, Value> = headers.collect();
        seen.extend(headers.keys().cloned());
        let headers = Value::Object(headers);
        assert!(validator.is_valid(&headers), "{headers}");
    }
    let of_numbered = ["ce_sequence", "ce_producerrun"].map(str::to_owned);
    seen.extend(of_numbered);
    assert_eq!(seen, property_names(&schema));
}
