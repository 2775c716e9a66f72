//! The gate, compiled from copies of this repository with changed names.

use std::fs::{self, File};
use std::path::Path;
use std::process::Output;

use xtask::command::cargo;
use xtask::subjects::List;
use xtask::workspace;

use crate::repository::Repository;

const SUBJECTS: &str = List::Subjects.path();
const TOPICS: &str = List::Topics.path();
const KIND: &str = "crates/driver-events-types/src/kind.rs";

/// A change that breaks a promise.
struct Mutation {
    name: &'static str,
    /// File, text that occurs in it exactly once, replacement.
    edits: &'static [(&'static str, &'static str, &'static str)],
    /// Part of the gate's error.
    error: &'static str,
}

/// Each changes code and list together, which must not get past the gate.
const MUTATIONS: [Mutation; 6] = [
    Mutation {
        name: "changed",
        edits: &[
            (KIND, r#"=> "agent.driver.replay""#, r#"=> "agent.driver.replayed""#),
            (SUBJECTS, "\tagent.driver.replay\n", "\tagent.driver.replayed\n"),
        ],
        error: "changed: `replay_decision` was `agent.driver.replay` in commit",
    },
    Mutation {
        name: "removed",
        edits: &[
            (KIND, "        Self::Escalate,\n", ""),
            (SUBJECTS, "escalate\tagent.driver.escalate\n", ""),
        ],
        error: "removed: `escalate` with `agent.driver.escalate` is in commit",
    },
    Mutation {
        name: "swapped",
        edits: &[
            (KIND, r#"=> "agent.driver.decision""#, r#"=> "agent.driver.SWAP""#),
            (KIND, r#"=> "agent.driver.acceptance""#, r#"=> "agent.driver.decision""#),
            (KIND, r#"=> "agent.driver.SWAP""#, r#"=> "agent.driver.acceptance""#),
            (
                SUBJECTS,
                "decision\tagent.driver.decision\n",
                "decision\tagent.driver.acceptance\n",
            ),
            (
                SUBJECTS,
                "acceptance\tagent.driver.acceptance\n",
                "acceptance\tagent.driver.decision\n",
            ),
        ],
        error: "changed: `decision` was `agent.driver.decision` in commit",
    },
    Mutation {
        name: "colliding",
        edits: &[
            (KIND, r#"=> "agent.driver.progress""#, r#"=> "agent.driver.escalate""#),
            (SUBJECTS, "\tagent.driver.progress\n", "\tagent.driver.escalate\n"),
        ],
        error: "collision: `escalate` and `progress` both have the name `agent.driver.escalate`",
    },
    Mutation {
        name: "another topic",
        edits: &[
            (
                KIND,
                r#"DEFAULT_TOPIC: &str = "agent.driver""#,
                r#"DEFAULT_TOPIC: &str = "agent.driver.all""#,
            ),
            (TOPICS, "*\tagent.driver\n", "*\tagent.driver.all\n"),
        ],
        error: "changed: `*` was `agent.driver` in commit",
    },
    Mutation {
        name: "malformed",
        edits: &[
            (KIND, r#"=> "agent.driver.progress""#, r#"=> "agent.driver.*""#),
            (SUBJECTS, "\tagent.driver.progress\n", "\tagent.driver.*\n"),
        ],
        error: "malformed name \"agent.driver.*\": NATS: `*` and `>` are wildcards",
    },
];

#[test]
fn compiled_gate_fails_on_every_mutation() {
    // A fixed folder lets cargo reuse earlier builds. Concurrent runs wait for the lock.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("gate");
    fs::create_dir_all(&folder).unwrap();
    let lock = File::create(folder.join("lock")).unwrap();
    lock.lock().unwrap();

    let repository = copy_of_this_repository(&folder.join("repository"));
    let gate = || gate(&repository.root, &folder.join("target"));
    let untouched = gate();
    assert!(untouched.status.success(), "{}", stderr(&untouched));

    for Mutation { name, edits, error } in MUTATIONS {
        for (path, from, to) in edits {
            let text = repository.read(path);
            assert_eq!(text.matches(from).count(), 1, "{name}: {from:?} in {path}");
            repository.write(path, &text.replace(from, to));
        }
        repository.commit_all();
        let output = gate();
        assert!(!output.status.success(), "{name} passed");
        assert!(stderr(&output).contains(error), "{name}: {}", stderr(&output));
        repository.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    }

    let restored = gate();
    assert!(restored.status.success(), "{}", stderr(&restored));
}

/// Copies the tracked files of this work tree into a new repository with one commit.
fn copy_of_this_repository(root: &Path) -> Repository {
    if root.exists() {
        fs::remove_dir_all(root).unwrap();
    }
    let original = workspace::root();
    for file in xtask::git::Repository::containing(&original)
        .unwrap()
        .tracked_files(".")
        .unwrap()
    {
        let to = root.join(&file);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(original.join(&file), to).unwrap();
    }
    let repository = Repository::init(root);
    repository.commit_all();
    repository
}

fn gate(root: &Path, target: &Path) -> Output {
    let mut command = cargo(root);
    command.args(["xtask", "subjects", "--check"]);
    command
        .env("CARGO_TARGET_DIR", target)
        .env("CARGO_PROFILE_DEV_DEBUG", "0");
    command.output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
