//! Ends a server whose owner is gone without having ended it: killed, or at its end with the server in a `static`.

use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

/// A shell that waits for the end of its input, which comes when this process has ended in any way, and kills the server
/// then. Dropped, it leaves the server alone.
#[derive(Debug)]
pub(crate) struct OrphanGuard(Child);

impl OrphanGuard {
    pub(crate) fn of(server: u32) -> Result<Self> {
        let shell = Command::new("sh")
            .args(["-c", r#"read -r _; kill -9 "$1""#, "sh", &server.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("sh cannot be started")?;
        Ok(Self(shell))
    }
}

impl Drop for OrphanGuard {
    fn drop(&mut self) {
        // Killed before its input ends. There is nobody left to tell.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
