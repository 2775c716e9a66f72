use std::fs;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use tempfile::tempdir;

use crate::support::{PATIENCE, Running, command, escalate};

#[test]
fn publish_finishes_what_it_took_and_says_where_it_stopped() {
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let folder = tempdir().unwrap();
        let path = folder.path().join("events.ndjson");
        let url = format!("file:{}", path.display());
        let mut running = Running::start(["publish", "--to", "stdout:", "--to", &url]);
        let (one, two) = (escalate("one"), escalate("two"));
        running.write(&format!("{one}\n{two}\n{{\"kind\":\"torn"));
        assert_eq!(running.printed_line(), one);
        assert_eq!(running.printed_line(), two);
        running.signal(signal);
        let ended = running.wait();
        assert_eq!(ended.code, code);
        assert_eq!(ended.stdout(), "");
        assert_eq!(fs::read_to_string(path).unwrap(), format!("{one}\n{two}\n"));
        assert_eq!(
            ended.stderr,
            format!("stopped after line 2 of -\n2 events delivered to stdout:\n2 events delivered to {url}\n")
        );
    }
}

/// The signal says that there is no time: the target is tried once more and given up.
#[cfg(target_os = "linux")]
#[test]
fn publish_does_not_wait_for_a_broken_target() {
    let mut running = Running::start(["publish", "--to", "file:/dev/full", "--timeout", "1h"]);
    running.write(&(escalate("one") + "\n"));
    assert!(running.told_line().starts_with("warning: file:/dev/full: "));
    running.signal("-TERM");
    let ended = running.wait();
    assert_eq!(ended.code, 143);
    let told: Vec<&str> = ended.stderr.lines().collect();
    assert!(
        told[0].starts_with("error: file:/dev/full: given up at -:1 or later: "),
        "{}",
        told[0]
    );
    assert_eq!(told[1], "stopped before the first line of -");
}

/// A reader that stalls keeps it from finishing, but a second signal does not wait.
#[test]
fn a_second_signal_ends_publish_at_once() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("events.ndjson");
    fs::write(&path, (escalate(&"x".repeat(100_000)) + "\n").repeat(40)).unwrap();
    let mut child = command(["publish", path.to_str().unwrap(), "--to", "stdout:"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // It is in the middle, and the pipe is too small for the rest.
    child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
    assert_eq!(end_with_signals(&mut child), Some(130));
}

/// Sends one signal after the other until the process has ended; the answer is its exit code.
fn end_with_signals(child: &mut Child) -> Option<i32> {
    let pid = child.id().to_string();
    let begun = Instant::now();
    loop {
        Command::new("kill").args(["-INT", &pid]).status().unwrap();
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        if begun.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!("it does not hear the signals");
        }
    }
}

/// The process is then stuck in a write of its own, and hears the signals all the same.
#[test]
fn a_second_signal_ends_publish_while_nobody_reads_standard_error() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("events.ndjson");
    fs::write(&path, "bad\n".repeat(100_000)).unwrap();
    let mut child = command(["publish", path.to_str().unwrap(), "--to", "stdout:"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stderr.as_mut().unwrap().read_exact(&mut [0]).unwrap();
    assert_eq!(end_with_signals(&mut child), Some(130));
}

#[test]
fn tail_ends_well_on_a_signal() {
    for signal in ["-INT", "-TERM"] {
        let mut running = Running::start(["tail", "--from", "-"]);
        running.write(&(escalate("one") + "\n"));
        assert_eq!(running.printed_line(), escalate("one"));
        running.signal(signal);
        let ended = running.wait();
        assert_eq!((ended.code, ended.stdout(), ended.stderr.as_str()), (0, "", ""));
    }
}
