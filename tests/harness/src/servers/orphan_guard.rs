//! Kills a server whose owner exits without stopping it: because it was killed, or holds the server in a `static`.

use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

/// A shell that waits for EOF on its input, which comes when this process exits, and then kills the server. Dropping the
/// guard leaves the server running.
#[derive(Debug)]
pub(crate) struct OrphanGuard(Child);

impl OrphanGuard {
    pub(crate) fn new(server: u32) -> Result<Self> {
        let shell = Command::new("sh")
            .args(["-c", r#"read -r _; kill -9 "$1""#, "sh", &server.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start sh")?;
        Ok(Self(shell))
    }
}

impl Drop for OrphanGuard {
    fn drop(&mut self) {
        // The shell is killed before it reads EOF. Errors cannot be reported from a drop.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
