use std::sync::atomic::{AtomicU64, Ordering};

use super::Direction;

/// Counters of a proxy since its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProxyCounts {
    /// Client connections that were forwarded to the target.
    pub connections: u64,
    /// Forwarded connections that are open.
    pub open_connections: u64,
    /// Bytes written to the server.
    pub bytes_to_server: u64,
    /// Bytes written to clients.
    pub bytes_to_client: u64,
    /// Bytes dropped by a half-open connection, in either direction.
    pub bytes_dropped: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    opened: AtomicU64,
    closed: AtomicU64,
    to_server: AtomicU64,
    to_client: AtomicU64,
    dropped: AtomicU64,
}

impl Counters {
    pub(super) fn read(&self) -> ProxyCounts {
        // Loaded first, so that there are never more closed than opened connections.
        let closed = self.closed.load(Ordering::Acquire);
        let connections = self.opened.load(Ordering::Acquire);
        ProxyCounts {
            connections,
            open_connections: connections - closed,
            bytes_to_server: self.to_server.load(Ordering::Relaxed),
            bytes_to_client: self.to_client.load(Ordering::Relaxed),
            bytes_dropped: self.dropped.load(Ordering::Relaxed),
        }
    }

    /// Counts an open connection. It is counted as closed when the returned value is dropped.
    pub(super) fn count_open(&self) -> impl Drop {
        self.opened.fetch_add(1, Ordering::Release);
        OpenConnection(self)
    }

    pub(super) fn count_forwarded(&self, direction: Direction, bytes: usize) {
        let counter = match direction {
            Direction::ToServer => &self.to_server,
            Direction::ToClient => &self.to_client,
        };
        counter.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn count_dropped(&self, bytes: usize) {
        self.dropped.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

struct OpenConnection<'a>(&'a Counters);

impl Drop for OpenConnection<'_> {
    fn drop(&mut self) {
        self.0.closed.fetch_add(1, Ordering::Release);
    }
}
