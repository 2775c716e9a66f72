use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use driver_events::{Delivery, DriverEventSource, NdjsonSource, SourceError};
use futures_util::FutureExt;

use super::chunks::Chunks;

/// Size of one read.
const READ_BYTES: u64 = 64 * 1024;

/// Number of bytes at the start of a file, and before the position, that are compared at each look.
const FINGERPRINT_BYTES: usize = 1024;

/// Identity of a file. `None` where files have no portable identity: replacement is then not detected.
pub(super) type FileKey = Option<(u64, u64)>;

pub(super) type Item = Result<Delivery, SourceError>;

/// Result of reading an open file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Growth {
    None,
    Grown,
    /// The contents were replaced. They are read from the start at the next look.
    Truncated,
}

/// File that is read as it grows. It may have been renamed since.
#[derive(Debug)]
pub(super) struct OpenFile {
    name: Arc<str>,
    file: File,
    key: FileKey,
    /// A pipe or a device has no length and no positions.
    is_regular: bool,
    lines: NdjsonSource<Chunks>,
    /// Number of bytes read.
    position: u64,
    /// Length at the last measurement: the end of the next read.
    length: u64,
    /// The first bytes of the file.
    head: Vec<u8>,
    /// The bytes before `position`.
    tail: Vec<u8>,
    last_growth: Instant,
}

impl OpenFile {
    /// Opens a file. `name` appears in positions.
    pub(super) fn open(path: &Path, name: Arc<str>) -> io::Result<Self> {
        let file = open_nonblocking(path)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(ErrorKind::IsADirectory.into());
        }
        Ok(Self {
            lines: NdjsonSource::new(Arc::clone(&name), Chunks::default()),
            name,
            file,
            key: key_of(&metadata),
            is_regular: metadata.is_file(),
            position: 0,
            length: 0,
            head: Vec::new(),
            tail: Vec::new(),
            last_growth: Instant::now(),
        })
    }

    pub(super) fn key(&self) -> FileKey {
        self.key
    }

    /// Returns the time since the file grew or was [replaced](Self::start_quiet).
    pub(super) fn quiet(&self) -> Duration {
        self.last_growth.elapsed()
    }

    /// Restarts the time of [`quiet`](Self::quiet).
    pub(super) fn start_quiet(&mut self) {
        self.last_growth = Instant::now();
    }

    /// Measures the length. The next [`read`](Self::read) ends there.
    pub(super) fn measure(&mut self) -> io::Result<()> {
        self.length = match self.is_regular {
            true => self.file.metadata()?.len(),
            false => u64::MAX,
        };
        Ok(())
    }

    /// Reads to the measured length and passes the lines to `deliver`, which returns `false` to stop.
    pub(super) fn read(&mut self, deliver: &mut dyn FnMut(Item) -> bool) -> io::Result<Growth> {
        if !self.is_unchanged()? {
            self.restart(deliver);
            return Ok(Growth::Truncated);
        }
        let mut growth = Growth::None;
        while self.position < self.length {
            let chunk = self.read_at(self.position, READ_BYTES.min(self.length - self.position))?;
            if chunk.is_empty() {
                break;
            }
            let is_unchanged = self.is_unchanged()?;
            // The file was truncated before or after the read. Bytes that are still there were read after it.
            if !is_unchanged && self.read_at(self.position, chunk.len() as u64)? == chunk {
                self.restart(deliver);
                return Ok(Growth::Truncated);
            }
            growth = Growth::Grown;
            self.start_quiet();
            self.accept(&chunk);
            if !self.deliver_lines(deliver) {
                break;
            }
            if !is_unchanged {
                self.restart(deliver);
                return Ok(Growth::Truncated);
            }
        }
        Ok(growth)
    }

    /// Delivers the last line, which has no ending. The file is not read any more.
    pub(super) fn finish(&mut self, deliver: &mut dyn FnMut(Item) -> bool) {
        self.lines.get_mut().end();
        self.deliver_lines(deliver);
    }

    /// Delivers a torn last line, which must not be joined to the new contents, and goes back to the start.
    fn restart(&mut self, deliver: &mut dyn FnMut(Item) -> bool) {
        self.finish(deliver);
        self.lines = NdjsonSource::new(Arc::clone(&self.name), Chunks::default());
        self.position = 0;
        self.head.clear();
        self.tail.clear();
        self.start_quiet();
    }

    fn accept(&mut self, chunk: &[u8]) {
        self.lines.get_mut().push(chunk);
        self.position += chunk.len() as u64;
        let missing = FINGERPRINT_BYTES.saturating_sub(self.head.len());
        self.head.extend_from_slice(chunk.get(..missing).unwrap_or(chunk));
        self.tail.extend_from_slice(chunk);
        let excess = self.tail.len().saturating_sub(FINGERPRINT_BYTES);
        self.tail.drain(..excess);
    }

    fn deliver_lines(&mut self, deliver: &mut dyn FnMut(Item) -> bool) -> bool {
        while let Some(Some(item)) = self.lines.next().now_or_never() {
            if !deliver(item) {
                return false;
            }
        }
        true
    }

    /// Compares the file with what was read. A file that was truncated may have grown past the position since.
    fn is_unchanged(&self) -> io::Result<bool> {
        if !self.is_regular || self.position == 0 {
            return Ok(true);
        }
        if self.file.metadata()?.len() < self.position {
            return Ok(false);
        }
        let before = self.position - self.tail.len() as u64;
        Ok(self.read_at(0, self.head.len() as u64)? == self.head
            && self.read_at(before, self.tail.len() as u64)? == self.tail)
    }

    /// Reads up to `length` bytes; fewer at the end of the file. A pipe or device ignores the offset.
    fn read_at(&self, offset: u64, length: u64) -> io::Result<Vec<u8>> {
        let mut file = &self.file;
        let mut bytes = Vec::new();
        if self.is_regular {
            file.seek(SeekFrom::Start(offset))?;
            file.take(length).read_to_end(&mut bytes)?;
            return Ok(bytes);
        }
        bytes.resize(usize::try_from(READ_BYTES.min(length)).unwrap_or_default(), 0);
        let read = match file.read(&mut bytes) {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => 0,
            read => read?,
        };
        bytes.truncate(read);
        Ok(bytes)
    }
}

/// Opens a named pipe without waiting for its writer, and reads it without blocking. Regular files are not affected.
#[cfg(unix)]
fn open_nonblocking(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

#[cfg(not(unix))]
fn open_nonblocking(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).open(path)
}

#[cfg(unix)]
pub(super) fn key_of(metadata: &Metadata) -> FileKey {
    use std::os::unix::fs::MetadataExt;
    Some((metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
pub(super) fn key_of(_: &Metadata) -> FileKey {
    None
}
