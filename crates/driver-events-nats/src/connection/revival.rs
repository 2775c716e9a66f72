//! Replaces a client whose connection task has panicked: async-nats panics at a message with a carriage return in a header
//! value, and the client never connects again.

use std::convert::Infallible;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::sleep;

use super::nats_connection::Shared;
use super::options::NatsOptions;

/// Delay before a client that cannot be created is tried again.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// Resolves when the tasks of a client have ended. The client drops the sender together with its event callback.
pub(super) type ClientEnd = oneshot::Receiver<Infallible>;

/// Creates a new client whenever the tasks of the current one end without a request to close. Ends with the connection.
pub(super) async fn revive(connection: Weak<Shared>, mut options: NatsOptions, mut end: ClientEnd) {
    options.is_in_background = true;
    loop {
        let _ = (&mut end).await;
        let Some(monitor) = monitor_of_open(&connection) else {
            return;
        };
        monitor.observe_client_failure();
        let (client, next_end) = loop {
            match options.open(&monitor).await {
                Ok(opened) => break opened,
                Err(error) => {
                    monitor.observe_open_failure(&error);
                    sleep(RETRY_DELAY).await;
                }
            }
            if monitor_of_open(&connection).is_none() {
                return;
            }
        };
        end = next_end;
        let Some(connection) = connection.upgrade() else {
            return;
        };
        connection.replace(client.clone());
        if connection.monitor.is_closed() {
            let _ = client.drain().await;
            return;
        }
    }
}

fn monitor_of_open(connection: &Weak<Shared>) -> Option<Arc<super::monitor::Monitor>> {
    let monitor = Arc::clone(&connection.upgrade()?.monitor);
    (!monitor.is_closed()).then_some(monitor)
}
