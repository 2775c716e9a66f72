use std::fs;
use std::io::Read;
use std::process::Stdio;
use std::time::Instant;

use tempfile::tempdir;

use crate::support::{Process, Running, TEST_TIMEOUT, bare_lines, command, escalate};

#[test]
fn publish_finishes_and_reports_the_last_line() {
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let folder = tempdir().unwrap();
        let path = folder.path().join("events.ndjson");
        let url = format!("file:{}", path.display());
        let mut running = Running::start(["publish", "--to", "stdout:", "--to", &url]);
        let (one, two) = (escalate("one"), escalate("two"));
        running.write(&format!("{one}\n{two}\n{{\"kind\":\"torn"));
        assert_eq!(running.stdout_line(), one);
        assert_eq!(running.stdout_line(), two);
        running.signal(signal);
        let ended = running.wait();
        assert_eq!(ended.code, code);
        assert_eq!(ended.stdout(), "");
        assert_eq!(bare_lines(path), format!("{one}\n{two}\n"));
        assert_eq!(
            ended.stderr,
            format!("stopped after line 2 of -\n2 events delivered to stdout:\n2 events delivered to {url}\n")
        );
    }
}

/// After the signal, the target is retried once and given up.
#[cfg(target_os = "linux")]
#[test]
fn signal_ends_retries() {
    let mut running = Running::start(["publish", "--to", "file:/dev/full", "--timeout", "1h"]);
    running.write(&(escalate("one") + "\n"));
    assert!(running.stderr_line().starts_with("warning: file:/dev/full: "));
    running.signal("-TERM");
    let ended = running.wait();
    assert_eq!(ended.code, 143);
    let lines: Vec<&str> = ended.stderr.lines().collect();
    let error = "error: file:/dev/full: gave up at -:1 or later: ";
    assert!(lines[0].starts_with(error), "{}", lines[0]);
    assert_eq!(lines[1], "stopped at line 1 of - or later");
}

/// A stalled reader delays the graceful shutdown; the second signal does not wait for it.
#[test]
fn second_signal_exits_at_once() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("events.ndjson");
    fs::write(&path, (escalate(&"x".repeat(100_000)) + "\n").repeat(40)).unwrap();
    let mut process = Process::spawn(
        &mut command(["publish", path.to_str().unwrap(), "--to", "stdout:"]),
        TEST_TIMEOUT,
    );
    // The pipe is too small for the rest of the output.
    process.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
    assert_eq!(interrupt_until_exit(&process), 130);
}

/// Sends SIGINT until the process exits, and returns the exit code.
fn interrupt_until_exit(process: &Process) -> i32 {
    let deadline = Instant::now() + TEST_TIMEOUT / 2;
    loop {
        if let Some(code) = process.try_wait() {
            return code;
        }
        assert!(Instant::now() < deadline, "the process must handle the signals");
        process.signal("-INT");
    }
}

/// The process is blocked in a write to standard error while it handles the signals.
#[test]
fn second_signal_exits_despite_blocked_stderr() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("events.ndjson");
    fs::write(&path, "bad\n".repeat(100_000)).unwrap();
    let mut command = command(["publish", path.to_str().unwrap(), "--to", "stdout:"]);
    let mut process = Process::spawn(command.stdout(Stdio::null()), TEST_TIMEOUT);
    process.stderr.as_mut().unwrap().read_exact(&mut [0]).unwrap();
    assert_eq!(interrupt_until_exit(&process), 130);
}

#[test]
fn signal_ends_tail_with_success() {
    for signal in ["-INT", "-TERM"] {
        let mut running = Running::start(["tail", "--from", "-"]);
        running.write(&(escalate("one") + "\n"));
        assert_eq!(running.stdout_line(), escalate("one"));
        running.signal(signal);
        let ended = running.wait();
        assert_eq!((ended.code, ended.stdout(), ended.stderr.as_str()), (0, "", ""));
    }
}

#[test]
fn signal_ends_validate_with_a_summary() {
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let mut running = Running::start(["validate"]);
        running.write("bad\n");
        assert!(running.stderr_line().starts_with("-:1:1: "));
        running.signal(signal);
        let ended = running.wait();
        assert_eq!(ended.code, code);
        assert_eq!(
            (ended.stdout(), ended.stderr.as_str()),
            ("", "0 events valid, 1 line malformed\n")
        );
    }
}
