//! Spools: publishing into them, and the command `spool`.

use std::fs;
use std::path::Path;

use crate::support::{Running, escalate, fixture, run};

/// URL of a spool in this folder that delivers to a file.
fn url(folder: &Path, target: &str) -> String {
    format!(
        "spool:{}?to=file:{}",
        folder.join("events.db").display(),
        folder.join(target).display()
    )
}

fn path(folder: &Path) -> String {
    folder.join("events.db").display().to_string()
}

/// A spool with the events of the fixture, whose target is in a folder that does not exist.
fn with_backlog(folder: &Path) {
    let ended = run([
        "publish".as_ref(),
        fixture("goal-run.ndjson").as_os_str(),
        "--timeout=1ms".as_ref(),
        "--to".as_ref(),
        url(folder, "none/a.ndjson").as_ref(),
    ]);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    assert!(
        ended.stderr.contains("they stay in the spool for the next start"),
        "{}",
        ended.stderr
    );
    assert!(ended.stderr.contains("44 events kept by spool:"), "{}", ended.stderr);
}

#[test]
fn published_events_are_delivered() {
    let folder = tempfile::tempdir().unwrap();
    let ended = run([
        "publish".as_ref(),
        fixture("goal-run.ndjson").as_os_str(),
        "--to".as_ref(),
        url(folder.path(), "a.ndjson?format=json")
            .replace("?format", "%3Fformat")
            .as_ref(),
    ]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let published = fs::read_to_string(fixture("goal-run.ndjson")).unwrap();
    assert_eq!(fs::read_to_string(folder.path().join("a.ndjson")).unwrap(), published);
}

#[test]
fn backlog_is_listed_shown_and_drained() {
    let folder = tempfile::tempdir().unwrap();
    with_backlog(folder.path());
    let path = path(folder.path());
    let target = format!("file:{}", folder.path().join("none/a.ndjson").display());

    let list = run(["spool", "ls", &path]);
    assert_eq!((list.code, list.stdout().lines().count()), (0, 44), "{}", list.stderr);
    let first: Vec<_> = list.stdout().lines().next().unwrap().split('\t').collect();
    assert_eq!((first[0], first[2], first[5]), ("1", "goal_started", &*target));
    assert_eq!(run(["spool", "ls", &path, "--limit", "7"]).stdout().lines().count(), 7);
    assert_eq!(run(["spool", "ls", &path, "--dead"]).stdout(), "");

    let shown = run(["spool", "show", &path, first[4]]);
    let json = fs::read_to_string(fixture("goal-run.ndjson")).unwrap();
    assert!(
        shown.stdout().ends_with(&format!("{}\n", json.lines().next().unwrap())),
        "{}",
        shown.stdout()
    );
    assert!(
        shown.stdout().contains("subject      agent.driver.goal"),
        "{}",
        shown.stdout()
    );
    let unknown = run(["spool", "show", &path, "none"]);
    assert_eq!(
        (unknown.code, &*unknown.stderr),
        (1, "error: there is no event with the id `none`\n")
    );

    let stats = run(["spool", "stats", &path, "--json"]);
    let stats: serde_json::Value = serde_json::from_str(stats.stdout()).unwrap();
    assert_eq!((&stats["events"], &stats["dead_letters"]), (&44.into(), &0.into()));
    assert_eq!(
        (&stats["targets"][0]["name"], &stats["targets"][0]["depth"]),
        (&(*target).into(), &44.into())
    );
    let plain = run(["spool", "stats", &path]);
    assert!(
        plain
            .stdout()
            .contains(&format!("{target}: 44 to deliver, the oldest for ")),
        "{}",
        plain.stdout()
    );

    let read = run(["tail", "--from", &format!("spool:{path}"), "--format", "json"]);
    assert_eq!((read.code, read.stdout()), (0, &*json));

    let failed = run(["spool", "drain", &path, "--to", &target, "--timeout", "1ms"]);
    assert_eq!(failed.code, 1);
    assert!(
        failed
            .stderr
            .contains(&format!("error: {target}: cannot open the target")),
        "{}",
        failed.stderr
    );
    fs::create_dir(folder.path().join("none")).unwrap();
    let drained = run(["spool", "drain", &path, "--to", &target]);
    assert_eq!(
        (drained.code, &*drained.stderr),
        (0, &*format!("44 events delivered to {target}\n"))
    );
    assert_eq!(
        fs::read_to_string(folder.path().join("none/a.ndjson"))
            .unwrap()
            .lines()
            .count(),
        44
    );
    assert_eq!(run(["spool", "ls", &path]).stdout(), "");
}

#[test]
fn drain_knows_a_target_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    with_backlog(folder.path());
    let path = path(folder.path());
    let old = format!("file:{}", folder.path().join("none/a.ndjson").display());
    let new = format!("file:{}", folder.path().join("b.ndjson").display());
    let drained = run(["spool", "drain", &path, "--to", &new, "--as", &old]);
    assert_eq!(drained.code, 0, "{}", drained.stderr);
    assert_eq!(run(["spool", "ls", &path]).stdout(), "");
    let usage = run(["spool", "drain", &path, "--to", &new, "--as", "a", "--as", "b"]);
    assert_eq!(
        (usage.code, &*usage.stderr),
        (2, "error: --as must be given once for each --to\n")
    );
}

