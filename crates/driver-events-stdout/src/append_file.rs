use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// Opens a file for appending lines, and creates it if it does not exist.
///
/// A process that was killed during a write leaves a torn last line. It is terminated here, so that the first new line is
/// not joined to it.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    let metadata = file.metadata()?;
    // Regular files only: on some systems a pipe has a length too, but reading it would block.
    if metadata.is_file() && metadata.len() > 0 && last_byte(path).is_none_or(|byte| byte != b'\n') {
        file.write_all(b"\n")?;
    }
    Ok(file)
}

/// Returns `None` if the file is not readable. Its last line then counts as torn, since an extra blank line is harmless.
fn last_byte(path: &Path) -> Option<u8> {
    let mut file = File::open(path).ok()?;
    file.seek(SeekFrom::End(-1)).ok()?;
    let mut byte = [0];
    file.read_exact(&mut byte).ok()?;
    let [byte] = byte;
    Some(byte)
}
