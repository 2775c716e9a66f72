//! Who listens on a sound link, without the crate that is tried.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, ensure};
use async_nats::{Client, ConnectOptions, Subscriber};
use driver_events_harness::NatsServer;
use futures_util::StreamExt;
use tokio::time::timeout;

use crate::event::Event;
use crate::fault_timer::STEP_TIMEOUT;

/// What the witness listens to: not to everything, which a flush's barrier must not be heard by.
const EVENTS: &str = "agent.driver.>";
/// A message by which the witness sees that it has all that the server parsed before.
const MARK: &str = "agent.driver.mark";
/// More than is ever sent between two looks.
const CAPACITY: usize = 1 << 20;

pub(super) struct Witness {
    client: Client,
    messages: Subscriber,
    /// The client dropped messages: what is missing was not lost by who is tried.
    is_broken: Arc<AtomicBool>,
}

impl Witness {
    pub(super) async fn start(server: &NatsServer) -> Result<Self> {
        Self::start_with(server, ConnectOptions::new()).await
    }

    pub(super) async fn start_with(server: &NatsServer, options: ConnectOptions) -> Result<Self> {
        let is_broken = Arc::<AtomicBool>::default();
        let seen = Arc::clone(&is_broken);
        let options = options.subscription_capacity(CAPACITY).event_callback(move |event| {
            if matches!(event, async_nats::Event::SlowConsumer(_)) {
                seen.store(true, Ordering::Relaxed);
            }
            std::future::ready(())
        });
        let client = options.connect(server.client_url()).await?;
        let messages = client.subscribe(EVENTS).await?;
        let mut witness = Self {
            client,
            messages,
            is_broken,
        };
        // The server has the subscription before anything is sent.
        witness.read().await?;
        Ok(witness)
    }

    /// All events that the server parsed before this call, and that were not read yet.
    pub(super) async fn read(&mut self) -> Result<Vec<Event>> {
        self.client.publish(MARK, "".into()).await?;
        let mut events = Vec::new();
        loop {
            let message = timeout(STEP_TIMEOUT, self.messages.next())
                .await
                .context("the witness hears nothing")?;
            let message = message.context("the witness is cut off")?;
            if message.subject.as_str() == MARK {
                break;
            }
            events.push(Event::parse(&message.payload)?);
        }
        ensure!(!self.is_broken.load(Ordering::Relaxed), "the witness was too slow");
        Ok(events)
    }
}
