use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;

use tempfile::tempdir;

use crate::support::{Ended, Running, escalate};

fn follow(path: &Path) -> Running {
    Running::start(["tail", "--follow", "--from", &format!("file:{}", path.display())])
}

fn append(path: &Path, text: &str) {
    OpenOptions::new()
        .append(true)
        .open(path)
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
}

fn stop(running: Running) -> Ended {
    running.signal("-TERM");
    let ended = running.wait();
    assert_eq!((ended.code, ended.stdout()), (0, ""));
    ended
}

#[test]
fn appended_line_is_printed_once_complete() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("events.ndjson");
    fs::write(&path, escalate("one") + "\n").unwrap();
    let running = follow(&path);
    assert_eq!(running.stdout_line(), escalate("one"));
    let two = escalate("two");
    let (start, end) = two.split_at(40);
    append(&path, &format!("{}\n{start}", escalate("between")));
    assert_eq!(running.stdout_line(), escalate("between"));
    append(&path, &format!("{end}\n"));
    assert_eq!(running.stdout_line(), two);
    assert_eq!(stop(running).stderr, "");
}

#[test]
fn count_ends_following() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("events.ndjson");
    File::create(&path).unwrap();
    let url = format!("file:{}", path.display());
    let running = Running::start(["tail", "--follow", "--from", &url, "--count", "2"]);
    append(
        &path,
        &format!("{}\n{}\n{}\n", escalate("one"), escalate("two"), escalate("three")),
    );
    let ended = running.wait();
    assert_eq!(
        (ended.code, ended.stdout()),
        (0, format!("{}\n{}\n", escalate("one"), escalate("two")).as_str())
    );
}

#[test]
fn truncated_file_is_read_from_the_start() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("events.ndjson");
    fs::write(&path, format!("{}\n{}\n", escalate("one"), escalate("two"))).unwrap();
    let running = follow(&path);
    running.stdout_line();
    running.stdout_line();
    File::create(&path).unwrap();
    let warning = format!("warning: `{}` was truncated: reading from the start", path.display());
    assert_eq!(running.stderr_line(), warning);
    append(&path, &(escalate("three") + "\n"));
    assert_eq!(running.stdout_line(), escalate("three"));
    append(&path, "bad\n");
    assert!(running.stderr_line().starts_with(&format!("{}:2:", path.display())));
    assert_eq!(stop(running).stderr, "");
}

/// A rotated log file still receives its last lines.
#[test]
fn replaced_file_is_read_to_its_end_first() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("events.ndjson");
    fs::write(&path, escalate("one") + "\n").unwrap();
    let running = follow(&path);
    assert_eq!(running.stdout_line(), escalate("one"));
    let old = folder.path().join("events.ndjson.1");
    fs::rename(&path, &old).unwrap();
    append(&old, &(escalate("two") + "\n"));
    assert_eq!(running.stdout_line(), escalate("two"));
    fs::write(&path, escalate("three") + "\n").unwrap();
    assert_eq!(running.stdout_line(), escalate("three"));
    let warning = format!("warning: `{}` was replaced: reading from the start\n", path.display());
    assert_eq!(stop(running).stderr, warning);
}
