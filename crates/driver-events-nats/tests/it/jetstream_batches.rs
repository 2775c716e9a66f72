//! Many events at once: by goals, and in atomic batches.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use async_nats::jetstream::Message;
use async_nats::jetstream::stream::{Config, DiscardPolicy};
use driver_events_core::conformance::samples;
use driver_events_core::{DriverEventSink, Envelope, SinkErrorKind};
use driver_events_nats::JetStreamEventSink;

use crate::jetstream_support::{
    STREAM, check_stored, envelope_of, jetstream_server, make, plain, read_stream, send, server_with_stream,
};
use crate::support::{client, in_time};

fn events(goals: u32, count: u32) -> Vec<Envelope> {
    let event = |number| Envelope::new(samples::numbered(samples::goal(number % goals), number));
    (0..count).map(event).collect()
}

fn is_of_a_batch(message: &Message) -> bool {
    message
        .headers
        .as_ref()
        .is_some_and(|headers| headers.get("Nats-Batch-Id").is_some())
}

/// The stream's own order is that of the call, and sequences are those of the events.
#[tokio::test(flavor = "multi_thread")]
async fn one_goal_alone_is_stored_in_atomic_batches_where_the_stream_allows_them() {
    let (_server, client) = server_with_stream().await;
    let sink = JetStreamEventSink::new(client.clone(), STREAM).await.unwrap();
    let sent = events(1, 2_500);
    let answers = in_time(sink.send_batch(sent.clone())).await;
    assert!(answers.iter().all(Result::is_ok));
    let messages = read_stream(&client, STREAM).await;
    check_stored(&sent, &answers, &messages);
    assert!(messages.iter().all(is_of_a_batch));
    assert!(
        sent.iter()
            .zip(&messages)
            .all(|(sent, message)| sent.id() == envelope_of(message).id())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_goal_alone_is_stored_one_by_one_where_the_stream_does_not_allow_batches() {
    let server = jetstream_server();
    let client = client(&server).await;
    make(&client, plain()).await;
    let sink = JetStreamEventSink::new(client.clone(), STREAM).await.unwrap();
    let sent = events(1, 500);
    let answers = in_time(sink.send_batch(sent.clone())).await;
    assert!(answers.iter().all(Result::is_ok));
    let messages = read_stream(&client, STREAM).await;
    check_stored(&sent, &answers, &messages);
    assert!(!messages.iter().any(is_of_a_batch));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_atomic_batch_with_an_event_that_is_stored_already_is_sent_one_by_one() {
    let (_server, client) = server_with_stream().await;
    let sink = JetStreamEventSink::new(client.clone(), STREAM).await.unwrap();
    let mut sent = events(1, 1_500);
    let early = sent.first().cloned().unwrap();
    send(&sink, &early).await.unwrap();
    let answers = in_time(sink.send_batch(sent.clone())).await;
    assert!(answers.iter().all(Result::is_ok));
    check_stored(&sent, &answers, &read_stream(&client, STREAM).await);

    // And an event that is twice in one batch.
    sent = events(2, 1_000).split_off(500);
    let mut batch = sent.clone();
    batch.extend(sent.last().cloned());
    let answers = in_time(sink.send_batch(batch)).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(read_stream(&client, STREAM).await.len(), 2_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_stream_refuses_of_an_atomic_batch_stops_the_goal_and_nothing_else() {
    let server = jetstream_server();
    let client = client(&server).await;
    let config = Config {
        max_messages: 700,
        discard: DiscardPolicy::New,
        allow_atomic_publish: true,
        ..plain()
    };
    make(&client, config).await;
    let sink = JetStreamEventSink::new(client.clone(), STREAM).await.unwrap();
    let sent = events(1, 2_000);
    let answers = in_time(sink.send_batch(sent.clone())).await;
    let taken = answers.iter().take_while(|answer| answer.is_ok()).count();
    assert_eq!(taken, 700);
    let kinds = answers
        .iter()
        .skip(taken)
        .map(|answer| answer.as_ref().unwrap_err().kind());
    assert!({ kinds }.all(|kind| kind == SinkErrorKind::Full));
    check_stored(&sent, &answers, &read_stream(&client, STREAM).await);
}

/// Dropped when it has begun, at once and by the way; the sink goes on, and what is sent again is stored once.
#[tokio::test(flavor = "multi_thread")]
async fn calls_that_are_dropped_leave_the_sink_as_it_was() {
    let (_server, client) = server_with_stream().await;
    let sink = JetStreamEventSink::new(client.clone(), STREAM).await.unwrap();
    for goals in [1, 100] {
        let sent = events(goals, 300);
        {
            let mut dropped = pin!(sink.send_batch(sent.clone()));
            poll_fn(|context| Poll::Ready(dropped.as_mut().poll(context).is_ready())).await;
        }
        let answers = in_time(sink.send_batch(sent.clone())).await;
        assert!(answers.iter().all(Result::is_ok));
    }
    assert_eq!(read_stream(&client, STREAM).await.len(), 600);
    in_time(sink.close()).await.unwrap();
}
