//! Settling deliveries of a durable consumer: acks, redelivery, dead letters, and messages that are not the consumer's.

use std::time::{Duration, Instant};

use async_nats::jetstream::stream::Config;
use async_nats::jetstream::{self};
use async_nats::{Client, Subscriber};
use driver_events_core::{DriverEventSource, Position, SourceErrorKind};
use driver_events_harness::wait_until;
use driver_events_nats::JetStreamEventSource;
use futures_util::{FutureExt, StreamExt};

use crate::jetstream_reading::{assert_idle, ids, ids_of, next, numbered, quick, reader, sequence, store};
use crate::jetstream_support::{STREAM, create_stream, percent_decode, read_stream, server_with_stream};
use crate::support::{TIMEOUT, in_time, options};

const CONSUMER: &str = "audit";
const DEAD_LETTERS: &str = "DEAD";

async fn create_dead_letter_stream(client: &Client) {
    let config = Config {
        name: DEAD_LETTERS.into(),
        subjects: vec!["dead.>".into()],
        ..Default::default()
    };
    create_stream(client, config).await;
}

/// Waits until the server has received the acks of all deliveries.
async fn wait_until_settled(client: &Client) {
    let stream = jetstream::new(client.clone()).get_stream(STREAM).await.unwrap();
    wait_until("all deliveries are settled", TIMEOUT, async || {
        let info = stream.consumer_info(CONSUMER).await.unwrap();
        (info.num_ack_pending, info.num_pending) == (0, 0)
    })
    .await;
}

#[tokio::test]
async fn events_without_an_ack_are_redelivered() {
    let (server, client) = server_with_stream().await;
    let envelopes = numbered(1, 0..3);
    store(&client, &envelopes).await;
    let builder = reader(&server).durable(CONSUMER).ack_wait(Duration::from_millis(500));
    let mut source = builder.build().await.unwrap();
    next(&mut source).await.nack(Duration::ZERO).await.unwrap();
    let unsettled = next(&mut source).await;
    next(&mut source).await.ack().await.unwrap();
    let mut redelivered = ids(&mut source, 2).await;
    redelivered.sort();
    let mut expected = ids_of(&envelopes[..2]);
    expected.sort();
    assert_eq!(redelivered, expected);
    // A late ack is not an error.
    unsettled.ack().await.unwrap();
    wait_until_settled(&client).await;
    assert_idle(&mut source).await;
}

#[tokio::test]
async fn nack_delays_the_redelivery() {
    let (server, client) = server_with_stream().await;
    let envelopes = numbered(1, 0..1);
    store(&client, &envelopes).await;
    let mut source = reader(&server).durable(CONSUMER).build().await.unwrap();
    let delay = Duration::from_secs(1);
    let start = Instant::now();
    next(&mut source).await.nack(delay).await.unwrap();
    assert_eq!(ids(&mut source, 1).await, ids_of(&envelopes));
    assert!(start.elapsed() >= delay, "{:?}", start.elapsed());
    // The default ack wait is 30 seconds.
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
}

#[tokio::test]
async fn nack_with_the_longest_delay_is_not_redelivered() {
    let (server, client) = server_with_stream().await;
    store(&client, &numbered(1, 0..1)).await;
    let mut source = reader(&server).durable(CONSUMER).build().await.unwrap();
    next(&mut source).await.nack(Duration::MAX).await.unwrap();
    assert_idle(&mut source).await;
}

#[tokio::test]
async fn one_in_flight_keeps_the_order_through_redelivery() {
    let (server, client) = server_with_stream().await;
    let envelopes = numbered(1, 0..10);
    store(&client, &envelopes).await;
    let builder = reader(&server).durable(CONSUMER).max_in_flight(1);
    let mut source = builder.build().await.unwrap();
    for (number, id) in ids_of(&envelopes).into_iter().enumerate() {
        if number % 3 == 0 {
            let delivery = next(&mut source).await;
            assert_eq!(delivery.envelope().unwrap().id().as_str(), id);
            delivery.nack(Duration::from_millis(20)).await.unwrap();
        }
        assert_eq!(ids(&mut source, 1).await, [id]);
    }
}

#[tokio::test]
async fn rejected_message_is_terminated_with_the_reason() {
    let (server, client) = server_with_stream().await;
    let advisories = format!("$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.{STREAM}.>");
    let mut advisories = client.subscribe(advisories).await.unwrap();
    let malformed = "{\"kind\":\"escalate\"\u{1b}[2J";
    let context = jetstream::new(client.clone());
    let published = context.publish("agent.driver.escalate", malformed.into()).await;
    published.unwrap().await.unwrap();
    let envelopes = numbered(1, 0..1);
    store(&client, &envelopes).await;
    let mut source = reader(&server).durable(CONSUMER).build().await.unwrap();
    let delivery = next(&mut source).await;
    assert_eq!(sequence(&delivery), 1);
    let reason = delivery.envelope().unwrap_err().clone();
    assert_eq!(reason.raw(), malformed.as_bytes());
    assert!(!reason.to_string().contains('\u{1b}'));
    delivery.reject(&format!("{reason}\r\n")).await.unwrap();
    let advisory = in_time(advisories.next()).await.unwrap();
    let advisory: serde_json::Value = serde_json::from_slice(&advisory.payload).unwrap();
    assert_eq!(advisory["stream_seq"], 1);
    assert_eq!(advisory["reason"].as_str().unwrap().trim_end(), reason.to_string());
    assert_eq!(ids(&mut source, 1).await, ids_of(&envelopes), "the source continues");
    wait_until_settled(&client).await;
}

