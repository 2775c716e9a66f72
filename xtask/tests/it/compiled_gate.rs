//! The gate, compiled from copies of this repository whose contract is changed.

use std::fs::{self, File};
use std::path::Path;
use std::process::Output;

use xtask::command::cargo;
use xtask::contract::List;
use xtask::workspace;

use crate::repository::Repository;

const SUBJECTS: &str = List::Subjects.path();
const TOPICS: &str = List::Topics.path();
const FIELDS: &str = List::Fields.path();
const GOLDEN: &str = List::Golden.path();
const KIND: &str = "crates/driver-events-types/src/kind.rs";
const EVENT: &str = "crates/driver-events-types/src/event.rs";
const OBJECTS: &str = "crates/driver-events-types/src/codec/objects.rs";
const MEMORY: &str = "crates/driver-events-types/src/memory.rs";
const GOAL: &str = "crates/driver-events-types/src/goal.rs";
const BUDGET: &str = "crates/driver-events-types/src/budget.rs";
const TIME: &str = "crates/driver-events-types/src/codec/write/time.rs";
const GOAL_TABLE: &str = "crates/driver-events-types/src/contract/goal.rs";
const BUDGET_TABLE: &str = "crates/driver-events-types/src/contract/budget.rs";
const KINDS_TABLE: &str = "crates/driver-events-types/src/contract/kinds.rs";
const MEMORY_TABLE: &str = "crates/driver-events-types/src/contract/memory.rs";

