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

/// The most that is read at once, and how many such pieces may be under way: a mebibyte.
const PIECE: usize = 16 * 1024;
const PIECES: usize = 64;
/// A throttled link may make up for so much lost time at once.
const BURST: Duration = Duration::from_millis(20);

/// Passes the bytes of a link in one direction, and then its end.
pub(super) struct Pump<'a> {
    direction: Direction,
    faults: watch::Receiver<Faults>,
    counters: &'a Counters,
    /// Bytes, or the end, were swallowed: nothing can follow them.
    is_broken: bool,
    /// When a throttled link may pass the next byte.
    paid_until: Instant,
}

/// What was read, and when. No bytes are the end of the connection, an error its break.
struct Piece {
    read: io::Result<Vec<u8>>,
    read_at: Instant,
}

impl<'a> Pump<'a> {
    pub(super) fn new(direction: Direction, faults: watch::Receiver<Faults>, counters: &'a Counters) -> Self {
        Self {
            direction,
            faults,
            counters,
            is_broken: false,
            paid_until: Instant::now(),
        }
    }

    /// Ends well when the end of the connection was passed on.
    pub(super) async fn run(self, from: ReadHalf<'_>, to: WriteHalf<'_>) -> io::Result<()> {
        let (sender, pieces) = mpsc::channel(PIECES);
        let reading = read(from, self.faults.clone(), sender);
        let writing = self.write(pieces, to);
        tokio::try_join!(reading, writing)?;
        Ok(())
    }

    async fn write(mut self, mut pieces: Receiver<Piece>, mut to: WriteHalf<'_>) -> io::Result<()> {
        while let Some(piece) = self.next(&mut pieces).await? {
            self.deliver(piece, &mut to).await?;
        }
        if self.is_broken {
            return Err(healed(&mut self.faults, self.direction).await);
        }
        Ok(())
    }

    async fn next(&mut self, pieces: &mut Receiver<Piece>) -> io::Result<Option<Piece>> {
        tokio::select! {
            piece = pieces.recv() => Ok(piece),
            error = healed(&mut self.faults, self.direction), if self.is_broken => Err(error),
        }
    }

    async fn deliver(&mut self, piece: Piece, to: &mut WriteHalf<'_>) -> io::Result<()> {
        let mut rest = piece.read.as_deref().unwrap_or_default();
        loop {
            let faults = self.gate(piece.read_at).await?;
            if faults.swallowed == Some(self.direction) {
                self.is_broken = true;
                self.counters.swallowed(rest.len());
                return Ok(());
            }
            if self.is_broken {
                return Err(ErrorKind::ConnectionReset.into());
            }
            if rest.is_empty() {
                break;
            }
            to.writable().await?;
            // It may have taken long until there was room.
            if self.faults.has_changed().map_err(io::Error::other)? {
                continue;
            }
            let portion = rest.get(..portion(faults)).unwrap_or(rest);
            match to.try_write(portion) {
                Ok(written) => {
                    rest = rest.get(written..).unwrap_or_default();
                    self.counters.passed(self.direction, written);
                    self.pay(faults, written);
                    if rest.is_empty() {
                        return Ok(());
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        piece.read?;
        to.shutdown().await
    }

    /// Waits until what was read at this time may pass, and returns the faults that it passes under.
    async fn gate(&mut self, read_at: Instant) -> io::Result<Faults> {
        loop {
            let faults = *self.faults.borrow_and_update();
            let mut due = read_at + faults.latency;
            if faults.bytes_per_second.is_some() {
                due = due.max(self.paid_until);
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

    fn pay(&mut self, faults: Faults, bytes: usize) {
        if let Some(rate) = faults.bytes_per_second {
            let start = Instant::now()
                .checked_sub(BURST)
                .map_or(self.paid_until, |earliest| earliest.max(self.paid_until));
            self.paid_until = start + Duration::from_secs_f64(bytes as f64 / f64::from(rate));
        }
    }
}

/// Reads until the end, which is the last piece.
async fn read(from: ReadHalf<'_>, mut faults: watch::Receiver<Faults>, pieces: Sender<Piece>) -> io::Result<()> {
    loop {
        // What is wrong with the socket is told by the attempt to read from it.
        let _ = from.readable().await;
        // What is not read fills the sender's buffers, as on a link that is stalled.
        faults
            .wait_for(|faults| !faults.is_stalled)
            .await
            .map_err(io::Error::other)?;
        let mut buffer = vec![0; PIECE];
        let read = match from.try_read(&mut buffer) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
            read => read.map(|length| {
                buffer.truncate(length);
                buffer
            }),
        };
        let is_last = read.as_ref().map_or(true, Vec::is_empty);
        let read_at = Instant::now();
        if pieces.send(Piece { read, read_at }).await.is_err() || is_last {
            return Ok(());
        }
    }
}

/// Waits until bytes in this direction are no longer swallowed, and returns how a link ends then that lost some.
async fn healed(faults: &mut watch::Receiver<Faults>, direction: Direction) -> io::Error {
    match faults.wait_for(|faults| faults.swallowed != Some(direction)).await {
        Ok(_) => ErrorKind::ConnectionReset.into(),
        Err(error) => io::Error::other(error),
    }
}

/// How much may be written at once.
fn portion(faults: Faults) -> usize {
    faults.bytes_per_second.map_or(PIECE, |rate| {
        let bytes = f64::from(rate) * BURST.as_secs_f64();
        (bytes as usize).max(1)
    })
}
