use std::time::Duration;

/// The way that bytes take through a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    ToServer,
    /// From the server to the client.
    ToClient,
}

/// What is wrong with the links at present.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Faults {
    pub(super) is_stalled: bool,
    pub(super) swallowed: Option<Direction>,
    pub(super) latency: Duration,
    pub(super) bytes_per_second: Option<u32>,
}
