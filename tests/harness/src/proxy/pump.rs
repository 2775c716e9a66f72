use std::io::{self, ErrorKind};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::sync::watch;
use tokio::time::{self, Instant};

use super::Direction;
use super::counts::Counters;
use super::faults::Faults;

const CHUNK_BYTES: usize = 16 * 1024;
/// Chunks that may be in flight: 1 MiB.
const MAX_CHUNKS_IN_FLIGHT: usize = 64;
/// Idle time that a throttled connection may catch up on in one burst.
const MAX_BURST: Duration = Duration::from_millis(20);

/// Forwards the bytes of a connection in one direction, and then the FIN.
pub(super) struct Pump<'a> {
    direction: Direction,
    faults: watch::Receiver<Faults>,
    counters: &'a Counters,
    /// Bytes or the FIN were dropped, so nothing more may be forwarded.
    has_gap: bool,
    /// Time at which a throttled connection may forward the next byte.
    throttled_until: Instant,
}

/// The result of a read: bytes, EOF (no bytes) or an error.
struct Chunk {
    read: io::Result<Vec<u8>>,
    read_at: Instant,
}

impl<'a> Pump<'a> {
    pub(super) fn new(direction: Direction, faults: watch::Receiver<Faults>, counters: &'a Counters) -> Self {
        Self {
            direction,
            faults,
            counters,
            has_gap: false,
            throttled_until: Instant::now(),
        }
    }

    /// Returns `Ok` when the FIN was forwarded.
    pub(super) async fn run(self, from: ReadHalf<'_>, to: WriteHalf<'_>) -> io::Result<()> {
        let (sender, chunks) = mpsc::channel(MAX_CHUNKS_IN_FLIGHT);
        let reading = read(from, self.faults.clone(), sender);
        let writing = self.write(chunks, to);
        tokio::try_join!(reading, writing)?;
        Ok(())
    }

    async fn write(mut self, mut chunks: Receiver<Chunk>, mut to: WriteHalf<'_>) -> io::Result<()> {
        while let Some(chunk) = self.next(&mut chunks).await? {
            self.deliver(chunk, &mut to).await?;
        }
        if self.has_gap {
            return Err(healed(&mut self.faults, self.direction).await);
        }
        Ok(())
    }

    async fn next(&mut self, chunks: &mut Receiver<Chunk>) -> io::Result<Option<Chunk>> {
        tokio::select! {
            chunk = chunks.recv() => Ok(chunk),
            error = healed(&mut self.faults, self.direction), if self.has_gap => Err(error),
        }
    }

    async fn deliver(&mut self, chunk: Chunk, to: &mut WriteHalf<'_>) -> io::Result<()> {
        let mut rest = chunk.read.as_deref().unwrap_or_default();
        loop {
            let faults = self.wait_until_due(chunk.read_at).await?;
            if faults.dropped == Some(self.direction) {
                self.has_gap = true;
                self.counters.count_dropped(rest.len());
                return Ok(());
            }
            if self.has_gap {
                return Err(ErrorKind::ConnectionReset.into());
            }
            if rest.is_empty() {
                break;
            }
            to.writable().await?;
            // The faults may have changed while the socket was not writable.
            if self.faults.has_changed().map_err(io::Error::other)? {
                continue;
            }
            let portion = rest.get(..portion(faults)).unwrap_or(rest);
            match to.try_write(portion) {
                Ok(written) => {
                    rest = rest.get(written..).unwrap_or_default();
                    self.counters.count_forwarded(self.direction, written);
                    self.throttle(faults, written);
                    if rest.is_empty() {
                        return Ok(());
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        chunk.read?;
        to.shutdown().await
    }

    /// Waits until bytes that were read at `read_at` may be forwarded, and returns the faults in effect.
    async fn wait_until_due(&mut self, read_at: Instant) -> io::Result<Faults> {
        loop {
            let faults = *self.faults.borrow_and_update();
            let mut due = read_at + faults.latency;
            if faults.bytes_per_second.is_some() {
                due = due.max(self.throttled_until);
            }
            if !faults.is_stalled && due <= Instant::now() {
                return Ok(faults);
            }
            tokio::select! {
                () = time::sleep_until(due), if !faults.is_stalled => {}
                changed = self.faults.changed() => changed.map_err(io::Error::other)?,
            }
        }
    }

    fn throttle(&mut self, faults: Faults, bytes: usize) {
        if let Some(rate) = faults.bytes_per_second {
            let start = Instant::now()
                .checked_sub(MAX_BURST)
                .map_or(self.throttled_until, |earliest| earliest.max(self.throttled_until));
            self.throttled_until = start + Duration::from_secs_f64(bytes as f64 / f64::from(rate));
        }
    }
}

/// Reads until EOF or an error, which is the last chunk.
async fn read(from: ReadHalf<'_>, mut faults: watch::Receiver<Faults>, chunks: Sender<Chunk>) -> io::Result<()> {
    loop {
        // The read below reports any error.
        let _ = from.readable().await;
        // A stalled connection is not read, so that the sender's buffers fill.
        faults
            .wait_for(|faults| !faults.is_stalled)
            .await
            .map_err(io::Error::other)?;
        let mut buffer = vec![0; CHUNK_BYTES];
        let read = match from.try_read(&mut buffer) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
            read => read.map(|length| {
                buffer.truncate(length);
                buffer
            }),
        };
        let is_last = read.as_ref().map_or(true, Vec::is_empty);
        let read_at = Instant::now();
        if chunks.send(Chunk { read, read_at }).await.is_err() || is_last {
            return Ok(());
        }
    }
}

/// Waits until bytes in this direction are no longer dropped, and returns the error that ends a connection with a gap.
async fn healed(faults: &mut watch::Receiver<Faults>, direction: Direction) -> io::Error {
    match faults.wait_for(|faults| faults.dropped != Some(direction)).await {
        Ok(_) => ErrorKind::ConnectionReset.into(),
        Err(error) => io::Error::other(error),
    }
}

/// Returns the number of bytes that may be written at once.
fn portion(faults: Faults) -> usize {
    faults.bytes_per_second.map_or(CHUNK_BYTES, |rate| {
        let bytes = f64::from(rate) * MAX_BURST.as_secs_f64();
        (bytes as usize).max(1)
    })
}
