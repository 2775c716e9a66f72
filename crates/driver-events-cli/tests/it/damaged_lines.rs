use std::fs;

use tempfile::tempdir;

use crate::support::{GOAL_RUN, escalate, run_with};

#[test]
fn damaged_line_is_reported_and_the_others_delivered() {
    let lines: Vec<&str> = GOAL_RUN.lines().collect();
    let mut damaged = lines.clone();
    let line = lines[20].replacen(':', ";", 1);
    damaged[20] = &line;
    let folder = tempdir().unwrap();
    let input = folder.path().join("damaged.ndjson");
    fs::write(&input, damaged.join("\n") + "\n").unwrap();

    let ended = run_with(b"", ["publish", input.to_str().unwrap(), "--to", "stdout:"]);
    assert_eq!(ended.code, 1);
    let mut others = lines.clone();
    others.remove(20);
    assert_eq!(ended.stdout(), others.join("\n") + "\n");
    let (report, summary) = ended.stderr.split_once('\n').unwrap();
    let place = format!("{}:21:8: ", input.display());
    assert!(report.starts_with(&place) && report.len() > place.len(), "{report}");
    assert_eq!(summary, "43 events delivered to stdout:, 1 line rejected\n");
}

/// Covers every kind of malformed line and line ending.
#[test]
fn rejected_lines_are_kept_byte_for_byte() {
    let over_long = format!("{}\r\n", escalate(&"x".repeat(1_500_000)));
    let bad: [&[u8]; 6] = [
        b"no JSON\n",
        b"no JSON either\r\n",
        b"{\"kind\":\"escalate\",\"reason\":\"\xff\xfe\"}\n",
        over_long.as_bytes(),
        b"{\"kind\":\"escalate\"}\n",
        b"[]",
    ];
    let mut input = Vec::new();
    let mut good = Vec::new();
    for (number, line) in bad.iter().enumerate() {
        let event = escalate(&number.to_string()) + "\n";
        good.extend_from_slice(event.as_bytes());
        input.extend_from_slice(event.as_bytes());
        input.extend_from_slice(line);
    }
    let folder = tempdir().unwrap();
    let rejects = folder.path().join("rejects.ndjson");
    let arguments = ["publish", "--to", "stdout:", "--rejects", rejects.to_str().unwrap()];

    let ended = run_with(&input, arguments);
    assert_eq!(ended.code, 1);
    assert!(ended.stdout == good);
    assert!(fs::read(&rejects).unwrap() == bad.concat());
    let places: Vec<&str> = ended
        .stderr
        .lines()
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    assert_eq!(
        places,
        ["-:2:2:", "-:4:2:", "-:6:30:", "-:8:1:", "-:10:1:", "-:12:1:", "6"]
    );
    assert!(
        ended
            .stderr
            .ends_with("\n6 events delivered to stdout:, 6 lines rejected\n"),
        "{}",
        ended.stderr
    );
    assert!(
        ended.stderr.contains("-:8:1: line is longer than the limit of "),
        "{}",
        ended.stderr
    );

    // A line without an ending is terminated before the next one.
    run_with(b"more\n", arguments);
    assert!(fs::read(&rejects).unwrap() == [&bad.concat()[..], b"\nmore\n"].concat());
}

/// An unknown kind has no subject and so cannot be encoded as a CloudEvent.
#[test]
fn event_rejected_by_two_targets_is_kept_once() {
    let unknown = r#"{"kind":"goal_paused","goal_id":"6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01"}"#;
    let input = format!("{}\n{unknown}\r\n{}\n", escalate("one"), escalate("two"));
    let folder = tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (rejects, one, other) = (path("rejects"), path("one"), path("other"));
    let one_url = format!("file:{one}?format=cloudevents");
    let other_url = format!("file:{other}?format=cloudevents");
    let to = [
        "publish",
        "--to",
        &one_url,
        "--to",
        &other_url,
        "--to",
        "stdout:",
        "--rejects",
        &rejects,
    ];

    let ended = run_with(input.as_bytes(), to);
    assert_eq!(ended.code, 1);
    assert_eq!(ended.stdout(), input.replace('\r', ""));
    assert_eq!(fs::read_to_string(&rejects).unwrap(), format!("{unknown}\r\n"));
    assert_eq!(fs::read_to_string(&one).unwrap().lines().count(), 2);
    let lines: Vec<&str> = ended.stderr.lines().collect();
    assert!(
        lines[0].starts_with(&format!("-:2: {one_url}: unknown kind \"goal_paused\"")),
        "{}",
        lines[0]
    );
    assert!(lines[1].starts_with(&format!("-:2: {other_url}: ")), "{}", lines[1]);
    assert_eq!(
        lines[2..],
        [
            format!("2 events delivered to {one_url}, 1 line rejected"),
            format!("2 events delivered to {other_url}, 1 line rejected"),
            "3 events delivered to stdout:".to_owned(),
        ]
    );
}

#[test]
#[cfg(target_os = "linux")]
fn unwritable_rejects_file_stops_publish() {
    let input = format!("{}\nbad\n{}\n", escalate("one"), escalate("two"));
    let ended = run_with(
        input.as_bytes(),
        ["publish", "--to", "stdout:", "--rejects", "/dev/full"],
    );
    assert_eq!(ended.code, 1);
    assert_eq!(ended.stdout(), escalate("one") + "\n");
    let lines: Vec<&str> = ended.stderr.lines().collect();
    assert!(lines[0].starts_with("-:2:"), "{}", lines[0]);
    assert_eq!(
        lines[1..],
        [
            "error: cannot write to `/dev/full`: No space left on device (os error 28)",
            "stopped after line 1 of -",
            "1 event delivered to stdout:, 1 line rejected",
        ]
    );

    let ended = run_with(
        input.as_bytes(),
        ["publish", "--to", "stdout:", "--rejects", "/missing/rejects"],
    );
    assert_eq!((ended.code, ended.stdout()), (1, ""));
    assert_eq!(
        ended.stderr,
        "error: cannot open `/missing/rejects`: No such file or directory (os error 2)\n"
    );
}

/// File names and malformed lines may contain terminal control characters.
#[test]
fn diagnostics_escape_control_characters() {
    let ended = run_with(
        b"{\"kind\":\"escalate\",\"goal_id\":\"\x1b[31m\\u202e\"}\n",
        ["publish", "--to", "stdout:"],
    );
    assert_eq!(ended.code, 1);
    assert!(!ended.stderr.contains(['\x1b', '\u{202e}']), "{:?}", ended.stderr);

    let ended = run_with(b"", ["publish", "\x1b[31m", "--to", "stdout:"]);
    assert!(
        ended.stderr.starts_with("error: cannot open `\\u{1b}[31m`: "),
        "{:?}",
        ended.stderr
    );
}
