//! Polls a producer for delivery reports, errors and logs on a thread of its own.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rdkafka::producer::{Producer as _, PurgeConfig};

use super::callbacks::Client;

/// Timeout of one poll, after which the thread looks whether the producer was dropped or its credentials are refused.
///
/// rdkafka waits for whole milliseconds, and spins until the rest of the timeout has passed: the rest is what waking takes.
const POLL_TIMEOUT: Duration = Duration::from_micros(100_050);

/// Spawns the poll thread. It drops the client, whose destructor blocks, once all other owners have.
///
/// # Errors
/// The thread cannot be spawned.
pub(super) fn spawn(client: Arc<Client>) -> io::Result<()> {
    let name = "driver-events-kafka".to_owned();
    thread::Builder::new().name(name).spawn(move || run(&client)).map(drop)
}

fn run(client: &Arc<Client>) {
    let role = client.context().role();
    while Arc::strong_count(client) > 1 {
        // The records would otherwise wait until they time out. librdkafka itself purges at a fatal error, but not a record
        // that a caller is queueing at that moment.
        if role.take_credentials_refused() || client.client().fatal_error().is_some() {
            client.purge(PurgeConfig::default().queue());
        }
        client.poll(POLL_TIMEOUT);
    }
}