/// File, text that occurs in it, replacement of each occurrence.
type Edit = (&'static str, &'static str, &'static str);

/// A change that breaks a promise.
struct Mutation {
    name: &'static str,
    edits: &'static [Edit],
    /// Part of the gate's error.
    error: &'static str,
}

/// Each changes code and list together, which must not get past the gate.
const MUTATIONS: [Mutation; 13] = [
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
    Mutation {
        name: "field renamed",
        edits: &[
            (
                BUDGET,
                "    pub tokens: u64,",
                "    #[serde(rename = \"used\")]\n    pub tokens: u64,",
            ),
            (BUDGET_TABLE, r#"("tokens", Shape::U64"#, r#"("used", Shape::U64"#),
            (FIELDS, "BudgetUsage.tokens\t", "BudgetUsage.used\t"),
            (GOLDEN, r#""tokens":"#, r#""used":"#),
        ],
        error: "removed: `BudgetUsage.tokens` with `u64, required` is in commit",
    },
    Mutation {
        name: "type changed",
        edits: &[
            (EVENT, "memories_saved: u32,", "memories_saved: u64,"),
            (
                KINDS_TABLE,
                r#""memories_saved", Shape::U32"#,
                r#""memories_saved", Shape::U64"#,
            ),
            (FIELDS, "memories_saved\tu32", "memories_saved\tu64"),
        ],
        error: "changed: `extract_memories_completed.memories_saved` was `u32, required` in commit",
    },
    Mutation {
        name: "optional field required",
        edits: &[
            (GOAL, "skip_serializing_if = \"Option::is_none\"", "skip_deserializing"),
            (
                GOAL_TABLE,
                "Field::omitted_when_none(\n            \"workspace\"",
                "Field::required(\n            \"workspace\"",
            ),
            (FIELDS, "workspace\ttext, omitted if unset", "workspace\ttext, required"),
        ],
        error: "changed: `Goal.workspace` was `text, omitted if unset` in commit",
    },
    Mutation {
        name: "value removed",
        edits: &[
            (MEMORY, "    EscapeAudit,\n", "    #[doc(hidden)]\n    EscapeAudit,\n"),
            (
                MEMORY_TABLE,
                "Value::new(\n            \"escape_audit\",\n            \"The pass was stopped because it accessed something outside its bounds.\",\n        ),",
                "",
            ),
            (FIELDS, "AutoDreamOutcomeKind.escape_audit\tvalue\n", ""),
        ],
        error: "removed: `AutoDreamOutcomeKind.escape_audit` with `value` is in commit",
    },
    Mutation {
        name: "required field added",
        edits: &[
            (
                GOAL,
                "    /// Workspace of the agent",
                "    /// Priority.\n    pub priority: u32,\n    /// Workspace of the agent",
            ),
            (
                GOAL_TABLE,
                "        Field::omitted_when_none(\n            \"workspace\"",
                "        Field::required(\"priority\", Shape::U32, \"Priority.\").example(\"1\"),\n        Field::omitted_when_none(\n            \"workspace\"",
            ),
            (
                OBJECTS,
                "budget, workspace: omitted",
                "budget, priority, workspace: omitted",
            ),
            (
                FIELDS,
                "Goal.workspace\t",
                "Goal.priority\tu32, required\nGoal.workspace\t",
            ),
        ],
        error: "added: `Goal.priority` with `u32, required`: readers refuse the events of older publishers",
    },
    Mutation {
        name: "order of the fields",
        edits: &[(OBJECTS, "Escalate { goal_id, reason }", "Escalate { reason, goal_id }")],
        error: "changed: `escalate` was `{\"kind\":\"escalate\",\"goal_id\":",
    },
    Mutation {
        name: "bytes of a time",
        edits: &[
            (TIME, "(0, _) => writer.put(&[b'.', a, b, c])?,", ""),
            (GOLDEN, "03.120Z", "03.120000Z"),
        ],
        error: "readers that compare, sign or hash an event see other bytes",
    },
];

/// A field that older publishers do not send and older readers ignore.
const ADDITION: [Edit; 3] = [
    (
        GOAL,
        "    /// Free-form metadata.",
        "    /// Deadline.\n    #[serde(default, skip_serializing_if = \"Option::is_none\")]\n    pub deadline: Option<String>,\n    /// Free-form metadata.",
    ),
    (
        OBJECTS,
        "workspace: omitted, metadata",
        "workspace: omitted, deadline: omitted, metadata",
    ),
    (
        GOAL_TABLE,
        "        Field::omitted_when_empty(",
        "        Field::omitted_when_none(\"deadline\", Shape::Text, \"Deadline.\").example(r#\"\"noon\"\"#),\n        Field::omitted_when_empty(",
    ),
];

#[test]
fn compiled_gate_fails_on_every_mutation_and_passes_a_blessed_addition() {
    // A fixed folder lets cargo reuse earlier builds. Concurrent runs wait for the lock.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("gate");
    fs::create_dir_all(&folder).unwrap();
    let lock = File::create(folder.join("lock")).unwrap();
    lock.lock().unwrap();

    let repository = copy_of_this_repository(&folder.join("repository"));
    let gate = |mode: &str| gate(&repository.root, &folder.join("target"), mode);
    let untouched = gate("--check");
    assert!(untouched.status.success(), "{}", stderr(&untouched));

    for Mutation { name, edits, error } in MUTATIONS {
        edit(&repository, edits);
        repository.commit_all();
        let output = gate("--check");
        assert!(!output.status.success(), "{name} passed");
        assert!(stderr(&output).contains(error), "{name}: {}", stderr(&output));
        repository.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    }

    edit(&repository, &ADDITION);
    let output = gate("--check");
    let error = "the list lacks `Goal.deadline` with `text, omitted if unset`";
    assert!(stderr(&output).contains(error), "{}", stderr(&output));
    let blessed = gate("--bless");
    assert!(blessed.status.success(), "{}", stderr(&blessed));
    let added = "- Contract: `Goal.deadline` (text, omitted if unset).\n";
    assert!(repository.read("CHANGELOG.md").contains(added));
    for _ in 0..2 {
        let passed = gate("--check");
        assert!(passed.status.success(), "{}", stderr(&passed));
        repository.commit_all();
    }
    repository.write("CHANGELOG.md", &repository.read("CHANGELOG.md").replace(added, ""));
    let output = gate("--check");
    let error = "the changelog does not name `Goal.deadline`";
    assert!(stderr(&output).contains(error), "{}", stderr(&output));
}

fn edit(repository: &Repository, edits: &[Edit]) {
    for (path, from, to) in edits {
        let text = repository.read(path);
        assert!(text.contains(from), "{from:?} is not in {path}");
        repository.write(path, &text.replace(from, to));
    }
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

fn gate(root: &Path, target: &Path, mode: &str) -> Output {
    let mut command = cargo(root);
    command.args(["xtask", "contract", mode]);
    command
        .env("CARGO_TARGET_DIR", target)
        .env("CARGO_PROFILE_DEV_DEBUG", "0");
    command.output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
