use std::fs;

use tempfile::tempdir;

use crate::support::{GOAL_RUN, escalate, run, run_with, sequenced};

fn ids(cloud_events: &str) -> Vec<String> {
    let id = |line: &str| {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        event["id"].as_str().unwrap().to_owned()
    };
    cloud_events.lines().map(id).collect()
}

/// The expected id was computed with another implementation.
#[test]
fn line_id_is_the_documented_uuid() {
    let input = format!("\n\n{}\r\n", escalate("x"));
    let arguments = [
        "publish",
        "--source-name",
        "run.ndjson",
        "--to",
        "stdout:?format=cloudevents",
    ];
    let ended = run_with(input.as_bytes(), arguments);
    assert_eq!(ids(ended.stdout()), ["dcd4eb00-c604-52d0-8643-7db1c4dc0db1"]);
}

#[test]
fn ids_do_not_depend_on_the_directory() {
    let folder = tempdir().unwrap();
    let publish = |name: &str, options: &[&str]| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, GOAL_RUN).unwrap();
        let arguments = ["publish", path.to_str().unwrap(), "--to", "stdout:?format=cloudevents"];
        let ended = run(arguments.iter().chain(options));
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        ids(ended.stdout())
    };
    let first = publish("one/run.ndjson", &[]);
    assert_eq!(first.len(), 44);
    assert_eq!(publish("one/run.ndjson", &[]), first);
    assert_eq!(publish("two/run.ndjson", &[]), first);
    assert_eq!(publish("other.ndjson", &["--source-name", "run.ndjson"]), first);
    assert!(publish("other.ndjson", &[]).iter().all(|id| !first.contains(id)));
}

#[test]
fn equal_lines_have_different_ids() {
    let input = format!("{0}\n{0}\n", escalate("again"));
    let ended = run_with(input.as_bytes(), ["publish", "--to", "stdout:?format=cloudevents"]);
    let ids = ids(ended.stdout());
    assert_eq!(ids.len(), 2);
    assert_ne!(ids[0], ids[1]);
}

#[test]
fn cloud_event_keeps_its_id_and_sequence() {
    let input = format!("{}\n{}\n", sequenced("mine", 7), escalate("bare"));
    let ended = run_with(input.as_bytes(), ["publish", "--to", "stdout:?format=cloudevents"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let event: serde_json::Value = serde_json::from_str(ended.stdout().lines().next().unwrap()).unwrap();
    assert_eq!(event["id"], "mine");
    assert_eq!(event["source"], "urn:test");
    assert_eq!(event["sequence"], "00000000000000000007");

    let bare = run_with(input.as_bytes(), ["publish", "--to", "stdout:"]);
    assert_eq!(bare.stdout(), format!("{}\n{}\n", escalate("mine"), escalate("bare")));
}

/// Agents in JavaScript cut texts inside an emoji. The bytes pass unchanged, and the id is that of the received bytes.
#[test]
fn lone_surrogates_pass_unchanged() {
    let input = [r"cut \ud83d", r"cut \udc00", r"ok \ud83d\ude00"]
        .map(escalate)
        .join("\n")
        + "\n";
    let ended = run_with(input.as_bytes(), ["publish", "--to", "stdout:"]);
    assert_eq!((ended.code, ended.stdout()), (0, &*input));
    let ended = run_with(input.as_bytes(), ["tail", "--from", "-", "--format", "json"]);
    assert_eq!((ended.code, ended.stdout()), (0, &*input));
    let ended = run_with(input.as_bytes(), ["tail", "--from", "-", "--format", "pretty"]);
    assert!(ended.stdout().contains("cut \u{fffd}"), "{}", ended.stdout());

    let cloud_events = |input: &str| {
        let ended = run_with(input.as_bytes(), ["publish", "--to", "stdout:?format=cloudevents"]);
        ended.stdout().to_owned()
    };
    let published = cloud_events(&input);
    assert!(published.contains(r#""reason":"cut \ud83d"}}"#), "{published}");
    assert_eq!(cloud_events(&published), published);
    let id = |reason: &str| {
        let line = cloud_events(&(escalate(reason) + "\n"));
        let (_, id) = line.split_once(r#""id":""#).unwrap();
        id[..36].to_owned()
    };
    assert_ne!(id(r"\ud83d"), id(r"\udc00"));
    assert_ne!(id(r"\ud83d"), id(r"\ufffd"));
}

#[test]
fn base64_event_keeps_its_id() {
    let event = r#"{"kind":"goal_paused"}"#;
    let line =
        r#"{"specversion":"1.0","id":"7","source":"s","type":"t","data_base64":"eyJraW5kIjoiZ29hbF9wYXVzZWQifQ=="}"#;
    let ended = run_with(line.as_bytes(), ["publish", "--to", "stdout:"]);
    assert_eq!((ended.code, ended.stdout()), (0, &*format!("{event}\n")));
    let ended = run_with(line.as_bytes(), ["publish", "--to", "stdout:?format=cloudevents"]);
    assert_eq!(ids(ended.stdout()), ["7"]);
}
