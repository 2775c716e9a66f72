use std::path::Path;

/// Returns the bytes that the file system of this directory has left for this user. `None` if that is unknown.
#[cfg(unix)]
pub(crate) fn free_space(directory: &Path) -> Option<u64> {
    let status = rustix::fs::statvfs(directory).ok()?;
    Some(status.f_bavail.saturating_mul(status.f_frsize))
}

#[cfg(not(unix))]
pub(crate) fn free_space(_: &Path) -> Option<u64> {
    None
}
