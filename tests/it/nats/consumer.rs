//! Starts the NATS consumers of `docs/consumers`.

use driver_events_harness::{NatsServer, wait_until};

use crate::consumers::{Consumer, Language, TIMEOUT};

pub(super) fn start(language: Language, url: &str, options: &[&str]) -> Consumer {
    language.start("nats", &[("NATS_URL", url)], options)
}

/// Waits until the server has the subscription of the consumer.
pub(super) async fn subscribed(consumer: &mut Consumer, server: &NatsServer, subject: &str) {
    wait_until(&format!("a subscription to {subject} exists"), TIMEOUT, async || {
        consumer.assert_runs();
        let page = server.monitoring("/connz?subs=1").unwrap();
        let mut connections = page["connections"].as_array().unwrap().iter();
        connections.any(|connection| {
            let subscriptions = connection["subscriptions_list"].as_array();
            subscriptions.is_some_and(|subscriptions| subscriptions.iter().any(|each| each == subject))
        })
    })
    .await;
}
