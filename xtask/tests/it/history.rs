//! The gate as a library, with histories and lines that the tests write.

use std::path::Path;

use tempfile::TempDir;
use xtask::contract::{Line, List, bless_list, check_list, parse, read};

use crate::repository::Repository;

const SUBJECTS: &str = List::Subjects.path();
const STARTED: &str = "started\tagent.driver.goal.started";
const ENDED: &str = "ended\tagent.driver.goal.ended";
const PAUSED: &str = "paused\tagent.driver.goal.paused";

fn repository() -> (TempDir, Repository) {
    let folder = tempfile::tempdir().unwrap();
    let repository = Repository::init(&folder.path().join("repository"));
    (folder, repository)
}

fn code(lines: &[&str]) -> Vec<Line> {
    parse(&lines.join("\n")).0
}

fn passes(root: &Path, lines: &[&str]) {
    check_list(root, List::Subjects, &code(lines), None).unwrap();
}

fn failure(root: &Path, lines: &[&str], base: Option<&str>) -> String {
    let error = check_list(root, List::Subjects, &code(lines), base).expect_err("the gate passed");
    format!("{error:#}")
}

fn notes(root: &Path, base: Option<&str>) -> String {
    read(root, List::Subjects, base).unwrap().notes.join("\n")
}

#[test]
fn history_without_the_list_passes_with_a_note() {
    let (_folder, repository) = repository();
    repository.write(SUBJECTS, STARTED);
    passes(&repository.root, &[STARTED]);
    assert!(notes(&repository.root, None).contains("does not have crates/driver-events-types/subjects.txt"));

    repository.write("README.md", "text");
    repository.git(&["add", "README.md"]);
    repository.git(&["commit", "--quiet", "--message", "a commit without the list"]);
    passes(&repository.root, &[STARTED]);
    assert!(notes(&repository.root, None).contains("does not have crates/driver-events-types/subjects.txt"));
}

#[test]
fn missing_list_lacks_every_kind() {
    let (_folder, repository) = repository();
    let message = failure(&repository.root, &[STARTED], None);
    assert!(message.contains("the list lacks `started`"), "{message}");
    assert!(message.contains("cargo xtask contract --bless"), "{message}");
}

#[test]
fn changing_code_and_list_in_one_commit_fails() {
    let (_folder, repository) = repository();
    repository.commit_list(&[STARTED, ENDED]);
    passes(&repository.root, &[STARTED, ENDED]);

    let changed = "ended\tagent.driver.goal.finished";
    repository.commit_list(&[STARTED, changed]);
    let message = failure(&repository.root, &[STARTED, changed], None);
    assert!(
        message.contains("changed: `ended` was `agent.driver.goal.ended` in commit"),
        "{message}"
    );
    assert!(message.contains("is `agent.driver.goal.finished` now"), "{message}");
}

#[test]
fn promise_outlives_the_removal_of_the_list() {
    let (_folder, repository) = repository();
    repository.commit_list(&[STARTED, ENDED]);
    repository.git(&["rm", "--quiet", SUBJECTS]);
    repository.commit_all();
    repository.commit_list(&[STARTED]);
    repository.commit_all();
    repository.commit_list(&[STARTED, PAUSED]);
    let message = failure(&repository.root, &[STARTED, PAUSED], None);
    assert!(
        message.contains("removed: `ended` with `agent.driver.goal.ended`"),
        "{message}"
    );

    repository.commit_list(&[STARTED, PAUSED, ENDED]);
    passes(&repository.root, &[STARTED, PAUSED, ENDED]);
}

#[test]
fn malformed_line_of_an_old_list_is_ignored() {
    let (_folder, repository) = repository();
    repository.commit_list(&[STARTED, "<<<<<<< ours"]);
    assert!(failure(&repository.root, &[STARTED], None).contains("line 2 of the list is not"));
    repository.commit_list(&[STARTED]);
    passes(&repository.root, &[STARTED]);
}

