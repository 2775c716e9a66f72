//! Polls a producer for delivery reports: callers poll while they produce, a dedicated thread polls otherwise.
//!
//! The poller frees the record's memory, which is cheap on the thread that allocated it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, Thread};
use std::time::Duration;

use rdkafka::producer::{Producer as _, PurgeConfig};

use super::callbacks::Client;

/// Records after which a caller polls.
const RECORDS_PER_POLL: usize = 64;
/// Time for which the thread leaves polling to the callers. Reports may be this late when the callers stop.
const CALLERS_POLL_INTERVAL: Duration = Duration::from_micros(250);
/// Timeout of one poll, after which the thread looks again whether callers produce.
const POLL_TIMEOUT: Duration = Duration::from_millis(10);
/// Poll interval with nothing in flight: how late errors and logs may be.
const IDLE_POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Spawns the poll thread. It drops the client, whose destructor blocks, once all other owners have.
///
/// # Errors
/// The thread cannot be spawned.
pub(super) fn spawn(client: Arc<Client>) -> io::Result<Thread> {
    let name = "driver-events-kafka".to_owned();
    let thread = thread::Builder::new().name(name).spawn(move || run(&client))?;
    Ok(thread.thread().clone())
}

/// Counts a record passed to librdkafka; call it after [`InFlight::start`](super::in_flight::InFlight::start).
pub(super) fn record_queued(client: &Client, poll_thread: &Thread) {
    let role = client.context().role();
    let before = role.queued_records.fetch_add(1, Ordering::Relaxed);
    if role.is_poll_thread_parked.load(Ordering::SeqCst) {
        poll_thread.unpark();
    }
    // Before the first delivery a callback may block on a token, which only the poll thread may do.
    if before % RECORDS_PER_POLL == RECORDS_PER_POLL - 1 && role.has_delivered.load(Ordering::Relaxed) {
        client.poll(Duration::ZERO);
    }
}

fn run(client: &Arc<Client>) {
    let role = client.context().role();
    let mut seen = 0;
    while Arc::strong_count(client) > 1 {
        // The records would otherwise wait until they time out. librdkafka itself purges at a fatal error, but not a record
        // that a caller is queueing at that moment.
        if role.take_credentials_refused() || client.client().fatal_error().is_some() {
            client.purge(PurgeConfig::default().queue());
        }
        let queued = role.queued_records.load(Ordering::Relaxed);
        let do_callers_poll =
            queued.wrapping_sub(seen) >= RECORDS_PER_POLL && role.has_delivered.load(Ordering::Relaxed);
        seen = queued;
        if do_callers_poll {
            thread::sleep(CALLERS_POLL_INTERVAL);
            continue;
        }
        client.poll(POLL_TIMEOUT);
        // Either this thread sees the caller's record in flight, or the caller sees that this thread is parked.
        role.is_poll_thread_parked.store(true, Ordering::SeqCst);
        if role.in_flight.count() == 0 {
            thread::park_timeout(IDLE_POLL_INTERVAL);
        }
        role.is_poll_thread_parked.store(false, Ordering::SeqCst);
    }
}
