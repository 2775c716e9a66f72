//! The consumers of NATS.

use driver_events_harness::{NatsServer, wait_until};

use crate::consumers::{Consumer, Language, PATIENCE};

pub(super) fn start(language: Language, url: &str, options: &[&str]) -> Consumer {
    language.start("nats", &[("NATS_URL", url)], options)
}

/// Waits until the server has its subscription.
pub(super) async fn subscribed(consumer: &mut Consumer, server: &NatsServer, subject: &str) {
    wait_until(&format!("somebody listens to {subject}"), PATIENCE, async || {
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
