//! Polls a producer for its delivery reports: the callers that produce poll it, and a thread does while none produces.
//!
//! The poller frees the record's memory, which is cheap on the thread that allocated it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rdkafka::producer::BaseProducer;

use crate::context::{Context, ProducerRole};

/// librdkafka's producer, which runs its callbacks only while it is polled.
pub(crate) type Client = BaseProducer<Context<ProducerRole>>;

/// Records after which a caller polls.
const RECORDS_PER_POLL: usize = 64;
/// Time for which the thread leaves polling to the callers. Reports may be this late when the callers stop.
const CALLERS_POLL_INTERVAL: Duration = Duration::from_micros(250);
/// Timeout of one poll, after which the thread looks again whether callers produce.
const POLL_TIMEOUT: Duration = Duration::from_millis(10);
/// Poll interval with nothing in flight: how late errors and logs may be.
const IDLE_POLL_INTERVAL: Duration = Duration::from_millis(100);

/// A producer with its poll thread, which is joined on drop.
pub(crate) struct PolledProducer {
    client: Arc<Client>,
    role: ProducerRole,
    thread: Option<JoinHandle<()>>,
}

/// State shared by the callers that produce and the poll thread.
#[derive(Debug, Default)]
pub(crate) struct PollState {
    queued_records: AtomicUsize,
    has_delivered: AtomicBool,
    is_parked: AtomicBool,
    is_stopped: AtomicBool,
}

impl PolledProducer {
    /// # Errors
    /// The thread cannot be spawned.
    pub(crate) fn new(client: Client, role: ProducerRole) -> io::Result<Self> {
        let client = Arc::new(client);
        let thread = thread::Builder::new().name("driver-events-kafka".to_owned()).spawn({
            let (client, role) = (Arc::clone(&client), role.clone());
            move || run(&client, &role)
        })?;
        Ok(Self {
            client,
            role,
            thread: Some(thread),
        })
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Counts a record that was queued; call it after [`InFlight::start`](crate::in_flight::InFlight::start).
    pub(crate) fn record_queued(&self) {
        let state = &self.role.poll_state;
        let before = state.queued_records.fetch_add(1, Ordering::Relaxed);
        if state.is_parked.load(Ordering::SeqCst) {
            self.unpark();
        }
        // Before the first delivery a callback may block on a token, which only the poll thread may do.
        if before % RECORDS_PER_POLL == RECORDS_PER_POLL - 1 && state.has_delivered.load(Ordering::Relaxed) {
            self.client.poll(Duration::ZERO);
        }
    }

    fn unpark(&self) {
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }
}

impl PollState {
    /// Takes note of a successful delivery report.
    pub(crate) fn delivered(&self) {
        if !self.has_delivered.load(Ordering::Relaxed) {
            self.has_delivered.store(true, Ordering::Relaxed);
        }
    }
}

impl Drop for PolledProducer {
    fn drop(&mut self) {
        self.role.poll_state.is_stopped.store(true, Ordering::SeqCst);
        self.unpark();
        if let Some(thread) = self.thread.take() {
            // The panic hook has reported a panic of a `tracing` subscriber.
            let _ = thread.join();
        }
    }
}

fn run(client: &Client, role: &ProducerRole) {
    let state = &role.poll_state;
    let mut seen = 0;
    while !state.is_stopped.load(Ordering::SeqCst) {
        let queued = state.queued_records.load(Ordering::Relaxed);
        let do_callers_poll =
            queued.wrapping_sub(seen) >= RECORDS_PER_POLL && state.has_delivered.load(Ordering::Relaxed);
        seen = queued;
        if do_callers_poll {
            thread::sleep(CALLERS_POLL_INTERVAL);
            continue;
        }
        client.poll(POLL_TIMEOUT);
        // Either this thread sees the caller's record in flight, or the caller sees that this thread is parked.
        state.is_parked.store(true, Ordering::SeqCst);
        if role.in_flight.count() == 0 {
            thread::park_timeout(IDLE_POLL_INTERVAL);
        }
        state.is_parked.store(false, Ordering::SeqCst);
    }
}
