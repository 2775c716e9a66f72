use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use driver_events::{EventKind, schema};
use serde_json::Value;
use tempfile::tempdir;

use crate::support::{Ended, GOAL_RUN, bare_lines, finish};

const README: &str = include_str!("../../README.md");

/// Checks the output and the files of one example.
type Check = fn(&Ended, &Path);

/// Returns the code blocks of this language.
fn blocks(language: &str) -> Vec<&'static str> {
    let fence = format!("```{language}\n");
    let blocks = README.split(fence.as_str()).skip(1);
    blocks.map(|rest| rest.split("```").next().unwrap()).collect()
}

/// The blocks are run unchanged, in order, in a directory that contains `run.ndjson`.
#[test]
fn examples_print_the_documented_output() {
    let checks: [(&str, Check); 6] = [
        ("driver-events demo", assert_demo),
        ("driver-events publish run.ndjson", assert_publish),
        ("driver-events tail --from file:events.ndjson", assert_tail),
        ("driver-events subjects", assert_subjects),
        ("driver-events validate run.ndjson", assert_schemas),
        ("driver-events completions bash", assert_shell),
    ];
    let blocks = blocks("sh");
    assert_eq!(blocks.len(), checks.len());
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("run.ndjson"), GOAL_RUN).unwrap();
    let binary = Path::new(env!("CARGO_BIN_EXE_driver-events"));
    let mut path = vec![binary.parent().unwrap().to_owned()];
    path.extend(env::split_paths(&env::var_os("PATH").unwrap()));
    for (block, (start, check)) in blocks.into_iter().zip(checks) {
        assert!(block.starts_with(start), "{block}");
        let mut shell = Command::new("sh");
        shell
            .args(["-eu", "-c", block])
            .current_dir(folder.path())
            .env("PATH", env::join_paths(&path).unwrap())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let ended = finish(&mut shell);
        assert_eq!(ended.code, 0, "{block}{}", ended.stderr);
        check(&ended, folder.path());
    }
}

fn assert_demo(ended: &Ended, _: &Path) {
    let kinds = GOAL_RUN.lines().map(|line| {
        let event: Value = serde_json::from_str(line).unwrap();
        event["kind"].as_str().unwrap().to_owned()
    });
    assert_eq!(ended.stdout().lines().count(), kinds.clone().count());
    for (line, kind) in ended.stdout().lines().zip(kinds) {
        assert!(line.contains(&kind), "{line}");
    }
}

fn assert_publish(ended: &Ended, folder: &Path) {
    assert_eq!(ended.stdout(), GOAL_RUN);
    assert_eq!(bare_lines(folder.join("events.ndjson")), GOAL_RUN);
    let summary = "44 events delivered to stdout:\n44 events delivered to file:events.ndjson\n";
    assert_eq!(ended.stderr, summary);
}

fn assert_tail(ended: &Ended, _: &Path) {
    let is_selected =
        |line: &&str| line.starts_with(r#"{"kind":"decision""#) || line.starts_with(r#"{"kind":"escalate""#);
    let count = GOAL_RUN.lines().filter(is_selected).count();
    let lines: Vec<&str> = ended.stdout().lines().collect();
    let (pretty, json) = lines.split_at(count);
    for line in pretty {
        let kind = line.split_whitespace().nth(2).unwrap();
        assert!(["decision", "escalate"].contains(&kind), "{line}");
    }
    let goal = "6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a03";
    let expected: Vec<&str> = GOAL_RUN.lines().filter(|line| line.contains(goal)).take(3).collect();
    assert_eq!(json, expected);
    assert_eq!(json.len(), 3);
}

fn assert_subjects(ended: &Ended, _: &Path) {
    let (list, json) = ended.stdout().split_at(ended.stdout().find('[').unwrap());
    assert!(list.starts_with("goal_started\tagent.driver.goal.started\n"), "{list}");
    let json: Value = serde_json::from_str(json).unwrap();
    assert_eq!(json.as_array().unwrap().len(), list.lines().count());
    assert_eq!(json[0]["topic"], "agent.driver");
}

fn assert_schemas(ended: &Ended, folder: &Path) {
    assert_eq!(ended.stderr, "44 events valid\n");
    assert_eq!(ended.stdout(), EventKind::Escalate.schema());
    let written = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    assert_eq!(written("event.strict.json"), schema::STRICT_EVENT);
    assert_eq!(written("asyncapi.json"), schema::ASYNCAPI);
}

fn assert_shell(ended: &Ended, folder: &Path) {
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    assert!(read("completions.bash").contains("complete -F _driver__events "));
    assert!(read("driver-events-publish.1").contains(".TH driver-events-publish 1"));
    assert!(ended.stdout().contains("\nUsage: driver-events <COMMAND>\n"));
}

/// Without a server or a spool the examples fail, but not with a usage error.
#[cfg(all(feature = "nats", feature = "kafka", feature = "spool"))]
#[test]
fn server_examples_are_valid_commands() {
    let examples = blocks("console").into_iter().flat_map(str::lines);
    let examples: Vec<&str> = examples
        .filter_map(|line| line.strip_prefix("$ driver-events "))
        .collect();
    assert!(examples.len() >= 4, "{examples:?}");
    for example in examples {
        let example = example.replace(":4222", ":1").replace(":9092", ":1");
        let ended = crate::support::run(example.split(' '));
        assert_eq!(ended.code, 1, "{example}: {}", ended.stderr);
        let is_expected = [
            "error: cannot open `",
            "error: /var/lib/agent/events.db: there is no spool",
        ];
        let is_expected = is_expected.iter().any(|start| ended.stderr.starts_with(start));
        assert!(is_expected, "{}", ended.stderr);
    }
}
