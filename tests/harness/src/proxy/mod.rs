//! A TCP proxy that injects faults.

mod connection;
mod counts;
mod faults;
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
use self::worker::{Command, Worker};
use crate::servers::ports::Port;

/// A TCP proxy on 127.0.0.1 between a client and a server, which injects faults.
///
/// It runs on its own thread, independent of the caller's runtime. Faults apply to existing and new connections, and can
/// be combined. When a call returns, its fault is in effect: no byte passes after `stall()`. Dropping the proxy resets its
/// connections.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    counters: Arc<Counters>,
    commands: Option<UnboundedSender<(Command, mpsc::Sender<usize>)>>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Starts a proxy for `target`, which need not listen yet.
    ///
    /// # Errors
    /// Returns an error if there is no free port.
    pub fn start(target: SocketAddr) -> Result<Self> {
        let port = Port::reserve()?;
        let address = port.address();
        let counters = Arc::default();
        let (commands, inbox) = unbounded_channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let entered = runtime.enter();
        let worker = Worker::new(port, target, Arc::clone(&counters)).context("the proxy cannot listen")?;
        drop(entered);
        let thread = thread::Builder::new()
            .name(format!("proxy {address}"))
            .spawn(move || runtime.block_on(worker.run(inbox)))
            .context("cannot start the proxy's thread")?;
        Ok(Self {
            address,
            counters,
            commands: Some(commands),
            thread: Some(thread),
        })
    }

    /// Returns the address for clients.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the counters.
    #[must_use]
    pub fn counts(&self) -> ProxyCounts {
        self.counters.read()
    }

    /// Resets all connections on both sides, and drops the bytes in flight. Returns the number of connections.
    ///
    /// New connections are accepted at once, see [`refuse`](Self::refuse).
    pub fn cut(&self) -> usize {
        self.send(Command::Cut)
    }

    /// Forwards no bytes and no FIN, in both directions. Connections stay open, and senders block when the socket buffers
    /// are full.
    pub fn stall(&self) {
        self.change(|faults| faults.is_stalled = true);
    }

    /// Ends a [`stall`](Self::stall). No bytes are lost.
    pub fn resume(&self) {
        self.change(|faults| faults.is_stalled = false);
    }

    /// Drops all bytes and the FIN in one direction. The other direction works.
    ///
    /// [`heal`](Self::heal) resets a connection that dropped bytes, since TCP cannot continue after a gap.
    pub fn half_open(&self, dropped: Direction) {
        self.change(move |faults| faults.dropped = Some(dropped));
    }

    /// Adds latency in both directions. Zero ends the delay.
    ///
    /// A delayed connection has at most 1 MiB in flight in each direction.
    pub fn delay(&self, latency: Duration) {
        self.change(move |faults| faults.latency = latency);
    }

    /// Limits the bandwidth of each connection and direction. Zero is treated as one.
    pub fn throttle(&self, bytes_per_second: u32) {
        self.change(move |faults| faults.bytes_per_second = Some(bytes_per_second.max(1)));
    }

    /// Refuses new connections, as if the server did not listen, or accepts them again. Existing connections stay open.
    pub fn refuse(&self, refused: bool) {
        self.send(Command::Refuse(refused));
    }

    /// Forwards new connections to another target. Existing connections stay open.
    pub fn set_target(&self, target: SocketAddr) {
        self.send(Command::SetTarget(target));
    }

    /// Ends all faults: stall, half-open, delay, throttle and refusal.
    pub fn heal(&self) {
        self.change(|faults| *faults = Faults::default());
        self.refuse(false);
    }

    fn change(&self, change: impl FnOnce(&mut Faults) + Send + 'static) {
        self.send(Command::ChangeFaults(Box::new(change)));
    }

    /// Sends a command to the worker, and waits for its result.
    fn send(&self, command: Command) -> usize {
        let (done, result) = mpsc::channel();
        let sent = self
            .commands
            .as_ref()
            .is_some_and(|commands| commands.send((command, done)).is_ok());
        match result.recv() {
            Ok(result) if sent => result,
            _ => panic!("the worker of the proxy on {} panicked", self.address),
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.commands = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the worker was already printed.
            let _ = thread.join();
        }
    }
}
