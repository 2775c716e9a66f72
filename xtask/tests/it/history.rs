//! What the gate makes of histories, called as a library with the pairs of an imagined code.

use std::path::Path;

use tempfile::TempDir;
use xtask::subjects::{List, Pair, bless_list, check_list, parse, read};

use crate::repository::Repository;

const SUBJECTS: &str = List::Subjects.path();
const STARTED: &str = "started\tagent.driver.goal.started";
const ENDED: &str = "ended\tagent.driver.goal.ended";
const PAUSED: &str = "paused\tagent.driver.goal.paused";

fn repository() -> (TempDir, Repository) {
    let place = tempfile::tempdir().unwrap();
    let repository = Repository::init(&place.path().join("repository"));
    (place, repository)
}

fn code(lines: &[&str]) -> Vec<Pair> {
    parse(&lines.join("\n")).0
}

fn passes(root: &Path, lines: &[&str]) {
    check_list(root, List::Subjects, &code(lines), None).unwrap();
}

fn complaint(root: &Path, lines: &[&str], base: Option<&str>) -> String {
    let error = check_list(root, List::Subjects, &code(lines), base).expect_err("the gate passed");
    format!("{error:#}")
}

fn notes(root: &Path, base: Option<&str>) -> String {
    read(root, List::Subjects, base).unwrap().notes.join("\n")
}

#[test]
fn a_history_without_the_list_passes_and_says_so() {
    let (_place, repository) = repository();
    repository.write(SUBJECTS, STARTED);
    passes(&repository.root, &[STARTED]);
    assert!(notes(&repository.root, None).contains("does not have crates/driver-events-types/subjects.txt yet"));

    repository.write("README.md", "text");
    repository.git(&["add", "README.md"]);
    repository.git(&["commit", "--quiet", "--message", "a commit without the list"]);
    passes(&repository.root, &[STARTED]);
    assert!(notes(&repository.root, None).contains("does not have crates/driver-events-types/subjects.txt yet"));
}

#[test]
fn a_missing_list_lacks_every_kind() {
    let (_place, repository) = repository();
    let complaint = complaint(&repository.root, &[STARTED], None);
    assert!(complaint.contains("the list lacks `started`"), "{complaint}");
    assert!(complaint.contains("cargo xtask subjects --bless"), "{complaint}");
}

#[test]
fn a_change_of_code_and_list_in_one_commit_fails() {
    let (_place, repository) = repository();
    repository.commit_list(&[STARTED, ENDED]);
    passes(&repository.root, &[STARTED, ENDED]);

    let changed = "ended\tagent.driver.goal.finished";
    repository.commit_list(&[STARTED, changed]);
    let complaint = complaint(&repository.root, &[STARTED, changed], None);
    assert!(
        complaint.contains("changed: `ended` has the name `agent.driver.goal.ended` in commit"),
        "{complaint}"
    );
    assert!(complaint.contains("`agent.driver.goal.finished` now"), "{complaint}");
}

#[test]
fn a_promise_outlives_any_number_of_commits_and_the_removal_of_the_list() {
    let (_place, repository) = repository();
    repository.commit_list(&[STARTED, ENDED]);
    repository.git(&["rm", "--quiet", SUBJECTS]);
    repository.commit_all();
    repository.commit_list(&[STARTED]);
    repository.commit_all();
    repository.commit_list(&[STARTED, PAUSED]);
    let complaint = complaint(&repository.root, &[STARTED, PAUSED], None);
    assert!(
        complaint.contains("removed: `ended` with `agent.driver.goal.ended`"),
        "{complaint}"
    );

    repository.commit_list(&[STARTED, PAUSED, ENDED]);
    passes(&repository.root, &[STARTED, PAUSED, ENDED]);
}

#[test]
fn a_broken_line_of_an_old_list_does_not_fail_the_gate_for_ever() {
    let (_place, repository) = repository();
    repository.commit_list(&[STARTED, "<<<<<<< ours"]);
    assert!(complaint(&repository.root, &[STARTED], None).contains("line 2 of the list is not"));
    repository.commit_list(&[STARTED]);
    passes(&repository.root, &[STARTED]);
}

#[test]
fn the_work_tree_counts_before_it_is_committed() {
    let (_place, repository) = repository();
    repository.commit_list(&[STARTED, ENDED]);
    repository.write(SUBJECTS, STARTED);
    assert!(complaint(&repository.root, &[STARTED], None).contains("removed: `ended`"));
}

