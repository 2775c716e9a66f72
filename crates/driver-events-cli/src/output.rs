use std::io::{self, ErrorKind, Write};

use crate::exit::Exit;
use crate::report::{Report, with_causes};

/// Writes text to standard output. A closed pipe counts as success: the reader has read as much as it wanted.
pub(crate) fn print(text: &[u8]) -> Exit {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text).and_then(|()| stdout.flush()) {
        Ok(()) => Exit::Success,
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Exit::Success,
        Err(error) => {
            Report::new().error(format_args!("cannot write to standard output: {}", with_causes(&error)));
            Exit::Failure
        }
    }
}
