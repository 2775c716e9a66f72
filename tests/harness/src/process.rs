//! Processes, by their id.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal};

use crate::wait;

/// How long a server has to end by itself before it is killed.
const GRACE: Duration = Duration::from_secs(10);

pub(crate) fn signal(id: u32, signal: Signal) -> Result<()> {
    let pid = pid(id)?;
    rustix::process::kill_process(pid, signal).with_context(|| format!("process {id} cannot be sent {signal:?}"))
}

/// Ends a process that is not a child of this one, gently, then by force. It is left alone unless its command line
/// names `folder`: the id of a process that ended may be another's now.
pub(crate) fn end(id: u32, folder: &Path) -> Result<()> {
    for (request, patience) in [(Signal::TERM, GRACE), (Signal::KILL, GRACE)] {
        if !is_running_from(id, folder) {
            return Ok(());
        }
        // It may end between the question and the signal.
        let sent = signal(id, request);
        if wait::became_true(patience, || has_ended(id)) {
            return Ok(());
        }
        sent?;
    }
    bail!("process {id} of {} does not end", folder.display())
}

/// Whether the process runs, and its command line names `folder`.
pub(crate) fn is_running_from(id: u32, folder: &Path) -> bool {
    let folder = folder.to_string_lossy();
    command_line(id).is_some_and(|line| line.contains(&*folder))
}

/// A process that ends has no command line first, and lets go of its ports and locks then. One that nobody waited for
/// has ended all the same.
fn has_ended(id: u32) -> bool {
    match state(Path::new("/proc").join(id.to_string())) {
        Some(state) => matches!(state, 'Z' | 'X'),
        None => command_line(id).is_none(),
    }
}

/// Whether every thread of the process has halted. They do so one after the other once it was told to. True where the
/// system does not tell.
pub(crate) fn has_halted(id: u32) -> bool {
    let Ok(threads) = fs::read_dir(format!("/proc/{id}/task")) else {
        return true;
    };
    threads
        .flatten()
        .filter_map(|thread| state(thread.path()))
        .all(|state| state == 'T')
}

/// The letter that says what a process or a thread does; none where the system does not tell, or it is gone.
fn state(folder: PathBuf) -> Option<char> {
    let stat = fs::read_to_string(folder.join("stat")).ok()?;
    // It comes after the name, which stands in brackets and may contain any character.
    stat.rsplit(')').next()?.trim_start().chars().next()
}

fn command_line(id: u32) -> Option<String> {
    let line = match fs::read(format!("/proc/{id}/cmdline")) {
        Ok(line) => line,
        Err(_) if Path::new("/proc/self").exists() => return None,
        // Not every system has such files.
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
        .with_context(|| format!("{id} is not the id of a process"))
}