#[test]
fn uncommitted_list_is_checked() {
    let (_folder, repository) = repository();
    repository.commit_list(&[STARTED, ENDED]);
    repository.write(SUBJECTS, STARTED);
    assert!(failure(&repository.root, &[STARTED], None).contains("removed: `ended`"));
}

#[test]
fn name_dropped_before_the_merge_is_no_promise() {
    let (_folder, repository) = repository();
    repository.commit_list(&[STARTED]);
    repository.git(&["switch", "--quiet", "--create", "branch"]);
    repository.commit_list(&[STARTED, PAUSED]);
    repository.commit_list(&[STARTED, ENDED]);
    repository.git(&["switch", "--quiet", "main"]);
    repository.git(&["merge", "--quiet", "--no-ff", "--message", "a merge", "branch"]);
    passes(&repository.root, &[STARTED, ENDED]);

    repository.commit_list(&[STARTED]);
    let message = failure(&repository.root, &[STARTED], None);
    assert!(
        message.contains("removed: `ended`"),
        "merged names are promises: {message}"
    );
    assert!(!message.contains("paused"), "{message}");
}

#[test]
fn base_adds_its_own_promises() {
    let (_folder, repository) = repository();
    repository.commit_all();
    repository.git(&["tag", "empty"]);
    repository.commit_list(&[STARTED]);
    repository.git(&["switch", "--quiet", "--create", "branch"]);
    repository.git(&["switch", "--quiet", "main"]);
    repository.commit_list(&[STARTED, PAUSED]);
    repository.git(&["switch", "--quiet", "branch"]);

    passes(&repository.root, &[STARTED]);
    let text = failure(&repository.root, &[STARTED], Some("main"));
    assert!(text.contains("removed: `paused`"), "{text}");

    check_list(&repository.root, List::Subjects, &code(&[STARTED]), Some("empty")).unwrap();
    assert!(notes(&repository.root, Some("empty")).contains("empty does not have"));

    for revision in ["no-such-revision", "--all", ""] {
        let text = failure(&repository.root, &[STARTED], Some(revision));
        assert!(text.contains("names no commit"), "{text}");
    }
}

#[test]
fn shallow_clone_fails() {
    let (folder, repository) = repository();
    repository.commit_list(&[STARTED, ENDED]);
    repository.commit_list(&[STARTED]);
    let origin = format!("file://{}", repository.root.display());
    repository.git(&["clone", "--quiet", "--depth", "1", &origin, "../clone"]);

    let clone = folder.path().join("clone");
    let text = failure(&clone, &[STARTED], None);
    assert!(text.contains("this clone is shallow"), "{text}");
    assert!(text.contains("git fetch --unshallow"), "{text}");
    bless_list(&clone, List::Subjects, &code(&[STARTED, PAUSED]), None).expect_err("bless accepted a shallow clone");
}

#[test]
fn folder_outside_a_repository_fails() {
    let folder = tempfile::tempdir().unwrap();
    let text = failure(folder.path(), &[STARTED], None);
    assert!(text.contains("as a git repository"), "{text}");
}

#[test]
fn workspace_below_the_repository_root_is_checked() {
    let (_folder, repository) = repository();
    let below = Repository {
        root: repository.root.join("below"),
    };
    std::fs::create_dir(&below.root).unwrap();
    below.commit_list(&[STARTED, ENDED]);
    below.commit_list(&[STARTED]);
    assert!(failure(&below.root, &[STARTED], None).contains("removed: `ended`"));
}

#[test]
fn bless_adds_new_kinds_and_the_gate_passes() {
    let (_folder, repository) = repository();
    repository.commit_list(&[STARTED, ENDED]);
    bless_list(&repository.root, List::Subjects, &code(&[STARTED, PAUSED, ENDED]), None).unwrap();
    assert_eq!(repository.read(SUBJECTS), format!("{STARTED}\n{PAUSED}\n{ENDED}\n"));
    passes(&repository.root, &[STARTED, PAUSED, ENDED]);
}

