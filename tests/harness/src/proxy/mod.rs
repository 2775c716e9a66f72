//! A TCP link that fails on demand.

mod counts;
mod faults;
mod link;
mod pump;
mod worker;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use self::counts::Counters;
pub use self::counts::ProxyCounts;
pub use self::faults::Direction;
use self::faults::Faults;
use self::worker::{Order, Worker};
use crate::ports::Port;

/// A proxy on 127.0.0.1, put between a client and a server. It passes everything on until it is told otherwise.
///
/// It runs on a thread of its own, so that it works beside any runtime. Its faults hold for every link, also for those
/// that come later, and add up: a link can be slow and half open. When a call returns, it is in effect: no byte passes
/// after `stall()`. Dropping the proxy resets its links.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    counters: Arc<Counters>,
    orders: Option<UnboundedSender<(Order, mpsc::Sender<usize>)>>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Starts a proxy before `target`, which need not be there yet.
    ///
    /// # Errors
    /// When there is no free port.
    pub fn start(target: SocketAddr) -> Result<Self> {
        let port = Port::reserve()?;
        let address = port.address();
        let counters = Arc::default();
        let (orders, inbox) = unbounded_channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let entered = runtime.enter();
        let worker = Worker::new(port, target, Arc::clone(&counters)).context("the proxy cannot listen")?;
        drop(entered);
        let thread = thread::Builder::new()
            .name(format!("proxy {address}"))
            .spawn(move || runtime.block_on(worker.run(inbox)))
            .context("a proxy needs a thread")?;
        Ok(Self {
            address,
            counters,
            orders: Some(orders),
            thread: Some(thread),
        })
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What has passed so far.
    #[must_use]
    pub fn counts(&self) -> ProxyCounts {
        self.counters.read()
    }

    /// Resets every link there is, on both sides, with what is under way. Returns how many there were.
    ///
    /// New links are taken at once: see [`refuse`](Self::refuse).
    pub fn cut(&self) -> usize {
        self.order(Order::Cut)
    }

    /// No byte passes, in either direction, and no end of a connection. The links stay open, and senders come to a halt
    /// when the systems' buffers are full.
    pub fn stall(&self) {
        self.change(|faults| faults.is_stalled = true);
    }

    /// Ends a [`stall`](Self::stall). Nothing was lost.
    pub fn resume(&self) {
        self.change(|faults| faults.is_stalled = false);
    }

    /// Swallows what is sent in this direction, the end of a connection included. The other direction works.
    ///
    /// A link that lost bytes so is reset by [`heal`](Self::heal): TCP never goes on after a gap.
    pub fn half_open(&self, swallowed: Direction) {
        self.change(move |faults| faults.swallowed = Some(swallowed));
    }

    /// Everything arrives later by this time, in both directions. Zero ends it.
    ///
    /// A link then has at most a mebibyte under way in each direction.
    pub fn delay(&self, latency: Duration) {
        self.change(move |faults| faults.latency = latency);
    }

    /// Each link passes at most so many bytes in a second, in each direction. Zero is taken for one.
    pub fn throttle(&self, bytes_per_second: u32) {
        self.change(move |faults| faults.bytes_per_second = Some(bytes_per_second.max(1)));
    }

    /// Whether connections are refused, as by a machine where nobody listens. Links that are there stay.
    pub fn refuse(&self, refused: bool) {
        self.order(Order::Refuse(refused));
    }

    /// New links lead there. Links that are there stay.
    pub fn set_target(&self, target: SocketAddr) {
        self.order(Order::Target(target));
    }

    /// Ends every fault: stall, half-open, delay, throttle, refusal.
    pub fn heal(&self) {
        self.change(|faults| *faults = Faults::default());
        self.refuse(false);
    }

    fn change(&self, change: impl FnOnce(&mut Faults) + Send + 'static) {
        self.order(Order::Change(Box::new(change)));
    }

    /// Returns when the order is carried out.
    fn order(&self, order: Order) -> usize {
        let (done, answer) = mpsc::channel();
        let sent = self
            .orders
            .as_ref()
            .is_some_and(|orders| orders.send((order, done)).is_ok());
        match answer.recv() {
            Ok(answer) if sent => answer,
            _ => panic!("the proxy on {} has failed", self.address),
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            // A worker that failed has said so.
            let _ = thread.join();
        }
    }
}
