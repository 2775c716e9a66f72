use std::fs::{self, OpenOptions};
use std::process::Stdio;

use tempfile::tempdir;

use crate::support::{GOAL_RUN, bare_lines, command, escalate, finish, fixture, run, run_with};

#[test]
fn file_is_appended_to() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("events.ndjson");
    let url = format!("file:{}", path.display());
    for times in 1..=2 {
        let ended = run_with(GOAL_RUN.as_bytes(), ["publish", "--to", &url]);
        assert_eq!((ended.code, ended.stdout()), (0, ""));
        assert_eq!(ended.stderr, format!("44 events delivered to {url}\n"));
        assert_eq!(bare_lines(&path), GOAL_RUN.repeat(times));
    }
}

#[test]
fn partial_last_line_is_terminated() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("events.ndjson");
    fs::write(&path, "{\"kind\":\"torn").unwrap();
    let ended = run_with(
        escalate("x").as_bytes(),
        ["publish", "--to", &format!("file:{}", path.display())],
    );
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(bare_lines(&path), format!("{{\"kind\":\"torn\n{}\n", escalate("x")));
}

#[test]
fn every_target_receives_every_event() {
    let folder = tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (one, other) = (
        format!("file:{}", path("one")),
        format!("file://{}?format=pretty", path("other")),
    );
    let run_file = fixture("goal-run.ndjson");
    let run_file = run_file.to_str().unwrap();
    let ended = run(["publish", run_file, "--to", "stdout:", "--to", &one, "--to", &other]);
    assert_eq!((ended.code, ended.stdout()), (0, GOAL_RUN));
    assert_eq!(bare_lines(path("one")), GOAL_RUN);
    let pretty = fs::read_to_string(path("other")).unwrap();
    assert_eq!(pretty.lines().count(), 44);
    assert!(pretty.lines().next().unwrap().contains("goal_started") && !pretty.contains('\x1b'));
    let summary: Vec<&str> = ended.stderr.lines().collect();
    assert_eq!(
        summary,
        ["stdout:", &one, &other].map(|target| format!("44 events delivered to {target}"))
    );
}

