use std::fs::{self, OpenOptions};
use std::process::Stdio;

use tempfile::tempdir;

use crate::support::{GOAL_RUN, command, escalate, fixture, run, run_with};

#[test]
fn a_file_is_appended_to() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("events.ndjson");
    let url = format!("file:{}", path.display());
    for times in 1..=2 {
        let ended = run_with(GOAL_RUN.as_bytes(), ["publish", "--to", &url]);
        assert_eq!((ended.code, ended.stdout()), (0, ""));
        assert_eq!(ended.stderr, format!("44 events delivered to {url}\n"));
        assert_eq!(fs::read_to_string(&path).unwrap(), GOAL_RUN.repeat(times));
    }
}

#[test]
fn a_torn_last_line_does_not_swallow_the_next() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("events.ndjson");
    fs::write(&path, "{\"kind\":\"torn").unwrap();
    let ended = run_with(
        escalate("x").as_bytes(),
        ["publish", "--to", &format!("file:{}", path.display())],
    );
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        format!("{{\"kind\":\"torn\n{}\n", escalate("x"))
    );
}

#[test]
fn every_target_gets_every_event() {
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
    assert_eq!(fs::read_to_string(path("one")).unwrap(), GOAL_RUN);
    let pretty = fs::read_to_string(path("other")).unwrap();
    assert_eq!(pretty.lines().count(), 44);
    assert!(pretty.lines().next().unwrap().contains("goal_started") && !pretty.contains('\x1b'));
    let summary: Vec<&str> = ended.stderr.lines().collect();
    assert_eq!(
        summary,
        ["stdout:", &one, &other].map(|target| format!("44 events delivered to {target}"))
    );
}

/// `file:` is a URL: what has a meaning in it is escaped.
#[test]
fn paths_are_percent_decoded() {
    let folder = tempdir().unwrap();
    let url = format!("FILE://localhost{}/100%25%3f%20here", folder.path().display());
    let ended = run_with(GOAL_RUN.as_bytes(), ["publish", "--to", &url]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(fs::read_to_string(folder.path().join("100%? here")).unwrap(), GOAL_RUN);

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
fn a_target_that_cannot_be_opened_is_told_before_anything_is_sent() {
    let folder = tempdir().unwrap();
    let url = format!("file:{}/missing/events", folder.path().display());
    let ended = run_with(GOAL_RUN.as_bytes(), ["publish", "--to", "stdout:", "--to", &url]);
    assert_eq!((ended.code, ended.stdout()), (1, ""));
    assert_eq!(
        ended.stderr,
        format!("error: cannot open {url}: No such file or directory (os error 2)\n")
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_given_up_and_the_other_targets_go_on() {
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
    let told: Vec<&str> = ended.stderr.lines().collect();
    assert!(
        told[0].starts_with("warning: file:/dev/full: ") && told[0].contains("No space left"),
        "{}",
        told[0]
    );
    assert!(told[0].ends_with("; trying again for 100ms"), "{}", told[0]);
    assert!(
        told[1].starts_with("error: file:/dev/full: given up at -:1 or later: "),
        "{}",
        told[1]
    );
    let summary = [
        "0 events delivered to file:/dev/full, 44 not known to be delivered",
        "44 events delivered to stdout:",
    ];
    assert_eq!(told[2..], summary);

    let ended = run_with(
        GOAL_RUN.as_bytes(),
        ["publish", "--to", "file:/dev/full", "--timeout", "0s"],
    );
    assert_eq!(ended.code, 1);
    let told: Vec<&str> = ended.stderr.lines().collect();
    assert!(
        told[0].starts_with("error: file:/dev/full: given up at -:1 or later: "),
        "{}",
        told[0]
    );
    assert_eq!(told[1..], ["stopped before the first line of -", summary[0]]);
}

/// Otherwise each event that is written would be read again, without end.
#[test]
fn what_is_read_is_not_written_to() {
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
    for more in [["--to", &roundabout], ["--rejects", path]] {
        let ended = run(["publish", path, "--to", "stdout:"].iter().chain(&more));
        assert_eq!((ended.code, ended.stdout()), (2, ""), "{more:?}");
        assert_eq!(ended.stderr, format!("error: {path} is read and written at once\n"));
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
            let status = command(arguments)
                .stdin(stdin)
                .stdout(stdout)
                .stderr(Stdio::null())
                .status();
            assert_eq!(status.unwrap().code(), Some(2), "{arguments:?}");
        }
    }
    assert_eq!(fs::read_to_string(path).unwrap(), GOAL_RUN);
}

#[test]
fn rejects_are_kept_apart_from_events() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("events.ndjson");
    let url = format!("file:{}", path.display());
    let path = path.to_str().unwrap();
    // Before the file is there, and when it is.
    for _ in 0..2 {
        let ended = run_with(b"bad\n", ["publish", "--to", &url, "--rejects", path]);
        assert_eq!(ended.code, 2);
        assert_eq!(ended.stderr, format!("error: {url} is for rejects too\n"));
        fs::write(path, GOAL_RUN).unwrap();
    }
}

/// Standard output may have a place of its own in the file, and write over what the other appended.
#[test]
fn a_file_is_no_target_twice() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("events.ndjson");
    let url = format!("file:{}", path.display());
    // Before the file is there, and when it is.
    for _ in 0..2 {
        let ended = run_with(GOAL_RUN.as_bytes(), ["publish", "--to", &url, "--to", &url]);
        assert_eq!(ended.code, 2);
        assert_eq!(ended.stderr, format!("error: {url} and {url} are the same file\n"));
        fs::write(&path, "").unwrap();
    }
    if cfg!(unix) {
        let status = command(["publish", "--to", "stdout:", "--to", &url])
            .stdin(Stdio::null())
            .stdout(OpenOptions::new().write(true).open(&path).unwrap())
            .stderr(Stdio::null())
            .status();
        assert_eq!(status.unwrap().code(), Some(2));
    }
}
