//! Free ports on the loopback address, which stay ours while a server is down.

use std::env;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;
use std::path::PathBuf;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Result, bail};

use crate::file_lock::FileLock;

/// Below the range that systems take the ports of outgoing connections from. A client that tries to reach a server
/// that is down could otherwise be given the server's own port, connect to itself, and keep the server from coming back.
const RANGE: Range<u32> = 11_000..32_000;

/// How often a start is tried when somebody else took a port.
const ATTEMPTS: usize = 5;

/// A port that no other user of this module on this machine is given as long as this value lives.
#[derive(Debug)]
pub(crate) struct Port {
    number: u16,
    _lock: FileLock,
}

impl Port {
    /// A port that nobody listens on.
    pub(crate) fn reserve() -> Result<Self> {
        for _ in RANGE {
            let number = candidate();
            let Some(lock) = FileLock::attempt(&locks().join(number.to_string()))? else {
                continue;
            };
            if TcpListener::bind((Ipv4Addr::LOCALHOST, number)).is_ok() {
                return Ok(Self { number, _lock: lock });
            }
        }
        bail!("no port between {} and {} is free", RANGE.start, RANGE.end)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.number))
    }
}

/// A port that was free when it was chosen may be another's when the server comes to it.
pub(crate) fn retry_when_one_was_taken<T>(mut start: impl FnMut() -> Result<T>) -> Result<T> {
    let mut attempts = 1;
    loop {
        match start() {
            Err(error) if attempts < ATTEMPTS && is_taken(&error) => attempts += 1,
            result => return result,
        }
    }
}

fn is_taken(error: &anyhow::Error) -> bool {
    error.to_string().to_lowercase().contains("address already in use")
}

/// Processes start at different places of the range, so that they seldom try for the same port.
fn candidate() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let width = RANGE.end - RANGE.start;
    let turn = NEXT.fetch_add(1, Ordering::Relaxed);
    let offset = process::id().wrapping_mul(97).wrapping_add(turn) % width;
    u16::try_from(RANGE.start + offset).unwrap_or(u16::MAX)
}

/// All checkouts of this machine's user share the locks.
fn locks() -> PathBuf {
    let user = rustix::process::getuid().as_raw();
    env::temp_dir().join(format!("driver-events-ports-{user}"))
}
