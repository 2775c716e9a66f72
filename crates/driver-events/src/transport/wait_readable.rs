use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::retry_on_intr;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::task::{JoinHandle, spawn_blocking};

/// Reader that waits for data where the inner one fails with `EAGAIN`.
///
/// `O_NONBLOCK` belongs to the open file, not to the process: whoever has the other end of standard input, such as asyncio or
/// Node.js, may have set it, and would be disturbed if it were cleared. tokio's pipes need the flag and its event queue refuses
/// files, so a thread of the blocking pool waits, as it does for every read.
pub(crate) struct WaitReadable<R> {
    reader: R,
    waiting: Option<JoinHandle<io::Result<()>>>,
}

impl<R> WaitReadable<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self { reader, waiting: None }
    }
}

impl<R: AsyncRead + AsFd + Unpin> AsyncRead for WaitReadable<R> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if let Some(waiting) = &mut this.waiting {
                let waited = ready!(Pin::new(waiting).poll(context));
                this.waiting = None;
                waited.map_err(io::Error::from).flatten()?;
            }
            match ready!(Pin::new(&mut this.reader).poll_read(context, out)) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let input = this.reader.as_fd().try_clone_to_owned()?;
                    this.waiting = Some(spawn_blocking(move || {
                        let mut inputs = [PollFd::new(&input, PollFlags::IN)];
                        retry_on_intr(|| poll(&mut inputs, None))?;
                        Ok(())
                    }));
                }
                result => return Poll::Ready(result),
            }
        }
    }
}
