//! The driver process as the campaign sees it.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::driver::{CLOSE, DRIVER_ARGUMENT, DriverSettings};
use crate::fault_timer::wait_until;

/// A running driver. Killed on drop.
#[derive(Debug)]
pub(super) struct DriverProcess(Child);

impl DriverProcess {
    /// Starts the process. Its messages are appended to `log`.
    pub(super) fn start(settings: &DriverSettings, log: &Path, environment: &[(String, String)]) -> Result<Self> {
        let log = File::options().append(true).create(true).open(log)?;
        let mut command = Command::new(std::env::current_exe()?);
        command
            .args([DRIVER_ARGUMENT, &serde_json::to_string(settings)?])
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log);
        Ok(Self(command.spawn().context("cannot start the driver process")?))
    }

    /// Kills the process with SIGKILL.
    pub(super) fn kill(mut self) -> Result<()> {
        let exited = self.0.try_wait()?;
        ensure!(exited.is_none(), "the driver process has ended: {exited:?}");
        self.0.kill()?;
        self.0.wait()?;
        Ok(())
    }

    /// Lets the process close its sink, and waits for its end.
    pub(super) async fn close(mut self) -> Result<()> {
        let mut input = self.0.stdin.take().context("the driver process has no input")?;
        writeln!(input, "{CLOSE}")?;
        let mut status = None;
        wait_until("the driver process ends", || {
            status = self.0.try_wait().ok().flatten();
            status.is_some()
        })
        .await?;
        ensure!(
            status.is_some_and(|status| status.success()),
            "the driver process failed: {status:?}"
        );
        Ok(())
    }
}

impl Drop for DriverProcess {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
