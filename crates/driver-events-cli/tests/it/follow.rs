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
fn what_is_appended_is_printed_when_its_line_ends() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("events.ndjson");
    fs::write(&path, escalate("one") + "\n").unwrap();
    let running = follow(&path);
    assert_eq!(running.printed_line(), escalate("one"));
    let two = escalate("two");
    let (begin, end) = two.split_at(40);
    append(&path, &format!("{}\n{begin}", escalate("between")));
    assert_eq!(running.printed_line(), escalate("between"));
    append(&path, &format!("{end}\n"));
    assert_eq!(running.printed_line(), two);
    assert_eq!(stop(running).stderr, "");
}

#[test]
fn it_ends_after_as_many_as_were_asked_for() {
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
fn a_file_that_is_cut_short_is_read_from_its_start() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("events.ndjson");
    fs::write(&path, format!("{}\n{}\n", escalate("one"), escalate("two"))).unwrap();
    let running = follow(&path);
    running.printed_line();
    running.printed_line();
    File::create(&path).unwrap();
    let told = format!("warning: {} was cut short; going on from its start", path.display());
    assert_eq!(running.told_line(), told);
    append(&path, &(escalate("three") + "\n"));
    assert_eq!(running.printed_line(), escalate("three"));
    append(&path, "bad\n");
    assert!(running.told_line().starts_with(&format!("{}:2:", path.display())));
    assert_eq!(stop(running).stderr, "");
}

/// As log files are rotated: the old one still gets its last lines.
#[test]
fn a_file_that_is_replaced_is_read_to_its_end_before_the_new_one() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("events.ndjson");
    fs::write(&path, escalate("one") + "\n").unwrap();
    let running = follow(&path);
    assert_eq!(running.printed_line(), escalate("one"));
    let old = folder.path().join("events.ndjson.1");
    fs::rename(&path, &old).unwrap();
    append(&old, &(escalate("two") + "\n"));
    assert_eq!(running.printed_line(), escalate("two"));
    fs::write(&path, escalate("three") + "\n").unwrap();
    assert_eq!(running.printed_line(), escalate("three"));
    let told = format!("warning: {} was replaced; going on from its start\n", path.display());
    assert_eq!(stop(running).stderr, told);
}
