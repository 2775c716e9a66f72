use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;

use driver_events_core::{DriverEventSink, MemoryEventSink, SetupErrorKind, SinkErrorKind};
use driver_events_spool::SpooledSink;
use rusqlite::Connection;

use crate::support::{Directory, Mode, Switch, builder, event, ids, impatient, send_all, wait_for};

/// Leaves `count` undelivered events in a closed spool.
async fn with_backlog(directory: &Directory, count: u32) {
    let switch = Switch::failing(SinkErrorKind::Disconnected);
    let spool = impatient(builder(directory.file())).deliver_to("target", switch);
    let spool = spool.open().await.unwrap();
    let events: Vec<_> = (0..count).map(|number| event(number % 3, number)).collect();
    send_all(&spool, &events).await;
    spool.close().await.unwrap_err();
}

async fn open(directory: &Directory, memory: &MemoryEventSink) -> SpooledSink {
    let spool = builder(directory.file()).deliver_to("target", memory.clone());
    spool.open().await.unwrap()
}

fn damage_second_half(directory: &Directory) {
    let pages = fs::metadata(directory.file()).unwrap().len() / 4_096;
    let file = OpenOptions::new().write(true).open(directory.file()).unwrap();
    for page in pages / 2..pages {
        file.write_all_at(&[0xa5; 4_096], page * 4_096).unwrap();
    }
}

/// Checks that the spool works and reports the file that was set aside.
async fn check_new_file(directory: &Directory, damaged: &[u8]) {
    let memory = MemoryEventSink::new();
    let spool = open(directory, &memory).await;
    let set_aside = spool.health().set_aside;
    let [aside] = &set_aside[..] else {
        panic!("one file is set aside: {set_aside:?}");
    };
    assert!(
        aside
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .starts_with("events.db.corrupt-"),
        "{aside:?}"
    );
    assert_eq!(fs::read(aside).unwrap(), damaged, "it is kept whole");
    send_all(&spool, &[event(9, 0)]).await;
    spool.close().await.unwrap();
    assert_eq!(memory.len(), 1);
    // The next start finds a good file.
    let spool = open(directory, &memory).await;
    assert!(spool.health().set_aside.is_empty());
    spool.close().await.unwrap();
}

#[tokio::test]
async fn file_that_is_no_database_is_set_aside() {
    let directory = Directory::new();
    let garbage = b"not a database, and longer than the header of one. ".repeat(100);
    fs::write(directory.file(), &garbage).unwrap();
    check_new_file(&directory, &garbage).await;
}

#[tokio::test]
async fn truncated_file_is_set_aside() {
    for pages in [1, 2, 5] {
        let directory = Directory::new();
        with_backlog(&directory, 500).await;
        let file = OpenOptions::new().write(true).open(directory.file()).unwrap();
        file.set_len(pages * 4_096).unwrap();
        drop(file);
        let damaged = fs::read(directory.file()).unwrap();
        check_new_file(&directory, &damaged).await;
    }
}

/// A page in the middle is found while events are delivered.
#[tokio::test]
async fn damaged_page_is_found_by_the_delivery() {
    let directory = Directory::new();
    with_backlog(&directory, 2_000).await;
    damage_second_half(&directory);
    let memory = MemoryEventSink::new();
    let spool = open(&directory, &memory).await;
    let health = wait_for(&spool, "the damage", |health| !health.set_aside.is_empty()).await;
    assert_eq!(health.set_aside.len(), 1, "{health:?}");
    send_all(&spool, &[event(9, 0), event(9, 1)]).await;
    spool.flush().await.unwrap();
    let delivered = memory.len() - 2;
    assert!(
        delivered > 500 && delivered < 2_000,
        "{delivered}: what precedes the damage is delivered"
    );
    assert_eq!(memory.of_goal(crate::support::goal(9)).len(), 2);
    spool.close().await.unwrap();
}

