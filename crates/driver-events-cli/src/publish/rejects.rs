use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::report::with_causes;

/// File to which rejected lines are appended byte for byte. Errors are user-facing messages.
pub(super) struct Rejects {
    path: PathBuf,
    file: File,
    /// Whether the file is empty or ends with a newline.
    at_line_start: bool,
}

impl Rejects {
    /// Opens the file for appending; creates it if necessary.
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
            Err(error) => Err(format!("cannot open `{}`: {}", path.display(), with_causes(&error))),
        }
    }

    /// Appends a line with its ending, if any. An unterminated line is terminated before the next one.
    pub(super) fn start_line(&mut self, raw: &[u8]) -> Result<(), String> {
        if !self.at_line_start {
            self.append(b"\n")?;
        }
        self.append(raw)
    }

    /// Appends to the current line.
    pub(super) fn append(&mut self, raw: &[u8]) -> Result<(), String> {
        let written = self.file.write_all(raw);
        written.map_err(|error| format!("cannot write to `{}`: {}", self.path.display(), with_causes(&error)))?;
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
