use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::report::with_causes;

/// Keeps what was rejected, byte for byte, at the end of a file. The errors are what to tell the person.
pub(super) struct Rejects {
    path: PathBuf,
    file: File,
    /// What the file ends with is a whole line, or nothing.
    at_line_start: bool,
}

impl Rejects {
    /// Makes the file, or opens it to append to it.
    pub(super) fn open(path: PathBuf) -> Result<Self, String> {
        let open = || -> io::Result<_> {
            let file = OpenOptions::new().append(true).create(true).open(&path)?;
            let at_line_start = !file.metadata()?.is_file() || last_byte(&path)?.is_none_or(|byte| byte == b'\n');
            Ok((file, at_line_start))
        };
        match open() {
            Ok((file, at_line_start)) => Ok(Self {
                path,
                file,
                at_line_start,
            }),
            Err(error) => Err(format!("cannot open {}: {}", path.display(), with_causes(&error))),
        }
    }

    /// Appends a line with the ending that it has. One that has none is ended when another follows.
    pub(super) fn begin(&mut self, raw: &[u8]) -> Result<(), String> {
        if !self.at_line_start {
            self.go_on(b"\n")?;
        }
        self.go_on(raw)
    }

    /// Appends more of the same line.
    pub(super) fn go_on(&mut self, raw: &[u8]) -> Result<(), String> {
        let written = self.file.write_all(raw);
        written.map_err(|error| format!("cannot write to {}: {}", self.path.display(), with_causes(&error)))?;
        self.at_line_start = raw.ends_with(b"\n");
        Ok(())
    }
}

fn last_byte(path: &Path) -> io::Result<Option<u8>> {
    let mut file = File::open(path)?;
    if file.metadata()?.len() == 0 {
        return Ok(None);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut byte = [0];
    file.read_exact(&mut byte)?;
    Ok(byte.first().copied())
}
