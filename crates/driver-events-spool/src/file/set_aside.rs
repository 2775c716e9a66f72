use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::sibling;
use crate::clock::now;

/// Files of SQLite beside the database.
const COMPANIONS: [&str; 2] = ["-wal", "-shm"];

/// Renames a damaged database and the files beside it, so that SQLite's tools still open them together. Returns the new path
/// of the database.
pub(crate) fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let time = now().format("%Y%m%dT%H%M%SZ");
    let mut aside = sibling(path, &format!(".corrupt-{time}"));
    let mut number = 1;
    while aside.try_exists()? {
        number += 1;
        aside = sibling(path, &format!(".corrupt-{time}-{number}"));
    }
    // The log first: a new database must not find the log of the old one.
    for companion in COMPANIONS {
        match fs::rename(sibling(path, companion), sibling(&aside, companion)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    fs::rename(path, &aside)?;
    Ok(aside)
}
