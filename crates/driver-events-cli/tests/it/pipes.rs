use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use tempfile::tempdir;

use crate::support::{GOAL_RUN, command, escalate};

/// More than a pipe holds.
fn long_run() -> String {
    GOAL_RUN.repeat(100)
}

/// What `… | head -1` does: the reader takes a line and goes.
fn head(arguments: &[&str]) -> (i32, String, String) {
    let mut child = command(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::with_capacity(16, child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let output = child.wait_with_output().unwrap();
    (
        output.status.code().expect("no signal ended it"),
        line,
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("run.ndjson");
    fs::write(&path, long_run()).unwrap();
    let (path, url) = (path.to_str().unwrap(), format!("file:{}", path.display()));
    let first = format!("{}\n", GOAL_RUN.lines().next().unwrap());
    for arguments in [&["publish", path, "--to", "stdout:"][..], &["tail", "--from", &url]] {
        assert_eq!(head(arguments), (0, first.clone(), String::new()), "{arguments:?}");
    }
}

/// The end is quiet only where nothing else went wrong.
#[cfg(target_os = "linux")]
#[test]
fn rejects_that_were_lost_count_also_when_nobody_reads_the_events() {
    use std::io::Write;

    let mut child = command(["publish", "--to", "stdout:", "--rejects", "/dev/full"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let input = format!("{}\nbad\n", escalate("x"));
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("error: cannot write to /dev/full: "), "{stderr}");
}

#[test]
fn where_there_are_other_targets_a_reader_that_goes_away_is_told() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("run.ndjson");
    fs::write(&path, long_run()).unwrap();
    let copy = folder.path().join("copy.ndjson");
    let url = format!("file:{}", copy.display());
    let (code, _, stderr) = head(&["publish", path.to_str().unwrap(), "--to", "stdout:", "--to", &url]);
    assert_eq!(code, 1);
    assert_eq!(fs::read_to_string(copy).unwrap(), long_run());
    let told: Vec<&str> = stderr.lines().collect();
    assert!(
        told[0].starts_with("error: stdout: closed by its reader at "),
        "{}",
        told[0]
    );
    assert!(
        told[1].contains(" delivered to stdout:, ") && told[1].ends_with(" not known to be delivered"),
        "{}",
        told[1]
    );
    assert_eq!(told[2..], [format!("4400 events delivered to {url}")]);
}

/// Nothing can be told any more, and nothing panics about it.
#[test]
fn a_closed_standard_error_changes_nothing() {
    for closing in ["2>&-", "2>/dev/full", "2>&1 >/dev/null | true"] {
        let script = format!(
            "printf 'bad\\n%s\\n' '{}' | \"$0\" publish --to stdout: {closing}",
            escalate("x")
        );
        let output = std::process::Command::new("sh")
            .args(["-c", &script, env!("CARGO_BIN_EXE_driver-events")])
            .output()
            .unwrap();
        if closing.ends_with("true") {
            assert!(output.status.success());
        } else {
            assert_eq!(output.status.code(), Some(1), "{closing}");
            assert_eq!(
                String::from_utf8(output.stdout).unwrap(),
                escalate("x") + "\n",
                "{closing}"
            );
        }
    }
}

/// A reader that stops reading holds the command up, but loses nothing.
#[test]
fn a_slow_reader_gets_everything() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("run.ndjson");
    fs::write(&path, long_run()).unwrap();
    let mut child = command(["publish", path.to_str().unwrap(), "--to", "stdout:"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut text = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let length = stdout.read(&mut chunk).unwrap();
        if length == 0 {
            break;
        }
        text.extend_from_slice(&chunk[..length]);
    }
    assert!(text == long_run().into_bytes());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
