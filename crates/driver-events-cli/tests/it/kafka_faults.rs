//! `publish` during outages of a Kafka broker.

use std::time::{Duration, Instant};

use driver_events_harness::{KafkaBroker, KafkaConfig, KafkaListener, wait_until};

use crate::kafka_broker::{address, broker, fresh, stored};
use crate::support::{Running, TEST_TIMEOUT, run};

fn escalate(reason: &str) -> String {
    crate::support::escalate(reason) + "\n"
}

#[tokio::test(flavor = "multi_thread")]
async fn publish_survives_a_broker_restart() {
    let mut broker = KafkaBroker::start(KafkaConfig::new()).unwrap();
    let url = format!("kafka://{}", address(&broker, KafkaListener::Plain));
    let mut publish = Running::start(["publish", "--to", &url, "--create-topic"]);
    let lines: Vec<String> = (0..600).map(|number| escalate(&number.to_string())).collect();
    for (round, lines) in lines.chunks(300).enumerate() {
        publish.write(&lines[..100].concat());
        wait_until("an event is stored", TEST_TIMEOUT, async || {
            stored(&broker, "agent.driver", 0) > Some(round as i64 * 300)
        })
        .await;
        broker.kill().unwrap();
        publish.write(&lines[100..].concat());
        broker.restart().unwrap();
        wait_until("all events are stored", TEST_TIMEOUT, async || {
            stored(&broker, "agent.driver", 0) >= Some((round as i64 + 1) * 300)
        })
        .await;
    }
    publish.close_stdin();
    let ended = publish.wait();
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let summary = format!("600 events delivered to {url}\n");
    assert!(ended.stderr.ends_with(&summary), "{}", ended.stderr);
    assert_eq!(stored(&broker, "agent.driver", 0), Some(600));
    let ended = run(["tail", "--from", &url, "--count", "600", "--format", "json"]);
    assert!(
        ended.stdout() == lines.concat(),
        "each event must be stored once and in order"
    );
}

/// Ends by its timeout, and by a signal long before the timeout.
#[tokio::test(flavor = "multi_thread")]
async fn publish_gives_up_on_a_lost_broker() {
    for (timeout, signal, code) in [("1h", Some("-INT"), 130), ("6s", None, 1)] {
        let (url, topic) = fresh();
        let proxy = broker().proxy().unwrap();
        let plain = address(broker(), KafkaListener::Plain);
        let url = url.replace(&plain, &address(broker(), KafkaListener::Proxied));
        let mut publish = Running::start(["publish", "--to", &url, "--create-topic", "--timeout", timeout]);
        publish.write(&escalate("first"));
        wait_until("the first event is stored", TEST_TIMEOUT, async || {
            stored(broker(), &topic, 0) == Some(1)
        })
        .await;
        proxy.refuse(true);
        proxy.cut();
        publish.write(&escalate("second"));
        let warning = publish.stderr_line();
        let prefix = format!("warning: {url}: no ack received: ");
        assert!(warning.starts_with(&prefix), "{warning}");
        assert!(warning.ends_with(&format!("; retrying for {timeout}")), "{warning}");
        let started = Instant::now();
        if let Some(signal) = signal {
            publish.signal(signal);
        } else {
            publish.close_stdin();
        }
        let ended = publish.wait();
        proxy.heal();
        assert!(started.elapsed() < Duration::from_secs(30));
        assert_eq!(ended.code, code, "{}", ended.stderr);
        // The broker has stored the first event, but its ack may have been lost.
        let (stopped, line, delivered) = match ended.stderr.contains("\nstopped after line 1 of -\n") {
            true => ("after line 1", 2, "1 event"),
            false => ("before the first line", 1, "0 events"),
        };
        let error = format!("error: {url}: gave up at -:{line} or later: ");
        assert!(ended.stderr.starts_with(&error), "{}", ended.stderr);
        let summary = format!("\nstopped {stopped} of -\n{delivered} delivered to {url}, 1 unconfirmed\n");
        assert!(ended.stderr.ends_with(&summary), "{}", ended.stderr);
    }
}
