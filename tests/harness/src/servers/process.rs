//! Signals to processes, and their state.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal};

use crate::wait;

/// Time that a process has to exit after each of SIGTERM and SIGKILL.
const EXIT_TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) fn signal(id: u32, signal: Signal) -> Result<()> {
    let pid = pid(id)?;
    rustix::process::kill_process(pid, signal).with_context(|| format!("cannot send {signal:?} to process {id}"))
}

/// Terminates a process that is not a child of this one: with SIGTERM, then SIGKILL. Does nothing unless its command
/// line contains `folder`, since the operating system may have reused the process id.
pub(crate) fn terminate(id: u32, folder: &Path) -> Result<()> {
    for request in [Signal::TERM, Signal::KILL] {
        if !is_running_from(id, folder) {
            return Ok(());
        }
        // The process may exit before it receives the signal.
        let sent = signal(id, request);
        if wait::poll_until(EXIT_TIMEOUT, || has_exited(id)) {
            return Ok(());
        }
        sent?;
    }
    bail!("process {id} of `{}` does not exit", folder.display())
}

/// Returns whether the process runs and its command line contains `folder`.
pub(crate) fn is_running_from(id: u32, folder: &Path) -> bool {
    let folder = folder.to_string_lossy();
    command_line(id).is_some_and(|line| line.contains(&*folder))
}

/// Returns whether the process has exited. A process that exits loses its command line first, and its ports and locks
/// later, so the state decides. A zombie has exited.
fn has_exited(id: u32) -> bool {
    match state(Path::new("/proc").join(id.to_string())) {
        Some(state) => matches!(state, 'Z' | 'X'),
        None => command_line(id).is_none(),
    }
}

/// Returns whether SIGSTOP has stopped every thread of the process, which takes a moment. Returns `true` on systems
/// without `/proc`.
pub(crate) fn is_stopped(id: u32) -> bool {
    let Ok(threads) = fs::read_dir(format!("/proc/{id}/task")) else {
        return true;
    };
    threads
        .flatten()
        .filter_map(|thread| state(thread.path()))
        .all(|state| state == 'T')
}

/// Returns the state letter of a process or thread, or `None` if it has exited or there is no `/proc`.
fn state(folder: PathBuf) -> Option<char> {
    let stat = fs::read_to_string(folder.join("stat")).ok()?;
    // The state follows the name, which is in parentheses and may contain any character.
    stat.rsplit(')').next()?.trim_start().chars().next()
}

fn command_line(id: u32) -> Option<String> {
    let line = match fs::read(format!("/proc/{id}/cmdline")) {
        Ok(line) => line,
        Err(_) if Path::new("/proc/self").exists() => return None,
        Err(_) => {
            let id = id.to_string();
            let mut ps = Command::new("ps");
            ps.args(["-o", "command=", "-p", &id]).output().ok()?.stdout
        }
    };
    let line = String::from_utf8_lossy(&line).replace('\0', " ");
    (!line.trim().is_empty()).then_some(line)
}

fn pid(id: u32) -> Result<Pid> {
    i32::try_from(id)
        .ok()
        .and_then(Pid::from_raw)
        .with_context(|| format!("invalid process id {id}"))
}
