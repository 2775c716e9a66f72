//! What `publish` does when a broker of Kafka is gone.

use std::time::{Duration, Instant};

use driver_events_harness::{KafkaBroker, KafkaConfig, KafkaListener, wait_until};

use crate::kafka_broker::{address, broker, fresh, stored};
use crate::support::{PATIENCE, Running, run};

fn escalate(reason: &str) -> String {
    crate::support::escalate(reason) + "\n"
}

#[tokio::test(flavor = "multi_thread")]
async fn publish_goes_on_when_a_broker_that_was_killed_is_back() {
    let mut broker = KafkaBroker::start(KafkaConfig::new()).unwrap();
    let url = format!("kafka://{}", address(&broker, KafkaListener::Plain));
    let mut publish = Running::start(["publish", "--to", &url, "--create-topic"]);
    let lines: Vec<String> = (0..600).map(|number| escalate(&number.to_string())).collect();
    for (round, lines) in lines.chunks(300).enumerate() {
        publish.write(&lines[..100].concat());
        wait_until("it publishes", PATIENCE, async || {
            stored(&broker, "agent.driver", 0) > Some(round as i64 * 300)
        })
        .await;
        broker.kill().unwrap();
        publish.write(&lines[100..].concat());
        broker.restart().unwrap();
        wait_until("all of it is stored", PATIENCE, async || {
            stored(&broker, "agent.driver", 0) >= Some((round as i64 + 1) * 300)
        })
        .await;
    }
    publish.end_input();
    let ended = publish.wait();
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let summary = format!("600 events delivered to {url}\n");
    assert!(ended.stderr.ends_with(&summary), "{}", ended.stderr);
    assert_eq!(stored(&broker, "agent.driver", 0), Some(600));
    let ended = run(["tail", "--from", &url, "--count", "600", "--format", "json"]);
    assert!(ended.stdout() == lines.concat(), "each once, and in order");
}

/// The same for a target that is given up, and for a signal while there is much patience left.
#[tokio::test(flavor = "multi_thread")]
async fn publish_ends_without_a_broker_that_does_not_come_back() {
    for (timeout, signal, code) in [("1h", Some("-INT"), 130), ("6s", None, 1)] {
        let (url, topic) = fresh();
        let proxy = broker().proxy().unwrap();
        let plain = address(broker(), KafkaListener::Plain);
        let url = url.replace(&plain, &address(broker(), KafkaListener::Proxied));
        let mut publish = Running::start(["publish", "--to", &url, "--create-topic", "--timeout", timeout]);
        publish.write(&escalate("first"));
        wait_until("the first event is stored", PATIENCE, async || {
            stored(broker(), &topic, 0) == Some(1)
        })
        .await;
        proxy.refuse(true);
        proxy.cut();
        publish.write(&escalate("second"));
        let told = publish.told_line();
        assert!(
            told.starts_with(&format!("warning: {url}: not acknowledged yet: ")),
            "{told}"
        );
        let wait = if timeout == "1h" { "1h" } else { "6s" };
        assert!(told.ends_with(&format!("; trying again for {wait}")), "{told}");
        let begun = Instant::now();
        if let Some(signal) = signal {
            publish.signal(signal);
        } else {
            publish.end_input();
        }
        let ended = publish.wait();
        proxy.heal();
        assert!(begun.elapsed() < Duration::from_secs(30));
        assert_eq!(ended.code, code, "{}", ended.stderr);
        // The broker has stored the first event, and its answer may have been cut.
        let (stopped, line, delivered) = match ended.stderr.contains("\nstopped after line 1 of -\n") {
            true => ("after line 1", 2, "1 event"),
            false => ("before the first line", 1, "0 events"),
        };
        let given_up = format!("error: {url}: given up at -:{line} or later: ");
        assert!(ended.stderr.starts_with(&given_up), "{}", ended.stderr);
        let summary =
            format!("\nstopped {stopped} of -\n{delivered} delivered to {url}, 1 not known to be delivered\n");
        assert!(ended.stderr.ends_with(&summary), "{}", ended.stderr);
    }
}
