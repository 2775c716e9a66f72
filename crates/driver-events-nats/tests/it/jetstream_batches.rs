//! Batches: published by goal, and as atomic batches.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use async_nats::jetstream::Message;
use async_nats::jetstream::stream::{Config, DiscardPolicy};
use driver_events_core::conformance::samples;
use driver_events_core::{DriverEventSink, Envelope, Receipt, SinkError, SinkErrorKind};
use driver_events_nats::JetStreamEventSink;

use crate::jetstream_support::{
    STREAM, check_stored, create_stream, default_config, envelope_of, jetstream_server, read_stream, send,
    server_with_stream, stored,
};
use crate::support::{client, in_time};

fn events(goals: u32, count: u32) -> Vec<Envelope> {
    let event = |number| Envelope::new(samples::numbered(samples::goal(number % goals), number));
    (0..count).map(event).collect()
}

fn is_in_atomic_batch(message: &Message) -> bool {
    message
        .headers
        .as_ref()
        .is_some_and(|headers| headers.get("Nats-Batch-Id").is_some())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_goal_is_stored_in_atomic_batches_in_call_order() {
    let (_server, client) = server_with_stream().await;
    let sink = JetStreamEventSink::new(client.clone(), STREAM).await.unwrap();
    let sent = events(1, 2_500);
    let results = in_time(sink.send_batch(sent.clone())).await;
    assert!(results.iter().all(Result::is_ok));
    let messages = read_stream(&client, STREAM).await;
    check_stored(&sent, &results, &messages);
    assert!(messages.iter().all(is_in_atomic_batch));
    assert!(
        sent.iter()
            .zip(&messages)
            .all(|(sent, message)| sent.id() == envelope_of(message).id())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_goal_is_stored_singly_if_atomic_batches_are_disabled() {
    let server = jetstream_server();
    let client = client(&server).await;
    create_stream(&client, default_config()).await;
    let sink = JetStreamEventSink::new(client.clone(), STREAM).await.unwrap();
    let sent = events(1, 500);
    let results = in_time(sink.send_batch(sent.clone())).await;
    assert!(results.iter().all(Result::is_ok));
    let messages = read_stream(&client, STREAM).await;
    check_stored(&sent, &results, &messages);
    assert!(!messages.iter().any(is_in_atomic_batch));
}

#[tokio::test(flavor = "multi_thread")]
async fn atomic_batch_with_a_duplicate_is_published_singly() {
    let (_server, client) = server_with_stream().await;
    let sink = JetStreamEventSink::new(client.clone(), STREAM).await.unwrap();
    let mut sent = events(1, 1_500);
    let early = sent.first().cloned().unwrap();
    send(&sink, &early).await.unwrap();
    let results = in_time(sink.send_batch(sent.clone())).await;
    assert_eq!(duplicates(&results), [0]);
    let messages = read_stream(&client, STREAM).await;
    check_stored(&sent, &results, &messages);
    assert!(!messages.iter().any(is_in_atomic_batch));

    // The same event twice in one batch.
    sent = events(2, 1_000).split_off(500);
    let mut batch = sent.clone();
    batch.extend(sent.last().cloned());
    let results = in_time(sink.send_batch(batch)).await;
    assert_eq!(duplicates(&results), [500]);
    assert_eq!(read_stream(&client, STREAM).await.len(), 2_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn full_stream_during_a_batch_fails_the_rest_of_the_goal() {
    let server = jetstream_server();
    let client = client(&server).await;
    let config = Config {
        max_messages: 700,
        discard: DiscardPolicy::New,
        allow_atomic_publish: true,
        ..default_config()
    };
    create_stream(&client, config).await;
    let sink = JetStreamEventSink::new(client.clone(), STREAM).await.unwrap();
    let sent = events(1, 2_000);
    let results = in_time(sink.send_batch(sent.clone())).await;
    let stored = results.iter().take_while(|result| result.is_ok()).count();
    assert_eq!(stored, 700);
    let kinds = results
        .iter()
        .skip(stored)
        .map(|result| result.as_ref().unwrap_err().kind());
    assert!({ kinds }.all(|kind| kind == SinkErrorKind::Full));
    check_stored(&sent, &results, &read_stream(&client, STREAM).await);
}

/// Returns the indexes of the receipts marked `duplicate`. All results must be receipts.
fn duplicates(results: &[Result<Receipt, SinkError>]) -> Vec<usize> {
    let is_duplicate = |(_, result): &(usize, &Result<Receipt, SinkError>)| stored(result.as_ref().unwrap()).duplicate;
    let duplicates = results.iter().enumerate().filter(is_duplicate);
    duplicates.map(|(index, _)| index).collect()
}

/// The future is polled once and dropped, for an atomic batch and for a batch published by goal.
#[tokio::test(flavor = "multi_thread")]
async fn dropped_batch_can_be_sent_again_and_is_stored_once() {
    let (_server, client) = server_with_stream().await;
    let sink = JetStreamEventSink::new(client.clone(), STREAM).await.unwrap();
    for goals in [1, 100] {
        let sent = events(goals, 300);
        {
            let mut dropped = pin!(sink.send_batch(sent.clone()));
            let is_ready = poll_fn(|context| Poll::Ready(dropped.as_mut().poll(context).is_ready())).await;
            assert!(!is_ready);
        }
        let results = in_time(sink.send_batch(sent.clone())).await;
        assert!(results.iter().all(Result::is_ok));
    }
    assert_eq!(read_stream(&client, STREAM).await.len(), 600);
    in_time(sink.close()).await.unwrap();
}
