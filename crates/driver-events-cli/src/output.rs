use std::io::{self, ErrorKind};

use crate::exit::Exit;
use crate::report::{Report, with_causes};
use crate::standard_streams::{check_stdout, write_all};

/// Writes text to standard output. A closed pipe counts as success: the reader has read as much as it wanted.
pub(crate) fn print(text: &[u8]) -> Exit {
    if let Err(text) = check_stdout() {
        Report::new().error(text);
        return Exit::Failure;
    }
    match write_all(&mut io::stdout().lock(), text) {
        Ok(()) => Exit::Success,
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Exit::Success,
        Err(error) => {
            Report::new().error(format_args!("cannot write to standard output: {}", with_causes(&error)));
            Exit::Failure
        }
    }
}
