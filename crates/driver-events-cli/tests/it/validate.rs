use std::fs;

use driver_events::DriverEvent;
use tempfile::tempdir;

use crate::support::{GOAL_RUN, escalate, fixture, run, run_with, sequenced};

const UNKNOWN_KIND: &str = r#"{"kind":"goal_paused","goal_id":"6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01"}"#;
const UNKNOWN_VALUE: &str =
    r#"{"kind":"extract_memories_skipped","goal_id":"6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01","reason":"on_holiday"}"#;

#[test]
fn valid_events_are_counted() {
    for (name, events) in [("goal-run.ndjson", 44), ("upstream-events.ndjson", 157)] {
        for options in [&[][..], &["--strict"]] {
            let file = fixture(name);
            let ended = run(["validate", file.to_str().unwrap()].iter().chain(options));
            let summary = format!("{events} events valid\n");
            assert_eq!(
                (ended.code, ended.stdout(), ended.stderr.as_str()),
                (0, "", summary.as_str())
            );
        }
    }
}

#[test]
fn malformed_lines_have_the_errors_of_the_library() {
    let damaged = [
        "no JSON".to_owned(),
        r#"{"kind":"escalate"}"#.to_owned(),
        escalate("x").replace("6f2c", "zzzz"),
        "[]".to_owned(),
        "\u{1b}[31m".to_owned(),
    ];
    let lines: Vec<_> = damaged
        .iter()
        .flat_map(|line| [escalate("fine"), line.clone()])
        .collect();
    let ended = run_with(lines.join("\n").as_bytes(), ["validate"]);
    assert_eq!((ended.code, ended.stdout()), (1, ""));
    let expected = damaged.iter().enumerate().map(|(index, line)| {
        let error = DriverEvent::from_json(line.as_bytes()).unwrap_err();
        format!("-:{}:{}: {}\n", 2 * index + 2, error.column(), error.reason())
    });
    let summary = "5 events valid, 5 lines malformed\n".to_owned();
    assert_eq!(ended.stderr, expected.chain([summary]).collect::<String>());
}

#[test]
fn events_of_a_newer_publisher_are_valid_unless_strict() {
    let cloud_event = sequenced("1", 1).replace(&escalate("1"), UNKNOWN_VALUE);
    let input = [UNKNOWN_KIND, UNKNOWN_VALUE, &cloud_event, &escalate("fine")].join("\n");
    let column = |line: &str, part: &str| line.find(part).unwrap() + 1;
    let reason = r#"extract_memories_skipped.reason: unknown ExtractSkipReason `on_holiday`"#;
    let expected = format!(
        "-:1:{}: goal_paused.kind: unknown event kind `goal_paused`\n-:2:{}: {reason}\n-:3:{}: {reason}\n\
         1 event valid, 3 of a newer publisher\n",
        column(UNKNOWN_KIND, r#""goal_paused""#),
        column(UNKNOWN_VALUE, r#""on_holiday""#),
        column(&cloud_event, r#""on_holiday""#),
    );
    for (arguments, code) in [(&["validate", "-"][..], 0), (&["validate", "--strict"], 1)] {
        let ended = run_with(input.as_bytes(), arguments);
        assert_eq!((ended.code, ended.stderr.as_str()), (code, expected.as_str()));
    }
}

#[test]
fn line_longer_than_the_limit_is_one_finding() {
    let input = format!("{}\n{}\n", escalate(&"x".repeat(2_500_000)), escalate("fine"));
    let ended = run_with(input.as_bytes(), ["validate"]);
    assert_eq!(ended.code, 1);
    assert!(
        ended.stderr.starts_with("-:1:1: line is longer than the limit of "),
        "{}",
        ended.stderr
    );
    assert!(
        ended.stderr.ends_with("\n1 event valid, 1 line malformed\n"),
        "{}",
        ended.stderr
    );
}

#[test]
fn missing_file_is_an_error_and_an_empty_one_is_valid() {
    let folder = tempdir().unwrap();
    let missing = folder.path().join("missing");
    let ended = run(["validate", missing.to_str().unwrap()]);
    assert_eq!(ended.code, 1);
    assert!(ended.stderr.starts_with("error: "), "{}", ended.stderr);
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    let empty = folder.path().join("empty");
    fs::write(&empty, "").unwrap();
    let ended = run(["validate", empty.to_str().unwrap()]);
    assert_eq!((ended.code, ended.stderr.as_str()), (0, "0 events valid\n"));
    assert!(run_with(GOAL_RUN.as_bytes(), ["validate"]).code == 0);
}
