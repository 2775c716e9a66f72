use std::time::Duration;

/// A direction of a proxied connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    ToServer,
    /// From the server to the client.
    ToClient,
}

/// The faults in effect on all connections.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Faults {
    pub(super) is_stalled: bool,
    pub(super) dropped: Option<Direction>,
    pub(super) latency: Duration,
    pub(super) bytes_per_second: Option<u32>,
}