/// Reading and settling work beside the owner, draining does not.
#[test]
fn owner_keeps_the_spool() {
    let folder = tempfile::tempdir().unwrap();
    let mut owner = Running::start([
        "publish",
        "--to",
        &url(folder.path(), "none/a.ndjson"),
        "--timeout",
        "1ms",
    ]);
    owner.write(&(escalate("first") + "\n"));
    let path = path(folder.path());
    let source = format!("spool:{path}");
    while run(["spool", "ls", &path]).stdout().lines().count() < 1 {}
    let mut reader = Running::start([
        "tail", "--from", &source, "--follow", "--count", "2", "--format", "json",
    ]);
    assert!(reader.stdout_line().contains("first"));
    owner.write(&(escalate("second") + "\n"));
    assert!(reader.stdout_line().contains("second"));
    reader.close_stdin();
    assert_eq!(reader.wait().code, 0);

    let refused = run(["spool", "drain", &path, "--to", "file:/dev/null"]);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("is in use by process "), "{}", refused.stderr);
    owner.close_stdin();
    assert_eq!(owner.wait().code, 1);
}

#[test]
fn dead_letters_are_retried_and_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(folder.path());
    // A file refuses no event, so a row is damaged instead.
    with_backlog(folder.path());
    let mut bytes = fs::read(folder.path().join("events.db")).unwrap();
    let text = b"\"kind\":\"escalate\"";
    let at = bytes.windows(text.len()).position(|window| window == text).unwrap();
    bytes[at + 9] = b'E';
    fs::write(folder.path().join("events.db"), bytes).unwrap();
    fs::create_dir(folder.path().join("none")).unwrap();
    let target = format!("file:{}", folder.path().join("none/a.ndjson").display());
    let drained = run(["spool", "drain", &path, "--to", &target]);
    assert_eq!(drained.code, 1, "{}", drained.stderr);
    assert!(
        drained.stderr.contains("1 new dead letter, see `ls --dead`"),
        "{}",
        drained.stderr
    );

    let list = run(["spool", "ls", &path, "--dead"]);
    let line: Vec<_> = list.stdout().trim_end().split('\t').collect();
    assert_eq!(
        (line[0], line[2], line[5], line[6]),
        ("1", "damaged", &*target, "damaged")
    );
    let retried = run(["spool", "retry", &path, "1", "2"]);
    let expected = "1 dead letter will be delivered again\nerror: 1 number not found\n";
    assert_eq!((retried.code, &*retried.stderr), (1, expected));
    assert_eq!(run(["spool", "ls", &path]).stdout().lines().count(), 1);
    run(["spool", "drain", &path, "--to", &target]);
    let dropped = run(["spool", "drop", &path, "--all"]);
    assert_eq!((dropped.code, &*dropped.stderr), (0, "1 dead letter dropped\n"));
    assert_eq!(run(["spool", "ls", &path, "--dead"]).stdout(), "");
    assert_eq!(run(["spool", "drop", &path]).code, 2);
}

#[test]
fn files_that_are_no_spool_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(folder.path());
    for command in ["ls", "stats"] {
        let ended = run(["spool", command, &path]);
        let expected = format!("error: {path}: there is no spool in {path}\n");
        assert_eq!((ended.code, ended.stderr), (1, expected));
    }
    let drained = run(["spool", "drain", &path, "--to", "stdout:"]);
    assert_eq!(
        (drained.code, drained.stderr),
        (1, format!("error: {path}: there is no spool in {path}\n"))
    );
    assert!(!Path::new(&path).exists());
    fs::write(&path, "").unwrap();
    assert_eq!(
        run(["spool", "drain", &path, "--to", "stdout:"]).code,
        1,
        "an empty file is no spool"
    );
    let tail = run(["tail", "--from", &format!("spool:{path}")]);
    assert_eq!(tail.code, 1);
    let secret = run(["publish", "--to", "spool:a.db?to=amqp%3A%2F%2Fada%3As3cret%40h"]);
    assert_eq!(secret.code, 2);
    assert!(!secret.stderr.contains("s3cret"), "{}", secret.stderr);
}

#[test]
fn damage_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    with_backlog(folder.path());
    let path = path(folder.path());
    let mut bytes = fs::read(&path).unwrap();
    let end = bytes.len();
    bytes[end - 4_096..].fill(0xa5);
    fs::write(&path, bytes).unwrap();
    let target = format!("file:{}", folder.path().join("none/a.ndjson").display());
    let copy = format!("file:{}", folder.path().join("b.ndjson").display());
    let drained = run(["spool", "drain", &path, "--to", &copy, "--as", &target]);
    assert_eq!(drained.code, 1, "{}", drained.stderr);
    assert!(
        drained.stderr.contains("error: the file is damaged: it is now "),
        "{}",
        drained.stderr
    );
    let delivered = fs::read_to_string(folder.path().join("b.ndjson"))
        .unwrap()
        .lines()
        .count();
    assert!(
        delivered > 0 && delivered < 44,
        "{delivered}: what precedes the damage is delivered"
    );

    fs::write(&path, "garbage".repeat(1_000)).unwrap();
    let published = run(["publish", "/dev/null", "--to", &url(folder.path(), "c.ndjson")]);
    assert_eq!(published.code, 0, "{}", published.stderr);
    assert!(
        published.stderr.contains("the file was damaged and is now "),
        "{}",
        published.stderr
    );
}
