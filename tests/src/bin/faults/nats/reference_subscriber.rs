//! A subscriber on a healthy connection, without the crate under test.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, ensure};
use async_nats::{Client, ConnectOptions, Subscriber};
use driver_events_harness::NatsServer;
use futures_util::StreamExt;
use tokio::time::timeout;

use crate::event::Event;
use crate::fault_timer::STEP_TIMEOUT;

/// Subject of the subscription. Not `>`, which would include the barrier requests of `flush`.
const EVENTS: &str = "agent.driver.>";
/// Message that follows everything that the server has parsed before.
const MARKER: &str = "agent.driver.mark";
/// More than is sent between two reads.
const CAPACITY: usize = 1 << 20;

pub(super) struct ReferenceSubscriber {
    client: Client,
    messages: Subscriber,
    /// Whether the client dropped messages or lost its connection: missing events are then not losses of the sink.
    is_broken: Arc<AtomicBool>,
}

impl ReferenceSubscriber {
    pub(super) async fn start(server: &NatsServer) -> Result<Self> {
        Self::start_with(server, ConnectOptions::new()).await
    }

    pub(super) async fn start_with(server: &NatsServer, options: ConnectOptions) -> Result<Self> {
        let is_broken = Arc::<AtomicBool>::default();
        let seen = Arc::clone(&is_broken);
        let options = options.subscription_capacity(CAPACITY).event_callback(move |event| {
            let is_gap = matches!(
                event,
                async_nats::Event::SlowConsumer(_) | async_nats::Event::Disconnected
            );
            if is_gap {
                seen.store(true, Ordering::Relaxed);
            }
            std::future::ready(())
        });
        let client = options.connect(server.client_url()).await?;
        let messages = client.subscribe(EVENTS).await?;
        let mut subscriber = Self {
            client,
            messages,
            is_broken,
        };
        // Returns when the server has the subscription.
        subscriber.read().await?;
        Ok(subscriber)
    }

    /// Returns the unread events that the server has parsed before this call.
    pub(super) async fn read(&mut self) -> Result<Vec<Event>> {
        self.client.publish(MARKER, "".into()).await?;
        let mut events = Vec::new();
        loop {
            let message = timeout(STEP_TIMEOUT, self.messages.next())
                .await
                .context("no message within the timeout")?;
            let message = message.context("the subscription ended")?;
            if message.subject.as_str() == MARKER {
                break;
            }
            events.push(Event::parse(&message.payload)?);
        }
        ensure!(
            !self.is_broken.load(Ordering::Relaxed),
            "the subscriber was too slow, or lost its connection"
        );
        Ok(events)
    }
}