#[tokio::test]
async fn rejected_message_is_stored_as_a_dead_letter() {
    let (server, client) = server_with_stream().await;
    create_dead_letter_stream(&client).await;
    let context = jetstream::new(client.clone());
    let published = context.publish("agent.driver.escalate", "{}".into()).await;
    published.unwrap().await.unwrap();
    let builder = reader(&server).durable(CONSUMER).dead_letters("dead.driver");
    let mut source = builder.build().await.unwrap();
    next(&mut source).await.reject("no kind:\r\n100 %").await.unwrap();
    wait_until_settled(&client).await;
    let letters = read_stream(&client, DEAD_LETTERS).await;
    let [letter] = letters.as_slice() else {
        panic!("{letters:?}")
    };
    assert_eq!(letter.payload, "{}");
    let headers = letter.headers.as_ref().unwrap();
    let header = |name| percent_decode(headers.get(name).unwrap().as_str());
    assert_eq!(header("Dead-Letter-Subject"), "agent.driver.escalate");
    assert_eq!(header("Dead-Letter-Reason"), "no kind:\r\n100 %");
}

/// A message is terminated only when its dead letter is stored.
#[tokio::test]
async fn reject_fails_without_a_dead_letter_stream() {
    let (server, client) = server_with_stream().await;
    store(&client, &numbered(1, 0..1)).await;
    let builder = reader(&server).durable(CONSUMER).ack_wait(Duration::from_millis(300));
    let mut source = builder.dead_letters("dead.driver").build().await.unwrap();
    let error = in_time(next(&mut source).await.reject("no")).await.unwrap_err();
    assert_eq!(error.kind(), SourceErrorKind::Disconnected);
    next(&mut source).await.ack().await.unwrap();
}

#[tokio::test]
async fn ack_fails_in_time_while_the_send_buffer_is_full() {
    let (mut server, client) = server_with_stream().await;
    store(&client, &numbered(1, 0..1)).await;
    let connection = quick(options(&server)).connect().await.unwrap();
    let builder = JetStreamEventSource::builder(STREAM).connection(connection.clone());
    let mut source = builder.durable(CONSUMER).build().await.unwrap();
    let delivery = next(&mut source).await;
    server.kill().unwrap();
    wait_until("the client is disconnected", TIMEOUT, async || {
        !connection.is_connected()
    })
    .await;
    let fill_buffer = async {
        loop {
            connection.client().publish("other", "".into()).await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_millis(500), fill_buffer)
        .await
        .unwrap_err();
    let error = in_time(delivery.ack()).await.unwrap_err();
    assert_eq!(error.kind(), SourceErrorKind::Disconnected, "{error}");
}

/// Returns the inbox of the source from its next pull request.
async fn inbox_of(source: &mut JetStreamEventSource, pull_requests: &mut Subscriber) -> String {
    assert_idle(source).await;
    let request = in_time(pull_requests.next()).await.unwrap();
    request.reply.unwrap().to_string()
}

/// Any client may publish to the inbox, but the server denies reply subjects below `$JS.ACK`. The payload is a valid
/// event, so that only the ack subject is wrong.
#[tokio::test]
async fn message_without_a_valid_ack_subject_is_reported() {
    let foreign_replies = [None, Some("other.client"), Some("other.\u{1b}[2J")];
    for durable in [false, true] {
        let (server, client) = server_with_stream().await;
        create_dead_letter_stream(&client).await;
        let mut pull_requests = client
            .subscribe(format!("$JS.API.CONSUMER.MSG.NEXT.{STREAM}.>"))
            .await
            .unwrap();
        let mut foreign_acks = client.subscribe("other.>").await.unwrap();
        client.flush().await.unwrap();
        let mut builder = reader(&server);
        if durable {
            builder = builder.durable(CONSUMER).dead_letters("dead.driver");
        }
        let mut source = builder.build().await.unwrap();
        let inbox = inbox_of(&mut source, &mut pull_requests).await;
        let event = numbered(1, 0..1).remove(0).json().unwrap().clone();
        for reply in foreign_replies {
            let published = match reply {
                None => client.publish(inbox.clone(), event.clone()).await,
                Some(reply) => {
                    client
                        .publish_with_reply(inbox.clone(), reply.to_owned(), event.clone())
                        .await
                }
            };
            published.unwrap();
        }
        for (number, reply) in foreign_replies.into_iter().enumerate() {
            let delivery = next(&mut source).await;
            let expected = Position::Subject {
                subject: inbox.as_str().into(),
                number: u64::try_from(number).unwrap() + 1,
            };
            assert_eq!(*delivery.position(), expected);
            let malformed = delivery.envelope().unwrap_err().clone();
            assert_eq!(malformed.raw(), &event);
            let expected = match reply {
                None => format!("message on `{inbox}` has no ack subject"),
                Some(reply) => format!(
                    "message on `{inbox}` has an invalid ack subject `{}`",
                    reply.escape_debug()
                ),
            };
            assert_eq!(malformed.to_string(), expected);
            delivery.reject(&expected).await.unwrap();
        }

        let envelopes = numbered(1, 1..100);
        store(&client, &envelopes).await;
        assert_eq!(ids(&mut source, envelopes.len()).await, ids_of(&envelopes));
        in_time(source.close()).await.unwrap();
        assert!(
            foreign_acks.next().now_or_never().is_none(),
            "no ack to a foreign subject"
        );
        let letters = read_stream(&client, DEAD_LETTERS).await.len();
        assert_eq!(letters, if durable { foreign_replies.len() } else { 0 });
    }
}
