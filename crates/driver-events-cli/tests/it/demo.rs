use std::fs;

use crate::support::{GOAL_RUN, fixture, run};

#[test]
fn demo_run_is_the_contract_fixture() {
    assert!(GOAL_RUN == fs::read_to_string(fixture("goal-run.ndjson")).unwrap());
}

#[test]
fn run_is_printed_with_increasing_times() {
    let ended = run(["demo", "--speed", "0.01"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    let lines: Vec<&str> = ended.stdout().lines().collect();
    assert_eq!(lines.len(), 44);
    let times: Vec<&str> = lines.iter().map(|line| &line[..12]).collect();
    assert!(times.is_sorted(), "{times:?}");
    // Recorded times.
    assert_eq!((times[4], times[39]), ("09:30:12.250", "09:37:01.000"));
    // Times before the first recorded one, between two and after the last one.
    assert_eq!(
        (times[0], times[8], times[43]),
        ("09:30:08.250", "09:31:43.515", "09:37:05.000")
    );
    for (line, event) in lines.iter().zip(GOAL_RUN.lines()) {
        let event: serde_json::Value = serde_json::from_str(event).unwrap();
        assert!(line.contains(event["kind"].as_str().unwrap()), "{line}");
    }
}

#[test]
fn invalid_speed_is_a_usage_error() {
    for speed in ["0", "-1", "nan", "inf", "1e9", "fast"] {
        let ended = run(["demo", &format!("--speed={speed}")]);
        assert_eq!((ended.code, ended.stdout()), (2, ""), "{speed}");
        assert!(ended.stderr.contains("'--speed <FACTOR>': "), "{}", ended.stderr);
    }
}