/// `file:` is a URL, so special characters are percent-encoded.
#[test]
fn paths_are_percent_decoded() {
    let folder = tempdir().unwrap();
    let url = format!("FILE://localhost{}/100%25%3f%20here", folder.path().display());
    let ended = run_with(GOAL_RUN.as_bytes(), ["publish", "--to", &url]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(bare_lines(folder.path().join("100%? here")), GOAL_RUN);

    let ended = run(["tail", "--from", &url, "--count", "1"]);
    assert_eq!(ended.stdout(), format!("{}\n", GOAL_RUN.lines().next().unwrap()));
}

#[cfg(target_os = "linux")]
#[test]
fn paths_need_not_be_utf_8() {
    use std::ffi::{OsStr, OsString};
    use std::os::unix::ffi::OsStrExt;

    let folder = tempdir().unwrap();
    let path = folder.path().join(OsStr::from_bytes(b"run-\xff.ndjson"));
    let mut url = OsString::from("file:");
    url.push(&path);
    let ended = run_with(GOAL_RUN.as_bytes(), [OsStr::new("publish"), OsStr::new("--to"), &url]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let ended = run([
        OsStr::new("publish"),
        path.as_os_str(),
        OsStr::new("--to"),
        OsStr::new("stdout:"),
    ]);
    assert_eq!((ended.code, ended.stdout()), (0, GOAL_RUN));
}

#[test]
fn unopenable_target_fails_before_publishing() {
    let folder = tempdir().unwrap();
    let url = format!("file:{}/missing/events", folder.path().display());
    let ended = run_with(GOAL_RUN.as_bytes(), ["publish", "--to", "stdout:", "--to", &url]);
    assert_eq!((ended.code, ended.stdout()), (1, ""));
    assert_eq!(
        ended.stderr,
        format!("error: cannot open `{url}`: No such file or directory (os error 2)\n")
    );
}

#[cfg(target_os = "linux")]
#[test]
fn full_disk_does_not_stop_other_targets() {
    let ended = run_with(
        GOAL_RUN.as_bytes(),
        [
            "publish",
            "--to",
            "file:/dev/full",
            "--to",
            "stdout:",
            "--timeout",
            "100ms",
        ],
    );
    assert_eq!((ended.code, ended.stdout()), (1, GOAL_RUN));
    let lines: Vec<&str> = ended.stderr.lines().collect();
    assert!(
        lines[0].starts_with("warning: file:/dev/full: ") && lines[0].contains("No space left"),
        "{}",
        lines[0]
    );
    assert!(lines[0].ends_with("; retrying for 100ms"), "{}", lines[0]);
    assert!(
        lines[1].starts_with("error: file:/dev/full: gave up at -:1 or later: "),
        "{}",
        lines[1]
    );
    let summary = [
        "0 events delivered to file:/dev/full, 44 unconfirmed",
        "44 events delivered to stdout:",
    ];
    assert_eq!(lines[2..], summary);

    let ended = run_with(
        GOAL_RUN.as_bytes(),
        ["publish", "--to", "file:/dev/full", "--timeout", "0s"],
    );
    assert_eq!(ended.code, 1);
    let lines: Vec<&str> = ended.stderr.lines().collect();
    assert!(
        lines[0].starts_with("error: file:/dev/full: gave up at -:1 or later: "),
        "{}",
        lines[0]
    );
    assert_eq!(lines[1..], ["stopped at line 1 of - or later", summary[0]]);
}

/// Each published event would be read again, without end.
#[test]
fn input_cannot_be_a_target() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("events.ndjson");
    fs::write(&path, GOAL_RUN).unwrap();
    let hard_link = folder.path().join("linked.ndjson");
    fs::hard_link(&path, &hard_link).unwrap();
    let path = path.to_str().unwrap();
    let roundabout = format!(
        "file:{}/../{}/events.ndjson",
        folder.path().display(),
        folder.path().file_name().unwrap().display()
    );
    let linked = format!("file:{}", hard_link.display());
    for options in [["--to", &roundabout], ["--rejects", path]] {
        let ended = run(["publish", path, "--to", "stdout:"].iter().chain(&options));
        assert_eq!((ended.code, ended.stdout()), (2, ""), "{options:?}");
        assert_eq!(ended.stderr, format!("error: `{path}` is both input and output\n"));
    }
    if cfg!(unix) {
        let file = || OpenOptions::new().read(true).append(true).open(path).unwrap();
        let looped: [(&[&str], Stdio, Stdio); 4] = [
            (&["publish", path, "--to", &linked], Stdio::null(), Stdio::null()),
            (&["publish", "--to", &linked], file().into(), Stdio::null()),
            (&["publish", path, "--to", "stdout:"], Stdio::null(), file().into()),
            (&["tail", "--from", &linked], Stdio::null(), file().into()),
        ];
        for (arguments, stdin, stdout) in looped {
            let ended = finish(command(arguments).stdin(stdin).stdout(stdout));
            assert_eq!(ended.code, 2, "{arguments:?}");
            let reason = "` is both input and output\n";
            assert!(ended.stderr.ends_with(reason), "{arguments:?}: {}", ended.stderr);
        }
    }
    assert_eq!(fs::read_to_string(path).unwrap(), GOAL_RUN);
}

#[test]
fn rejects_file_cannot_be_a_target() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("events.ndjson");
    let url = format!("file:{}", path.display());
    let path = path.to_str().unwrap();
    // The file does not exist in the first round.
    for _ in 0..2 {
        let ended = run_with(b"bad\n", ["publish", "--to", &url, "--rejects", path]);
        assert_eq!(ended.code, 2);
        assert_eq!(
            ended.stderr,
            format!("error: `{url}` is both a target and the rejects file\n")
        );
        fs::write(path, GOAL_RUN).unwrap();
    }
}

/// Standard output has its own position in the file, and could overwrite appended lines.
#[test]
fn file_cannot_be_two_targets() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("events.ndjson");
    let url = format!("file:{}", path.display());
    // The file does not exist in the first round.
    for _ in 0..2 {
        let ended = run_with(GOAL_RUN.as_bytes(), ["publish", "--to", &url, "--to", &url]);
        assert_eq!(ended.code, 2);
        assert_eq!(
            ended.stderr,
            format!("error: targets `{url}` and `{url}` are the same file\n")
        );
        fs::write(&path, "").unwrap();
    }
    if cfg!(unix) {
        let stdout = OpenOptions::new().write(true).open(&path).unwrap();
        let ended = finish(command(["publish", "--to", "stdout:", "--to", &url]).stdout(stdout));
        let error = format!("error: targets `stdout:` and `{url}` are the same file\n");
        assert_eq!((ended.code, ended.stderr), (2, error));
    }
}
