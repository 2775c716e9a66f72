use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// Opens a file to append lines to it, and makes it if it is not there.
///
/// The last line of a process that died in the middle of a write has no end. It gets one here, so that it cannot swallow
/// the first new line.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    let metadata = file.metadata()?;
    // Only a file has a last line. A pipe may have a length too, on some systems, but looking into it would block.
    if metadata.is_file() && metadata.len() > 0 && last_byte(path).is_none_or(|byte| byte != b'\n') {
        file.write_all(b"\n")?;
    }
    Ok(file)
}

/// None where the file may not be read: its last line counts as torn, since a blank line too many does no harm.
fn last_byte(path: &Path) -> Option<u8> {
    let mut file = File::open(path).ok()?;
    file.seek(SeekFrom::End(-1)).ok()?;
    let mut byte = [0];
    file.read_exact(&mut byte).ok()?;
    let [byte] = byte;
    Some(byte)
}
