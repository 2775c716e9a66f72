use std::io::{self, ErrorKind, Write};
use std::thread;
use std::time::Duration;

/// The first pause before a writer that would block is tried again. Each further pause is twice as long.
const SHORTEST_PAUSE: Duration = Duration::from_micros(100);
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

/// Where lines go.
pub(crate) enum Output {
    /// The process's stdout, which others may print to as well.
    Stdout,
    Writer(Box<dyn Write + Send>),
}

/// Whole lines on their way out, and how far they have come.
#[derive(Default)]
pub(crate) struct Chunk {
    pub(crate) bytes: Vec<u8>,
    written: usize,
}

impl Output {
    /// Writes what is left of the chunk and flushes. After an error the next call goes on at the very byte.
    ///
    /// Stdout is locked for the chunk, so that the lines of those who print to it as well stay whole.
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
            match insist(|| writer.write(rest))? {
                0 => return Err(ErrorKind::WriteZero.into()),
                // No more than was asked for counts, whatever the writer claims.
                count => self.written = self.bytes.len().min(self.written.saturating_add(count)),
            }
        }
        insist(|| writer.flush())
    }

    /// The number of lines that the writer has taken whole; none where it took all of them and failed to flush.
    pub(crate) fn lines_taken(&self) -> u64 {
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

/// Calls again until the writer does something: after an interruption at once, and after a pause where it would block.
fn insist<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    let mut pause = SHORTEST_PAUSE;
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                thread::sleep(pause);
                pause = LONGEST_PAUSE.min(pause * 2);
            }
            result => return result,
        }
    }
}