#[test]
fn bless_that_would_remove_fails_and_writes_nothing() {
    let (_folder, repository) = repository();
    repository.commit_list(&[STARTED]);
    repository.write(SUBJECTS, &format!("{STARTED}\n{ENDED}\n"));

    let rejected = |lines: &[&str]| {
        let error = bless_list(&repository.root, List::Subjects, &code(lines), None).expect_err("bless succeeded");
        assert_eq!(repository.read(SUBJECTS), format!("{STARTED}\n{ENDED}\n"));
        format!("{error:#}")
    };
    assert!(rejected(&[STARTED]).contains("removed: `ended` with `agent.driver.goal.ended` is in the list"));
    assert!(rejected(&[ENDED]).contains("removed: `started` with `agent.driver.goal.started` is in commit"));
    assert!(rejected(&[STARTED, "ended\tagent.driver.goal.finished"]).contains("changed: `ended`"));
}

#[test]
fn last_release_is_named() {
    let (_folder, repository) = repository();
    repository.commit_list(&[STARTED, ENDED]);
    repository.git(&["tag", "v0.1.0"]);
    repository.commit_list(&[STARTED, ENDED, PAUSED]);
    repository.git(&["tag", "v0.2.0"]);
    repository.git(&["tag", "nightly"]);
    repository.commit_list(&[STARTED]);
    let message = failure(&repository.root, &[STARTED], None);
    for name in ["ended", "paused"] {
        let expected = format!("removed: `{name}` with `agent.driver.goal.{name}` is in release v0.2.0");
        assert!(message.contains(&expected), "{message}");
    }
}

const FIELDS: &str = List::Fields.path();
const GOAL: &str = "Goal\tobject\nGoal.id\tid, required\n";
const DEADLINE: &str = "Goal.deadline\ttime, omitted if unset\n";
const CHANGELOG: &str = "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- Everything.\n";

fn check_fields(repository: &Repository, list: &str) -> Result<(), String> {
    let code = parse(list).0;
    check_list(&repository.root, List::Fields, &code, None).map_err(|error| format!("{error:#}"))
}

#[test]
fn bless_names_an_addition_in_the_changelog() {
    let (_folder, repository) = repository();
    repository.write("CHANGELOG.md", CHANGELOG);
    repository.write(FIELDS, GOAL);
    check_fields(&repository, GOAL).unwrap();
    repository.commit_all();

    let both = format!("{GOAL}{DEADLINE}");
    let message = check_fields(&repository, &both).unwrap_err();
    assert!(message.contains("the list lacks `Goal.deadline`"), "{message}");
    bless_list(&repository.root, List::Fields, &code(&[&both]), None).unwrap();
    assert_eq!(repository.read(FIELDS), both);
    let line = "- Contract: `Goal.deadline` (time, omitted if unset).\n";
    let expected = CHANGELOG.replace("- Everything", &format!("{line}- Everything"));
    assert_eq!(repository.read("CHANGELOG.md"), expected);
    check_fields(&repository, &both).unwrap();
    repository.commit_all();

    repository.write("CHANGELOG.md", CHANGELOG);
    let message = check_fields(&repository, &both).unwrap_err();
    assert!(
        message.contains("the changelog does not name `Goal.deadline`"),
        "{message}"
    );
    bless_list(&repository.root, List::Fields, &code(&[&both]), None).unwrap();
    assert_eq!(repository.read("CHANGELOG.md"), expected);
}

#[test]
fn breaking_addition_fails_although_its_list_was_changed_too() {
    let (_folder, repository) = repository();
    repository.write("CHANGELOG.md", CHANGELOG);
    repository.write(FIELDS, GOAL);
    repository.commit_all();
    let both = format!("{GOAL}Goal.deadline\ttime, required\n");
    repository.write(FIELDS, &both);
    let message = check_fields(&repository, &both).unwrap_err();
    assert!(
        message.contains("added: `Goal.deadline` with `time, required`"),
        "{message}"
    );
    bless_list(&repository.root, List::Fields, &code(&[&both]), None).expect_err("bless accepted a required field");
    assert_eq!(repository.read("CHANGELOG.md"), CHANGELOG);
}
