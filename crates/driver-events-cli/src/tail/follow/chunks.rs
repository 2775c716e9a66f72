use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncBufRead, AsyncRead, ReadBuf};

/// Reader of the chunks that are pushed into it. Between two chunks a read is pending, and nothing wakes it: the caller
/// polls again after the next push.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    chunk: Vec<u8>,
    consumed: usize,
    has_ended: bool,
}

impl Chunks {
    /// Appends bytes to read.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.chunk.drain(..self.consumed.min(self.chunk.len()));
        self.consumed = 0;
        self.chunk.extend_from_slice(bytes);
    }

    /// Ends the input after the pushed bytes.
    pub(super) fn end(&mut self) {
        self.has_ended = true;
    }

    fn unread(&self) -> &[u8] {
        self.chunk.get(self.consumed..).unwrap_or_default()
    }
}

impl AsyncBufRead for Chunks {
    fn poll_fill_buf(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        if this.unread().is_empty() && !this.has_ended {
            return Poll::Pending;
        }
        Poll::Ready(Ok(this.unread()))
    }

    fn consume(self: Pin<&mut Self>, amount: usize) {
        self.get_mut().consumed += amount;
    }
}

impl AsyncRead for Chunks {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let unread = std::task::ready!(self.as_mut().poll_fill_buf(context))?;
        let read = unread.get(..out.remaining()).unwrap_or(unread);
        out.put_slice(read);
        let length = read.len();
        self.consume(length);
        Poll::Ready(Ok(()))
    }
}
