//! Ports on 127.0.0.1 that stay reserved while a server is down.

use std::env;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::ops::Range;
use std::path::PathBuf;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Result, bail};

use crate::file_lock::FileLock;

/// Below the range of ephemeral ports. A client that reconnects to a stopped server could otherwise be assigned the
/// server's own port, connect to itself, and keep the server from restarting.
const RANGE: Range<u32> = 11_000..32_000;

const MAX_START_ATTEMPTS: usize = 5;

/// A port that no other `Port` on this machine has while this value lives.
#[derive(Debug)]
pub(crate) struct Port {
    number: u16,
    _lock: FileLock,
}

impl Port {
    /// Reserves a free port.
    pub(crate) fn reserve() -> Result<Self> {
        for _ in RANGE {
            if let Some(port) = Self::try_reserve(candidate())? {
                return Ok(port);
            }
        }
        bail!("no free port between {} and {}", RANGE.start, RANGE.end)
    }

    /// Reserves the preferred port, or another one if there is none or it is in use.
    pub(crate) fn reserve_preferred(preferred: Option<u16>) -> Result<Self> {
        // On macOS, a port can be bound on 127.0.0.1 while another process listens on 0.0.0.0.
        let is_served = |number: &u16| TcpStream::connect((Ipv4Addr::LOCALHOST, *number)).is_ok();
        if let Some(number) = preferred.filter(|number| !is_served(number))
            && let Some(port) = Self::try_reserve(number)?
        {
            return Ok(port);
        }
        Self::reserve()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.number))
    }

    fn try_reserve(number: u16) -> Result<Option<Self>> {
        let Some(lock) = FileLock::try_acquire(&locks().join(number.to_string()))? else {
            return Ok(None);
        };
        let is_free = TcpListener::bind((Ipv4Addr::LOCALHOST, number)).is_ok();
        Ok(is_free.then_some(Self { number, _lock: lock }))
    }
}

/// Starts servers, and retries if another process took one of their ports after it was reserved.
pub(crate) fn retry_on_port_conflict<T>(mut start: impl FnMut() -> Result<T>) -> Result<T> {
    let mut attempts = 1;
    loop {
        match start() {
            Err(error) if attempts < MAX_START_ATTEMPTS && is_port_conflict(&error) => attempts += 1,
            result => return result,
        }
    }
}

fn is_port_conflict(error: &anyhow::Error) -> bool {
    error.to_string().to_lowercase().contains("address already in use")
}

/// Returns the next port to try. Processes start at different ports, so that they seldom try the same one.
fn candidate() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let width = RANGE.end - RANGE.start;
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    let offset = process::id().wrapping_mul(97).wrapping_add(next) % width;
    u16::try_from(RANGE.start + offset).unwrap_or(u16::MAX)
}

/// The folder of the lock files, shared by all checkouts of this user.
fn locks() -> PathBuf {
    let user = rustix::process::getuid().as_raw();
    env::temp_dir().join(format!("driver-events-ports-{user}"))
}
