//! Helpers of the JetStream tests.

use std::collections::HashMap;

use async_nats::Client;
use async_nats::jetstream::{self, Message, consumer::pull};
use driver_events_core::cloudevents::ReceivedAttributes;
use driver_events_core::{DriverEventSink, Envelope, EventId, Receipt, SinkError, Stored};
use driver_events_harness::{NatsConfig, NatsServer};
use driver_events_nats::{JetStreamEventSink, StreamSettings, ensure_stream};
use futures_util::StreamExt;

use crate::support::{client, in_time};

pub(crate) const STREAM: &str = "DRIVER";

pub(crate) fn jetstream_server() -> NatsServer {
    NatsServer::start(NatsConfig::new().jetstream()).expect("nats-server must start")
}

/// Starts a server with the stream, and connects a plain client.
pub(crate) async fn server_with_stream() -> (NatsServer, Client) {
    let server = jetstream_server();
    let client = client(&server).await;
    ensure_stream(&client, &StreamSettings::new(STREAM)).await.unwrap();
    (server, client)
}

/// Creates a stream with settings that `ensure_stream` does not use.
pub(crate) async fn create_stream(client: &Client, config: jetstream::stream::Config) {
    let context = jetstream::new(client.clone());
    context.create_stream(config).await.unwrap();
}

/// Deletes the stream, and keeps another one: nats-server removes the folder of its last stream in the background, and
/// cannot create a stream meanwhile.
pub(crate) async fn delete_stream(client: &Client) {
    let context = jetstream::new(client.clone());
    let kept = jetstream::stream::Config {
        name: "KEPT".into(),
        ..Default::default()
    };
    context.get_or_create_stream(kept).await.unwrap();
    context.delete_stream(STREAM).await.unwrap();
}

/// Captures all events, with the server's default settings.
pub(crate) fn default_config() -> jetstream::stream::Config {
    jetstream::stream::Config {
        name: STREAM.into(),
        subjects: vec!["agent.driver.>".into()],
        ..Default::default()
    }
}

/// Returns all messages of the stream, in order.
pub(crate) async fn read_stream(client: &Client, stream: &str) -> Vec<Message> {
    let read = async {
        let stream = jetstream::new(client.clone()).get_stream(stream).await.unwrap();
        let count = usize::try_from(stream.get_info().await.unwrap().state.messages).unwrap();
        let consumer = stream.create_consumer(pull::OrderedConfig::default()).await.unwrap();
        let messages = consumer.messages().await.unwrap();
        messages.take(count).map(Result::unwrap).collect().await
    };
    in_time(read).await
}

/// Decodes a message without the code under test.
pub(crate) fn envelope_of(message: &Message) -> Envelope {
    let envelope = Envelope::from_json(message.payload.clone()).unwrap();
    let mut attributes = ReceivedAttributes::default();
    for (name, values) in message.headers.iter().flat_map(|headers| headers.iter()) {
        let name: &str = name.as_ref();
        let Some(name) = name.strip_prefix("ce-") else { continue };
        attributes
            .set(name, &percent_decode(values.first().unwrap().as_str()))
            .unwrap();
    }
    attributes.apply_to(envelope).unwrap()
}

pub(crate) fn percent_decode(value: &str) -> String {
    let mut parts = value.split('%');
    let mut bytes = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        let (hex, rest) = part.split_at(2);
        bytes.push(u8::from_str_radix(hex, 16).unwrap());
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).unwrap()
}

pub(crate) async fn send(sink: &JetStreamEventSink, envelope: &Envelope) -> Result<Stored, SinkError> {
    in_time(sink.send(envelope.clone()))
        .await
        .map(|receipt| stored(&receipt))
}

pub(crate) fn stored(receipt: &Receipt) -> Stored {
    match receipt {
        Receipt::Stored(stored) => stored.clone(),
        other => panic!("{other:?}"),
    }
}

/// Asserts that the stream has every acked event, no duplicates, and the events of each goal in order.
pub(crate) fn check_stored(sent: &[Envelope], results: &[Result<Receipt, SinkError>], messages: &[Message]) {
    assert_eq!(sent.len(), results.len());
    let mut sequences: HashMap<EventId, u64> = HashMap::new();
    for message in messages {
        let id = envelope_of(message).id().clone();
        let sequence = message.info().unwrap().stream_sequence;
        assert_eq!(sequences.insert(id.clone(), sequence), None, "duplicate of {id:?}");
    }
    let mut last_of_goal = HashMap::new();
    for (envelope, result) in sent.iter().zip(results) {
        let sequence = sequences.remove(envelope.id());
        match result {
            Ok(receipt) => assert_eq!(Some(stored(receipt).offset), sequence, "acked event is missing"),
            Err(error) => assert!(
                sequence.is_none() || error.fate() != driver_events_core::Fate::NotSent,
                "{error}"
            ),
        }
        if let Some(sequence) = sequence {
            let last = last_of_goal.insert(envelope.goal_id(), sequence);
            assert!(last < Some(sequence), "{envelope:?} is out of order");
        }
    }
    assert!(sequences.is_empty(), "unexpected events: {sequences:?}");
}