#[test]
fn what_a_branch_dropped_before_its_merge_was_never_promised() {
    let (_place, repository) = repository();
    repository.commit_list(&[STARTED]);
    repository.git(&["switch", "--quiet", "--create", "branch"]);
    repository.commit_list(&[STARTED, PAUSED]);
    repository.commit_list(&[STARTED, ENDED]);
    repository.git(&["switch", "--quiet", "main"]);
    repository.git(&["merge", "--quiet", "--no-ff", "--message", "a merge", "branch"]);
    passes(&repository.root, &[STARTED, ENDED]);

    repository.commit_list(&[STARTED]);
    let complaint = complaint(&repository.root, &[STARTED], None);
    assert!(
        complaint.contains("removed: `ended`"),
        "what came with the merge is promised: {complaint}"
    );
    assert!(!complaint.contains("paused"), "{complaint}");
}

#[test]
fn a_base_adds_its_own_promises() {
    let (_place, repository) = repository();
    repository.commit_all();
    repository.git(&["tag", "empty"]);
    repository.commit_list(&[STARTED]);
    repository.git(&["switch", "--quiet", "--create", "branch"]);
    repository.git(&["switch", "--quiet", "main"]);
    repository.commit_list(&[STARTED, PAUSED]);
    repository.git(&["switch", "--quiet", "branch"]);

    passes(&repository.root, &[STARTED]);
    let text = complaint(&repository.root, &[STARTED], Some("main"));
    assert!(text.contains("removed: `paused`"), "{text}");

    check_list(&repository.root, List::Subjects, &code(&[STARTED]), Some("empty")).unwrap();
    assert!(notes(&repository.root, Some("empty")).contains("empty does not have"));

    for revision in ["no-such-revision", "--all", ""] {
        let text = complaint(&repository.root, &[STARTED], Some(revision));
        assert!(text.contains("names no commit"), "{text}");
    }
}

#[test]
fn a_shallow_clone_fails_and_says_so() {
    let (place, repository) = repository();
    repository.commit_list(&[STARTED, ENDED]);
    repository.commit_list(&[STARTED]);
    let origin = format!("file://{}", repository.root.display());
    repository.git(&["clone", "--quiet", "--depth", "1", &origin, "../clone"]);

    let clone = place.path().join("clone");
    let text = complaint(&clone, &[STARTED], None);
    assert!(text.contains("this clone is shallow"), "{text}");
    assert!(text.contains("git fetch --unshallow"), "{text}");
    bless_list(&clone, List::Subjects, &code(&[STARTED, PAUSED]), None).expect_err("a bless read half a history");
}

#[test]
fn a_folder_in_no_repository_fails_and_says_so() {
    let place = tempfile::tempdir().unwrap();
    let text = complaint(place.path(), &[STARTED], None);
    assert!(text.contains("cannot be read as a git repository"), "{text}");
}

#[test]
fn a_workspace_may_lie_below_the_top_of_its_repository() {
    let (_place, repository) = repository();
    let below = Repository {
        root: repository.root.join("below"),
    };
    std::fs::create_dir(&below.root).unwrap();
    below.commit_list(&[STARTED, ENDED]);
    below.commit_list(&[STARTED]);
    assert!(complaint(&below.root, &[STARTED], None).contains("removed: `ended`"));
}

#[test]
fn a_bless_writes_the_new_kinds_and_the_gate_passes() {
    let (_place, repository) = repository();
    repository.commit_list(&[STARTED, ENDED]);
    bless_list(&repository.root, List::Subjects, &code(&[STARTED, PAUSED, ENDED]), None).unwrap();
    assert_eq!(repository.read(SUBJECTS), format!("{STARTED}\n{PAUSED}\n{ENDED}\n"));
    passes(&repository.root, &[STARTED, PAUSED, ENDED]);
}

#[test]
fn a_bless_that_would_remove_is_refused_and_writes_nothing() {
    let (_place, repository) = repository();
    repository.commit_list(&[STARTED]);
    repository.write(SUBJECTS, &format!("{STARTED}\n{ENDED}\n"));

    let refused = |lines: &[&str]| {
        let error =
            bless_list(&repository.root, List::Subjects, &code(lines), None).expect_err("the bless went through");
        assert_eq!(repository.read(SUBJECTS), format!("{STARTED}\n{ENDED}\n"));
        format!("{error:#}")
    };
    assert!(refused(&[STARTED]).contains("removed: `ended` with `agent.driver.goal.ended` is in the list"));
    assert!(refused(&[ENDED]).contains("removed: `started` with `agent.driver.goal.started` is in commit"));
    assert!(refused(&[STARTED, "ended\tagent.driver.goal.finished"]).contains("changed: `ended`"));
}
