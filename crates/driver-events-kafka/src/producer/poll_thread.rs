//! Polls a producer for delivery reports, errors and logs on a thread of its own.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rdkafka::producer::{Producer as _, PurgeConfig};

use super::callbacks::Client;
use super::collecting::collect;
use super::report_lease::Collector;

/// Timeout of one poll, after which the thread looks whether the producer was dropped, its credentials are refused, or callers
/// collect the reports.
///
/// rdkafka waits for whole milliseconds, and spins until the rest of the timeout has passed: the rest is what waking takes.
const POLL_TIMEOUT: Duration = Duration::from_micros(100_050);
/// Time between two polls while callers may collect again. It replaces a timeout, before which `poll` cannot be left: with a
/// short one the thread would mostly spin.
const NAP: Duration = Duration::from_micros(100);

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
        match role.lease.collector() {
            Collector::Callers(left) => thread::sleep(left),
            Collector::ReadyPollThread => {
                collect(client);
                thread::sleep(NAP);
            }
            Collector::PollThread => client.poll(POLL_TIMEOUT),
        }
    }
}
