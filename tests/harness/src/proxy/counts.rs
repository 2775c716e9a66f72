use std::sync::atomic::{AtomicU64, Ordering};

use super::Direction;

/// What a proxy has passed since it was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProxyCounts {
    /// Links that were opened: connections that were taken and led to the target.
    pub connections: u64,
    /// Links that are open.
    pub open_connections: u64,
    /// Bytes that the server was handed.
    pub bytes_to_server: u64,
    /// Bytes that clients were handed.
    pub bytes_to_client: u64,
    /// Bytes that were swallowed in a half-open link, in either direction.
    pub bytes_dropped: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    opened: AtomicU64,
    closed: AtomicU64,
    to_server: AtomicU64,
    to_client: AtomicU64,
    swallowed: AtomicU64,
}

impl Counters {
    pub(super) fn read(&self) -> ProxyCounts {
        // In this order there are never more closed than opened.
        let closed = self.closed.load(Ordering::Acquire);
        let connections = self.opened.load(Ordering::Acquire);
        ProxyCounts {
            connections,
            open_connections: connections - closed,
            bytes_to_server: self.to_server.load(Ordering::Relaxed),
            bytes_to_client: self.to_client.load(Ordering::Relaxed),
            bytes_dropped: self.swallowed.load(Ordering::Relaxed),
        }
    }

    /// The link is counted as open as long as the value lives.
    pub(super) fn open(&self) -> impl Drop {
        self.opened.fetch_add(1, Ordering::Release);
        Open(self)
    }

    pub(super) fn passed(&self, direction: Direction, bytes: usize) {
        let counter = match direction {
            Direction::ToServer => &self.to_server,
            Direction::ToClient => &self.to_client,
        };
        counter.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn swallowed(&self, bytes: usize) {
        self.swallowed.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

struct Open<'a>(&'a Counters);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.closed.fetch_add(1, Ordering::Release);
    }
}