/// What is spooled after the damage was found is in the new file: the connections to the old one, which close later, do
/// not delete its log.
#[tokio::test]
async fn new_file_keeps_its_log() {
    let directory = Directory::new();
    with_backlog(&directory, 2_000).await;
    damage_second_half(&directory);
    let switch = Switch::default();
    let spool = builder(directory.file()).deliver_to("target", switch.clone());
    let spool = spool.open().await.unwrap();
    wait_for(&spool, "the damage", |health| !health.set_aside.is_empty()).await;
    // The worker has left the old file.
    spool.flush().await.unwrap();
    switch.set(Mode::Fail(SinkErrorKind::Disconnected));
    wait_for(&spool, "the old connections to close", |_| {
        !has_old_file_open(&directory)
    })
    .await;
    for number in 0..20 {
        send_all(&spool, &[event(9, number)]).await;
    }
    // As a crash leaves it.
    let copy = Directory::new();
    for name in ["events.db", "events.db-wal"] {
        fs::copy(directory.path().join(name), copy.path().join(name)).unwrap();
    }
    let found = driver_events_spool::SpoolFile::open(copy.file()).unwrap();
    assert_eq!(found.events(0, 100).unwrap().len(), 20);
}

/// Returns whether this process has a file of this directory open that was set aside. `false` on a system without `/proc`.
fn has_old_file_open(directory: &Directory) -> bool {
    let open = fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let mut paths = open.filter_map(|entry| fs::read_link(entry.path()).ok());
    let is_old = |path: std::path::PathBuf| path.to_string_lossy().contains(".corrupt-");
    paths.any(|path| path.starts_with(directory.path()) && is_old(path))
}

/// SQLite does not see it: the checksum of the row does.
#[tokio::test]
async fn damaged_event_is_a_dead_letter() {
    let directory = Directory::new();
    let switch = Switch::failing(SinkErrorKind::Disconnected);
    let spool = impatient(builder(directory.file())).deliver_to("target", switch);
    let spool = spool.open().await.unwrap();
    let events = [event(1, 0), event(1, 111_111), event(1, 2)];
    send_all(&spool, &events).await;
    spool.close().await.unwrap_err();

    let mut bytes = fs::read(directory.file()).unwrap();
    let text = b"111111";
    let at = bytes.windows(text.len()).position(|window| window == text).unwrap();
    bytes[at] ^= 1;
    fs::write(directory.file(), bytes).unwrap();

    let memory = MemoryEventSink::new();
    let spool = open(&directory, &memory).await;
    spool.flush().await.unwrap();
    assert_eq!(ids(&memory.envelopes()), ids(&[events[0].clone(), events[2].clone()]));
    assert_eq!(spool.health().targets[0].dead, 1);
    assert_eq!(spool.health().set_aside.len(), 0);
    spool.close().await.unwrap();
    let connection = Connection::open(directory.file()).unwrap();
    let (id, error, reason): (String, String, String) = connection
        .query_row("SELECT id, error, reason FROM dead_letters", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .unwrap();
    assert_eq!(id, events[1].id().as_str());
    assert_eq!(
        (&*error, &*reason),
        ("damaged", "the row is damaged: its checksum differs")
    );
}

/// A flipped bit in the header of a row changes the types of its columns.
#[tokio::test]
async fn row_with_other_types_is_a_dead_letter() {
    for change in [
        "spooled_at = 'x'",
        "spooled_at = NULL",
        "kind = NULL",
        "checksum = 'x', id = NULL",
        "json = NULL",
        "target = x'07'",
        "target = 'nobody'",
    ] {
        let directory = Directory::new();
        with_backlog(&directory, 3).await;
        let schema = |replace: &str| {
            let connection = Connection::open(directory.file()).unwrap();
            let sql =
                format!("PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = {replace} WHERE name = 'events';");
            connection.execute_batch(&sql).unwrap();
        };
        schema("replace(replace(sql, ') STRICT', ')'), ' NOT NULL', '/*NOT NULL*/')");
        let update = format!("UPDATE events SET {change} WHERE position = 2");
        let connection = Connection::open(directory.file()).unwrap();
        assert_eq!(connection.execute(&update, []).unwrap(), 1);
        drop(connection);
        schema("replace(sql, '/*NOT NULL*/', ' NOT NULL') || ' STRICT'");

        let memory = MemoryEventSink::new();
        let spool = open(&directory, &memory).await;
        wait_for(&spool, "delivery", |health| health.targets[0].depth == 0).await;
        spool.close().await.unwrap();
        let health = spool.health();
        let is_delivered = change.starts_with("spooled_at");
        assert_eq!(memory.len(), if is_delivered { 3 } else { 2 }, "{change}");
        assert_eq!(health.targets[0].dead, u64::from(!is_delivered), "{change}");
        assert_eq!(health.set_aside.len(), 0, "{change}");
    }
}

#[tokio::test]
async fn empty_file_is_a_new_spool() {
    let directory = Directory::new();
    fs::write(directory.file(), b"").unwrap();
    let memory = MemoryEventSink::new();
    let spool = open(&directory, &memory).await;
    send_all(&spool, &[event(1, 0)]).await;
    spool.close().await.unwrap();
    assert_eq!(memory.len(), 1);
}

#[tokio::test]
async fn file_of_another_program_or_a_newer_version_is_unchanged() {
    let cases = [
        ("CREATE TABLE notes (text)", "of another program"),
        ("PRAGMA application_id = 1", "of another program"),
        (
            "PRAGMA application_id = 0x44564553; PRAGMA user_version = 99",
            "schema version 99",
        ),
    ];
    for (sql, expected) in cases {
        let directory = Directory::new();
        Connection::open(directory.file()).unwrap().execute_batch(sql).unwrap();
        let spool = builder(directory.file()).deliver_to("target", MemoryEventSink::new());
        let error = spool.open().await.unwrap_err();
        assert_eq!(error.kind(), SetupErrorKind::Incompatible);
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains(expected), "{cause}");
        let names = directory.names();
        assert!(!names.iter().any(|name| name.contains("corrupt")), "{names:?}");
    }
}

