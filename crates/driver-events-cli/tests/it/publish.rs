use std::fs;

use tempfile::tempdir;

use crate::support::{GOAL_RUN, Running, escalate, fixture, run, run_with};

#[test]
fn fixtures_are_published_byte_for_byte() {
    for (name, count) in [("goal-run.ndjson", 44), ("upstream-events.ndjson", 157)] {
        let path = fixture(name);
        let ended = run([
            "publish".as_ref(),
            path.as_os_str(),
            "--to".as_ref(),
            "stdout:".as_ref(),
        ]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert!(ended.stdout == fs::read(&path).unwrap(), "{name}");
        assert_eq!(ended.stderr, format!("{count} events delivered to stdout:\n"));
    }
}

#[test]
fn stdin_is_the_default_input() {
    for arguments in [
        &["publish", "-", "--to", "stdout:"][..],
        &["publish", "--to", "stdout:"],
    ] {
        let ended = run_with(GOAL_RUN.as_bytes(), arguments);
        assert_eq!((ended.code, ended.stdout()), (0, GOAL_RUN));
    }
}

/// The input consists of many batches; the last one is not full.
#[test]
fn long_input_stays_in_order() {
    let lines: Vec<String> = (0..20_000)
        .map(|number| escalate(&format!("number {number}")))
        .collect();
    let text = lines.join("\n") + "\n";
    let ended = run_with(text.as_bytes(), ["publish", "--to", "stdout:"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.stdout() == text);
    assert_eq!(ended.stderr, "20000 events delivered to stdout:\n");
}

#[test]
fn line_endings_and_blank_lines_are_dropped() {
    let input = format!("\n{}\r\n  \r\n\n{}", escalate("one"), escalate("two"));
    let ended = run_with(input.as_bytes(), ["publish", "--to", "stdout:"]);
    assert_eq!(ended.stdout(), format!("{}\n{}\n", escalate("one"), escalate("two")));
    assert_eq!(
        (ended.code, ended.stderr.as_str()),
        (0, "2 events delivered to stdout:\n")
    );
}

#[test]
fn empty_input_succeeds() {
    let ended = run(["publish", "--to", "stdout:"]);
    assert_eq!((ended.code, ended.stdout()), (0, ""));
    assert_eq!(ended.stderr, "0 events delivered to stdout:\n");
}

#[test]
fn events_are_published_before_the_input_ends() {
    let mut running = Running::start(["publish", "--to", "stdout:"]);
    for reason in ["one", "two", "three"] {
        running.write(&(escalate(reason) + "\n"));
        assert_eq!(running.stdout_line(), escalate(reason));
    }
}

#[test]
fn unreadable_input_fails() {
    let folder = tempdir().unwrap();
    let missing = folder.path().join("missing.ndjson");
    let ended = run(["publish", missing.to_str().unwrap(), "--to", "stdout:"]);
    assert_eq!((ended.code, ended.stdout()), (1, ""));
    let reason = "No such file or directory (os error 2)";
    assert_eq!(
        ended.stderr,
        format!("error: cannot open `{}`: {reason}\n", missing.display())
    );

    let folder = folder.path().to_str().unwrap();
    let ended = run(["publish", folder, "--to", "stdout:"]);
    assert_eq!(ended.code, 1);
    assert_eq!(ended.stderr, format!("error: cannot open `{folder}`: is a directory\n"));
}
