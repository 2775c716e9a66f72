use crate::support::{GOAL_RUN, escalate, fixture, run, run_with, sequenced};

const FIRST_GOAL: &str = "6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01";
const LAST_GOAL: &str = "6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a03";

fn lines_with(texts: &[&str]) -> String {
    let chosen = GOAL_RUN
        .lines()
        .filter(|line| texts.iter().any(|text| line.contains(text)));
    chosen.map(|line| format!("{line}\n")).collect()
}

#[test]
fn events_are_printed_unchanged() {
    let url = format!("file:{}", fixture("goal-run.ndjson").display());
    let ended = run(["tail", "--from", &url]);
    assert_eq!((ended.code, ended.stdout(), ended.stderr.as_str()), (0, GOAL_RUN, ""));
    let ended = run_with(GOAL_RUN.as_bytes(), ["tail", "--from", "-"]);
    assert_eq!((ended.code, ended.stdout()), (0, GOAL_RUN));
}

#[test]
fn goals_and_kinds_filter() {
    let goals = run_with(GOAL_RUN.as_bytes(), ["tail", "--from", "-", "--goal", LAST_GOAL]);
    assert_eq!((goals.code, goals.stdout()), (0, lines_with(&[LAST_GOAL]).as_str()));

    let two = run_with(
        GOAL_RUN.as_bytes(),
        ["tail", "--from", "-", "--goal", LAST_GOAL, "--goal", FIRST_GOAL],
    );
    assert_eq!(two.stdout(), lines_with(&[LAST_GOAL, FIRST_GOAL]));

    let kinds = ["tail", "--from", "-", "--kind", "escalate", "--kind", "acceptance"];
    let kinds = run_with(GOAL_RUN.as_bytes(), kinds);
    let expected = lines_with(&["{\"kind\":\"escalate\",\"goal_id\"", "{\"kind\":\"acceptance\""]);
    assert_eq!(kinds.stdout(), expected);
    assert_eq!(expected.lines().count(), 3);

    let both = ["tail", "--from", "-", "--kind", "goal_completed", "--goal", LAST_GOAL];
    assert_eq!(run_with(GOAL_RUN.as_bytes(), both).stdout().lines().count(), 1);
}

#[test]
fn unknown_kind_filters_with_a_warning() {
    let line = r#"{"kind":"goal_paused","goal_id":"6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01"}"#;
    let input = format!("{GOAL_RUN}{line}\n");
    let ended = run_with(input.as_bytes(), ["tail", "--from", "-", "--kind", "goal_paused"]);
    assert_eq!((ended.code, ended.stdout()), (0, format!("{line}\n").as_str()));
    let warning = "warning: kind `goal_paused` is unknown to this version; its events are printed nevertheless\n";
    assert_eq!(ended.stderr, warning);
}

#[test]
fn count_limits_printed_events() {
    let input = format!("bad\n{GOAL_RUN}");
    let ended = run_with(GOAL_RUN.as_bytes(), ["tail", "--from", "-", "--count", "3"]);
    let three: String = GOAL_RUN.lines().take(3).map(|line| format!("{line}\n")).collect();
    assert_eq!((ended.code, ended.stdout()), (0, three.as_str()));

    let ended = run_with(
        input.as_bytes(),
        ["tail", "--from", "-", "--count", "1", "--kind", "escalate"],
    );
    assert_eq!(ended.code, 1);
    assert_eq!(ended.stdout(), lines_with(&["{\"kind\":\"escalate\",\"goal_id\""]));
}

#[test]
fn format_is_applied() {
    let pretty = run_with(GOAL_RUN.as_bytes(), ["tail", "--from", "-", "--format", "pretty"]);
    assert_eq!(pretty.stdout().lines().count(), 44);
    assert!(!pretty.stdout().contains('\x1b'));
    let first = pretty.stdout().lines().next().unwrap();
    assert!(first.starts_with("--:--:--.---  6a0c1a01  goal_started  "), "{first}");

    let cloud = run_with(
        sequenced("mine", 1).as_bytes(),
        ["tail", "--from", "-", "--format", "cloudevents"],
    );
    let event: serde_json::Value = serde_json::from_str(cloud.stdout()).unwrap();
    assert_eq!((&event["id"], &event["source"]), (&"mine".into(), &"urn:test".into()));
}

#[test]
fn malformed_line_is_reported_and_skipped() {
    let input = format!("{}\n{{\"kind\":1}}\n{}\n", escalate("one"), escalate("two"));
    let ended = run_with(input.as_bytes(), ["tail", "--from", "-"]);
    assert_eq!(ended.code, 1);
    assert_eq!(ended.stdout(), format!("{}\n{}\n", escalate("one"), escalate("two")));
    assert!(
        ended.stderr.starts_with("-:2:") && ended.stderr.lines().count() == 1,
        "{}",
        ended.stderr
    );
}

#[test]
fn unprintable_event_is_reported_and_skipped() {
    let unknown = r#"{"kind":"goal_paused"}"#;
    let input = format!("{unknown}\n{}\n{unknown}\n", escalate("one"));
    let ended = run_with(
        input.as_bytes(),
        ["tail", "--from", "-", "--format", "cloudevents", "--count", "1"],
    );
    assert_eq!((ended.code, ended.stdout().lines().count()), (1, 1));
    assert!(
        ended.stderr.starts_with("-:1: unknown kind \"goal_paused\""),
        "{}",
        ended.stderr
    );
    assert_eq!(ended.stderr.lines().count(), 1);
}

#[test]
fn gaps_duplicates_and_late_events_are_reported() {
    let lines = [1, 2, 5, 4, 4, 7].map(|number| sequenced(&format!("event-{number}"), number));
    let input = lines.join("\n");
    let ended = run_with(input.as_bytes(), ["tail", "--from", "-"]);
    assert_eq!(ended.code, 0);
    assert_eq!(ended.stdout().lines().count(), 6);
    let goal = format!("goal {FIRST_GOAL}, run run-1");
    let reports = [
        format!("-:3: {goal}: missing sequence numbers 3 to 4\n"),
        format!("-:4: {goal}: late sequence number 4\n"),
        format!("-:5: {goal}: duplicate sequence number 4\n"),
        format!("-:6: {goal}: missing sequence number 6\n"),
    ];
    assert_eq!(ended.stderr, reports.concat());

    // With a filter, gaps are expected.
    let filtered = run_with(input.as_bytes(), ["tail", "--from", "-", "--goal", FIRST_GOAL]);
    assert_eq!(filtered.stdout().lines().count(), 6);
    assert_eq!(filtered.stderr, reports[2]);
}

#[test]
fn missing_source_fails() {
    for more in [&[][..], &["--follow"]] {
        let ended = run(["tail", "--from", "file:/missing/events"].iter().chain(more));
        assert_eq!((ended.code, ended.stdout()), (1, ""));
        assert_eq!(
            ended.stderr,
            "error: cannot open `file:/missing/events`: No such file or directory (os error 2)\n"
        );
    }
}

#[cfg(target_os = "linux")]
#[test]
fn unwritable_stdout_fails() {
    use std::fs::File;

    use crate::support::{command, finish};

    let full = File::create("/dev/full").unwrap();
    let url = format!("file:{}", fixture("goal-run.ndjson").display());
    let ended = finish(command(["tail", "--from", &url]).stdout(full));
    assert_eq!(ended.code, 1);
    assert!(
        ended.stderr.starts_with("error: cannot print: ") && ended.stderr.contains("No space left on device"),
        "{}",
        ended.stderr
    );
}
