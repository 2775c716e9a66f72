use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};

use driver_events_harness::poll_for_blocking;
use rustix::io::ioctl_fionread;
use tempfile::tempdir;

use crate::support::{Ended, GOAL_RUN, Process, TEST_TIMEOUT, bare_lines, command, escalate, finish};

/// Capacity of a pipe in bytes.
const PIPE_CAPACITY: u64 = 64 * 1024;

/// Larger than a pipe.
fn long_run() -> String {
    GOAL_RUN.repeat(100)
}

/// Like `… | head -1`: reads one line of standard output and closes it.
fn head(arguments: &[&str]) -> Ended {
    let mut process = Process::spawn(&mut command(arguments), TEST_TIMEOUT);
    let mut line = String::new();
    BufReader::with_capacity(16, process.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let mut stderr = String::new();
    process.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    Ended {
        code: process.wait(),
        stdout: line.into_bytes(),
        stderr,
    }
}

#[test]
fn closed_stdout_ends_quietly() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("run.ndjson");
    fs::write(&path, long_run()).unwrap();
    let (path, url) = (path.to_str().unwrap(), format!("file:{}", path.display()));
    let first = format!("{}\n", GOAL_RUN.lines().next().unwrap());
    for arguments in [&["publish", path, "--to", "stdout:"][..], &["tail", "--from", &url]] {
        let ended = head(arguments);
        let expected = (0, first.as_str(), "");
        assert_eq!(
            (ended.code, ended.stdout(), ended.stderr.as_str()),
            expected,
            "{arguments:?}"
        );
    }
}

/// A closed standard output is no failure, but lost rejects are.
#[cfg(target_os = "linux")]
#[test]
fn lost_rejects_fail_despite_closed_stdout() {
    let mut command = command(["publish", "--to", "stdout:", "--rejects", "/dev/full"]);
    let mut process = Process::spawn(command.stdin(Stdio::piped()), TEST_TIMEOUT);
    drop(process.stdout.take());
    let input = format!("{}\nbad\n", escalate("x"));
    process.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let mut stderr = String::new();
    process.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!(process.wait(), 1);
    assert!(stderr.contains("error: cannot write to `/dev/full`: "), "{stderr}");
}

#[test]
fn closed_stdout_is_reported_with_other_targets() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("run.ndjson");
    fs::write(&path, long_run()).unwrap();
    let copy = folder.path().join("copy.ndjson");
    let url = format!("file:{}", copy.display());
    let ended = head(&["publish", path.to_str().unwrap(), "--to", "stdout:", "--to", &url]);
    assert_eq!(ended.code, 1);
    assert_eq!(bare_lines(copy), long_run());
    let lines: Vec<&str> = ended.stderr.lines().collect();
    let error = "error: stdout: closed by its reader at ";
    assert!(lines[0].starts_with(error), "{}", lines[0]);
    assert!(
        lines[1].contains(" delivered to stdout:, ") && lines[1].ends_with(" unconfirmed"),
        "{}",
        lines[1]
    );
    assert_eq!(lines[2..], [format!("4400 events delivered to {url}")]);
}

/// Diagnostics cannot be written. The command must neither panic nor change its exit code.
#[test]
fn unwritable_stderr_is_ignored() {
    let folder = tempdir().unwrap();
    let code = folder.path().join("code");
    for (redirection, reader, printed) in [
        ("2>&-", "", escalate("x") + "\n"),
        ("2>/dev/full", "", escalate("x") + "\n"),
        ("2>&1 >/dev/null", "| true", String::new()),
    ] {
        let script = format!(
            "{{ printf 'bad\\n%s\\n' '{}' | \"$0\" publish --to stdout: {redirection}; echo $? >\"$1\"; }} {reader}",
            escalate("x")
        );
        let binary = env!("CARGO_BIN_EXE_driver-events");
        let mut shell = Command::new("sh");
        shell
            .args(["-c", &script, binary, code.to_str().unwrap()])
            .stdout(Stdio::piped());
        assert_eq!(finish(&mut shell).stdout(), printed, "{redirection}");
        assert_eq!(fs::read_to_string(&code).unwrap(), "1\n", "{redirection}");
    }
}

/// A reader that pauses delays the command, but no event is lost.
#[test]
fn slow_reader_receives_everything() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("run.ndjson");
    fs::write(&path, long_run()).unwrap();
    let mut command = command(["publish", path.to_str().unwrap(), "--to", "stdout:"]);
    let mut process = Process::spawn(command.stderr(Stdio::null()), TEST_TIMEOUT);
    let mut stdout = process.stdout.take().unwrap();
    let mut text = vec![0; 4096];
    stdout.read_exact(&mut text).unwrap();
    let is_half_full = || (ioctl_fionread(&stdout).unwrap() >= PIPE_CAPACITY / 2).then_some(());
    poll_for_blocking(TEST_TIMEOUT, is_half_full).expect("the command fills the pipe");
    assert!(
        long_run().len() as u64 > text.len() as u64 + PIPE_CAPACITY,
        "the pipe is too small for the rest"
    );
    assert_eq!(process.try_wait(), None, "the command waits for the reader");
    stdout.read_to_end(&mut text).unwrap();
    assert!(text == long_run().into_bytes());
    assert_eq!(process.wait(), 0);
}
