//! The check of the event catalogue, on a copy of the files that it reads.

use std::fs;
use std::path::Path;

use xtask::{catalogue, workspace};

const CATALOGUE: &str = "docs/events.md";
const RUN: &str = "crates/driver-events-types/tests/fixtures/goal-run.ndjson";

fn copy(file: &str, root: &Path) {
    let to = root.join(file);
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    fs::copy(workspace::root().join(file), to).unwrap();
}

#[test]
fn check_names_the_first_outdated_line() {
    let root = tempfile::tempdir().unwrap();
    copy(CATALOGUE, root.path());
    copy(RUN, root.path());
    catalogue::check(root.path()).unwrap();

    let path = root.path().join(CATALOGUE);
    let current = fs::read_to_string(&path).unwrap();
    let line = current.lines().position(|line| line == "### `escalate`").unwrap() + 1;
    fs::write(&path, current.replace("### `escalate`", "### `handover`")).unwrap();
    let error = catalogue::check(root.path()).unwrap_err().to_string();
    assert_eq!(
        error,
        format!("docs/events.md:{line} is out of date: run `cargo xtask catalogue`")
    );

    catalogue::write(root.path()).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), current);
}

#[test]
fn kind_without_an_example_fails() {
    let root = tempfile::tempdir().unwrap();
    copy(CATALOGUE, root.path());
    copy(RUN, root.path());
    let path = root.path().join(RUN);
    let run = fs::read_to_string(&path).unwrap();
    let rest: Vec<_> = run
        .lines()
        .filter(|line| !line.contains(r#""kind":"escalate""#))
        .collect();
    fs::write(&path, rest.join("\n")).unwrap();
    let error = catalogue::check(root.path()).unwrap_err().to_string();
    assert!(error.contains("has no `escalate` event: add one"), "{error}");
}
