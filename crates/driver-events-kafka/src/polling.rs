//! Who fetches the delivery reports: those who produce, and a thread while nobody does.
//!
//! Whoever fetches a report frees the record's memory, which is cheap for the thread that had it from the allocator.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rdkafka::producer::BaseProducer;

use crate::context::{Context, Producing};

/// A producer of librdkafka's, which calls back only while somebody polls it.
pub(crate) type Client = BaseProducer<Context<Producing>>;

/// After how many records whoever produces looks for reports.
const MANY: usize = 64;
/// For how long the thread leaves that to those who produce. A report may be late by this time when they stop.
const LEFT: Duration = Duration::from_micros(250);
/// How long the thread polls, whatever comes, before it looks whether anybody produces.
const POLL: Duration = Duration::from_millis(10);
/// For how long errors and logs may wait while nothing is under way.
const REST: Duration = Duration::from_millis(100);

/// Polls a producer until it is dropped, which waits for that.
pub(crate) struct Polled {
    client: Arc<Client>,
    role: Producing,
    thread: Option<JoinHandle<()>>,
}

/// What those who produce and the thread tell each other.
#[derive(Debug, Default)]
pub(crate) struct Polling {
    produced: AtomicUsize,
    has_delivered: AtomicBool,
    is_resting: AtomicBool,
    is_over: AtomicBool,
}

impl Polled {
    /// # Errors
    /// No thread can be had.
    pub(crate) fn new(client: Client, role: Producing) -> io::Result<Self> {
        let client = Arc::new(client);
        let thread = thread::Builder::new().name("driver-events-kafka".to_owned()).spawn({
            let (client, role) = (Arc::clone(&client), role.clone());
            move || look_after(&client, &role)
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

    /// A record was put into the queue, after its flight started.
    pub(crate) fn produced(&self) {
        let polling = &self.role.polling;
        let before = polling.produced.fetch_add(1, Ordering::Relaxed);
        if polling.is_resting.load(Ordering::SeqCst) {
            self.wake();
        }
        // Before anything is delivered a callback may wait for a token: on the thread only.
        if before % MANY == MANY - 1 && polling.has_delivered.load(Ordering::Relaxed) {
            self.client.poll(Duration::ZERO);
        }
    }

    fn wake(&self) {
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }
}

impl Polling {
    /// A record is stored.
    pub(crate) fn delivered(&self) {
        if !self.has_delivered.load(Ordering::Relaxed) {
            self.has_delivered.store(true, Ordering::Relaxed);
        }
    }
}

impl Drop for Polled {
    fn drop(&mut self) {
        self.role.polling.is_over.store(true, Ordering::SeqCst);
        self.wake();
        if let Some(thread) = self.thread.take() {
            // A panic of whoever listens to `tracing` was told.
            let _ = thread.join();
        }
    }
}

fn look_after(client: &Client, role: &Producing) {
    let polling = &role.polling;
    let mut seen = 0;
    while !polling.is_over.load(Ordering::SeqCst) {
        let produced = polling.produced.load(Ordering::Relaxed);
        let is_left = produced.wrapping_sub(seen) >= MANY && polling.has_delivered.load(Ordering::Relaxed);
        seen = produced;
        if is_left {
            thread::sleep(LEFT);
            continue;
        }
        client.poll(POLL);
        // Either this sees the flight of who produces, or who produces sees this.
        polling.is_resting.store(true, Ordering::SeqCst);
        if role.flights.under_way() == 0 {
            thread::park_timeout(REST);
        }
        polling.is_resting.store(false, Ordering::SeqCst);
    }
}
