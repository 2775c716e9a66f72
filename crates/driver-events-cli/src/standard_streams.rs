//! Standard input and output as the process received them.

use std::io::{self, ErrorKind, Write};

/// Returns an error if standard output is not open for writing: Rust's runtime would discard what is written. `startup.c`
/// opens a closed one for reading only.
pub(crate) fn check_stdout() -> Result<(), String> {
    check(is_open(io::stdout(), Access::Write), "standard output is closed")
}

/// Returns an error if standard input is not open for reading: it would look empty.
pub(crate) fn check_stdin() -> Result<(), String> {
    check(is_open(io::stdin(), Access::Read), "standard input is closed")
}

fn check(is_open: bool, message: &str) -> Result<(), String> {
    is_open.then_some(()).ok_or_else(|| message.to_owned())
}

#[derive(Clone, Copy)]
enum Access {
    Read,
    Write,
}

#[cfg(unix)]
fn is_open(stream: impl std::os::fd::AsFd, access: Access) -> bool {
    use rustix::fs::{OFlags, fcntl_getfl};
    let wrong_mode = match access {
        Access::Read => OFlags::WRONLY,
        Access::Write => OFlags::RDONLY,
    };
    // A flag that cannot be read says nothing.
    fcntl_getfl(stream).map_or(true, |flags| flags & OFlags::ACCMODE != wrong_mode)
}

#[cfg(not(unix))]
fn is_open<S>(_: S, _: Access) -> bool {
    true
}

/// Writes and flushes everything. Waits for a slow reader, also if another process has set the stream to non-blocking.
pub(crate) fn write_all(stream: &mut (impl Write + Stream), mut text: &[u8]) -> io::Result<()> {
    loop {
        let result = match text {
            [] => stream.flush().map(|()| 0),
            _ => stream.write(text),
        };
        match result {
            Ok(0) if text.is_empty() => return Ok(()),
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => text = text.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => wait_writable(stream)?,
            Err(error) => return Err(error),
        }
    }
}

#[cfg(unix)]
pub(crate) use std::os::fd::AsFd as Stream;

#[cfg(unix)]
fn wait_writable(stream: &impl Stream) -> io::Result<()> {
    use rustix::event::{PollFd, PollFlags, poll};
    let mut outputs = [PollFd::new(stream, PollFlags::OUT)];
    rustix::io::retry_on_intr(|| poll(&mut outputs, None))?;
    Ok(())
}

/// Any stream.
#[cfg(not(unix))]
pub(crate) trait Stream {}

#[cfg(not(unix))]
impl<S> Stream for S {}

#[cfg(not(unix))]
fn wait_writable<S>(_: &S) -> io::Result<()> {
    Err(ErrorKind::WouldBlock.into())
}
