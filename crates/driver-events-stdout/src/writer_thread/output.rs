use std::io::{self, ErrorKind, Write};
use std::thread;
use std::time::Duration;

/// First backoff after `WouldBlock`. Each further backoff is twice as long.
const INITIAL_BACKOFF: Duration = Duration::from_micros(100);
const MAX_BACKOFF: Duration = Duration::from_millis(20);

/// The destination of the lines.
pub(crate) enum Output {
    /// The process's stdout, which other code may print to.
    Stdout,
    Writer(Box<dyn Write + Send>),
}

/// Whole lines being written, and the number of bytes written so far.
#[derive(Default)]
pub(crate) struct Chunk {
    pub(crate) bytes: Vec<u8>,
    written: usize,
}

impl Output {
    /// Writes the rest of the chunk and flushes. After an error, the next call continues at the first unwritten byte.
    ///
    /// Stdout is locked for the whole chunk, so that lines printed by other code are not torn.
    pub(crate) fn write(&mut self, chunk: &mut Chunk) -> io::Result<()> {
        match self {
            Self::Stdout => chunk.write_to(&mut io::stdout().lock()),
            Self::Writer(writer) => chunk.write_to(writer),
        }
    }
}

impl Chunk {
    fn write_to(&mut self, writer: &mut dyn Write) -> io::Result<()> {
        while let Some(rest) = self.bytes.get(self.written..)
            && !rest.is_empty()
        {
            match retry_transient(|| writer.write(rest))? {
                0 => return Err(ErrorKind::WriteZero.into()),
                // Guards against a writer that returns more than it was passed.
                count => self.written = self.bytes.len().min(self.written.saturating_add(count)),
            }
        }
        retry_transient(|| writer.flush())
    }

    /// Returns the number of lines written completely; 0 if all were written but the flush failed.
    pub(crate) fn whole_lines_written(&self) -> u64 {
        match self.bytes.get(..self.written) {
            Some(taken) if taken.len() < self.bytes.len() => taken.iter().map(|byte| u64::from(*byte == b'\n')).sum(),
            _ => 0,
        }
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.written = 0;
    }
}

/// Repeats the call while it is interrupted or, with backoff, while it would block.
fn retry_transient<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    let mut backoff = INITIAL_BACKOFF;
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                thread::sleep(backoff);
                backoff = MAX_BACKOFF.min(backoff * 2);
            }
            result => return result,
        }
    }
}
