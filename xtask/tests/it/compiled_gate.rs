//! The gate as it is compiled from a copy of this repository whose names were tampered with.

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

/// One way to break a promise.
struct Mutation {
    name: &'static str,
    /// File, what stands in it exactly once, and what is put in its place.
    edits: &'static [(&'static str, &'static str, &'static str)],
    /// A line of what the gate then says.
    complaint: &'static str,
}

/// Each changes code and list together, as one who wants to get past the gate would.
const MUTATIONS: [Mutation; 6] = [
    Mutation {
        name: "changed",
        edits: &[
            (KIND, r#"=> "agent.driver.replay""#, r#"=> "agent.driver.replayed""#),
            (SUBJECTS, "\tagent.driver.replay\n", "\tagent.driver.replayed\n"),
        ],
        complaint: "changed: `replay_decision` has the name `agent.driver.replay` in commit",
    },
    Mutation {
        name: "removed",
        edits: &[
            (KIND, "        Self::Escalate,\n", ""),
            (SUBJECTS, "escalate\tagent.driver.escalate\n", ""),
        ],
        complaint: "removed: `escalate` with `agent.driver.escalate` is in commit",
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
        complaint: "changed: `decision` has the name `agent.driver.decision` in commit",
    },
    Mutation {
        name: "colliding",
        edits: &[
            (KIND, r#"=> "agent.driver.progress""#, r#"=> "agent.driver.escalate""#),
            (SUBJECTS, "\tagent.driver.progress\n", "\tagent.driver.escalate\n"),
        ],
        complaint: "collision: `escalate` and `progress` both have the name `agent.driver.escalate`",
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
        complaint: "changed: `*` has the name `agent.driver` in commit",
    },
    Mutation {
        name: "ill-formed",
        edits: &[
            (KIND, r#"=> "agent.driver.progress""#, r#"=> "agent.driver.*""#),
            (SUBJECTS, "\tagent.driver.progress\n", "\tagent.driver.*\n"),
        ],
        complaint: "ill-formed name \"agent.driver.*\": NATS: `*` and `>` are wildcards",
    },
];

#[test]
fn the_compiled_gate_fails_on_every_mutation_and_on_no_other_copy() {
    // The place is the same each time, so that cargo finds what it built there before. Two runs take turns.
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("gate");
    fs::create_dir_all(&place).unwrap();
    let turn = File::create(place.join("lock")).unwrap();
    turn.lock().unwrap();

    let repository = copy_of_this_repository(&place.join("repository"));
    let gate = || gate(&repository.root, &place.join("target"));
    let untouched = gate();
    assert!(untouched.status.success(), "{}", said(&untouched));

    for Mutation { name, edits, complaint } in MUTATIONS {
        for (path, from, to) in edits {
            let text = repository.read(path);
            assert_eq!(text.matches(from).count(), 1, "{name}: {from:?} in {path}");
            repository.write(path, &text.replace(from, to));
        }
        repository.commit_all();
        let output = gate();
        assert!(!output.status.success(), "{name} passed");
        assert!(said(&output).contains(complaint), "{name}: {}", said(&output));
        repository.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    }

    let restored = gate();
    assert!(restored.status.success(), "{}", said(&restored));
}

/// What is in this work tree, as the first commit of a repository of its own.
fn copy_of_this_repository(root: &Path) -> Repository {
    if root.exists() {
        fs::remove_dir_all(root).unwrap();
    }
    let here = workspace::root();
    for file in xtask::git::Repository::around(&here)
        .unwrap()
        .tracked_files(".")
        .unwrap()
    {
        let to = root.join(&file);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(here.join(&file), to).unwrap();
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

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