/// The cursor of a target, and the positions that it has behind it, have checksums too.
#[tokio::test]
async fn damaged_progress_skips_no_event() {
    for sql in [
        "UPDATE targets SET cursor = cursor + 2",
        "INSERT INTO settled VALUES ('target', 2, 0)",
    ] {
        let directory = Directory::new();
        with_backlog(&directory, 3).await;
        let connection = Connection::open(directory.file()).unwrap();
        connection.execute_batch(sql).unwrap();
        drop(connection);
        let memory = MemoryEventSink::new();
        let spool = open(&directory, &memory).await;
        assert_eq!(spool.health().set_aside.len(), 1, "{sql}");
        spool.close().await.unwrap();
        assert_eq!(memory.len(), 0, "{sql}");
    }
}

/// Changes the position of a row in its page. SQLite reads it without an error.
#[tokio::test]
async fn damaged_position_skips_no_event() {
    for (from, to) in [(750, 2_799), (750, 130), (1_500, 16_383)] {
        let directory = Directory::new();
        with_backlog(&directory, 1_500).await;
        let mut bytes = fs::read(directory.file()).unwrap();
        let id: String = {
            let connection = Connection::open(directory.file()).unwrap();
            let sql = "SELECT id FROM events WHERE position = ?";
            connection.query_row(sql, [from], |row| row.get(0)).unwrap()
        };
        // A cell starts with the size of its record and the row's position, both as a varint, and ends with the columns.
        let text = bytes
            .windows(id.len())
            .position(|window| window == id.as_bytes())
            .unwrap();
        let old = varint(from);
        let start = text - 100;
        let at = start
            + bytes[start..text]
                .windows(old.len())
                .rposition(|window| window == old)
                .unwrap();
        bytes[at..at + old.len()].copy_from_slice(&varint(to));
        fs::write(directory.file(), bytes).unwrap();

        let memory = MemoryEventSink::new();
        let spool = open(&directory, &memory).await;
        let health = wait_for(&spool, "the damage", |health| !health.set_aside.is_empty()).await;
        assert_eq!(health.set_aside.len(), 1);
        send_all(&spool, &[event(9, 0), event(9, 1)]).await;
        spool.close().await.unwrap();
        assert_eq!(memory.of_goal(crate::support::goal(9)).len(), 2, "{from} to {to}");
    }
}

/// Encodes a number from 128 to 16,383 as SQLite does.
fn varint(number: u32) -> Vec<u8> {
    vec![(number >> 7) as u8 | 0x80, (number & 0x7f) as u8]
}
