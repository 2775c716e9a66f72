//! A sink of one's own, which passes the conformance suite: it hands each event to a channel, for a task that posts it to a
//! chat.
//!
//! ```sh
//! cargo run --package driver-events --features conformance --example own_sink
//! ```

#![allow(clippy::print_stdout, clippy::expect_used, reason = "an example may print and panic")]

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use driver_events::conformance::{self, Capabilities, Fixture};
use driver_events::{CloseGuard, DriverEventSink, Envelope, Guarantee, Receipt, SinkError, SinkErrorKind};
use tokio::sync::mpsc::{self, error::TrySendError};

#[tokio::main]
async fn main() {
    passes_the_suite().await;
    println!("every property holds");
}

/// Hands the JSON of each event to a channel. A full channel is an error, so that a slow chat never delays the driver.
#[derive(Debug)]
struct ChannelEventSink {
    channel: mpsc::Sender<Vec<u8>>,
    close_guard: CloseGuard,
}

#[async_trait]
impl DriverEventSink for ChannelEventSink {
    async fn send(&self, envelope: Envelope) -> Result<Receipt, SinkError> {
        let _call = self.close_guard.enter()?;
        let json = envelope.json()?.to_vec();
        match self.channel.try_send(json) {
            Ok(()) => Ok(Receipt::Buffered),
            Err(TrySendError::Full(_)) => Err(SinkError::new(SinkErrorKind::Full, "the channel is full")),
            Err(TrySendError::Closed(_)) => Err(SinkError::new(SinkErrorKind::Closed, "the channel has no reader")),
        }
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::Buffered
    }

    async fn close(&self) -> Result<(), SinkError> {
        self.close_guard.close();
        self.close_guard.drained().await;
        Ok(())
    }
}

struct Channel;

/// The receiver of the channel, and the events that were read from it.
struct Received {
    receiver: mpsc::Receiver<Vec<u8>>,
    events: Vec<Envelope>,
}

#[async_trait]
impl Fixture for Channel {
    type Store = Mutex<Received>;

    async fn start(&self) -> (Arc<dyn DriverEventSink>, Self::Store) {
        let (channel, receiver) = mpsc::channel(4_096);
        let close_guard = CloseGuard::default();
        let sink = ChannelEventSink { channel, close_guard };
        let received = Received {
            receiver,
            events: Vec::new(),
        };
        (Arc::new(sink), Mutex::new(received))
    }

    async fn stored(&self, received: &Self::Store) -> Vec<Envelope> {
        let mut received = received.lock().expect("no reader panics");
        while let Ok(json) = received.receiver.try_recv() {
            let event = Envelope::from_json(json).expect("the sink writes events");
            received.events.push(event);
        }
        received.events.clone()
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::new(Guarantee::Buffered);
        // The channel has the JSON only.
        capabilities.keeps_attributes = false;
        capabilities.capacity = Some(4_096);
        capabilities
    }
}

/// Panics with the name of the property that does not hold.
pub async fn passes_the_suite() {
    conformance::run(&Channel).await;
}
