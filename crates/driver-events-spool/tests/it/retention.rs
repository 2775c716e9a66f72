use std::time::Duration;

use driver_events_core::{DriverEventSink, MemoryEventSink};
use driver_events_spool::Retention;
use rusqlite::{Connection, OpenFlags};

use crate::support::{Directory, builder, event, send_all, wait_for};

fn count(directory: &Directory) -> i64 {
    let connection = Connection::open_with_flags(directory.file(), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    connection.busy_timeout(Duration::from_secs(5)).unwrap();
    connection
        .query_row("SELECT count(*) FROM events", [], |row| row.get(0))
        .unwrap()
}

async fn delivered(directory: &Directory, retention: Retention, events: u32) -> driver_events_spool::SpooledSink {
    let spool = builder(directory.file())
        .retention(retention)
        .max_bytes(1024 * 1024)
        .deliver_to("target", MemoryEventSink::new());
    let spool = spool.open().await.unwrap();
    for number in 0..events {
        send_all(&spool, &[event(number % 3, number)]).await;
    }
    spool.flush().await.unwrap();
    spool
}

#[tokio::test]
async fn last_events_are_kept() {
    let directory = Directory::new();
    let spool = delivered(&directory, Retention::Count(10), 25).await;
    wait_for(&spool, "removal", |_| count(&directory) == 10).await;
    spool.close().await.unwrap();
    // They are not delivered again.
    let spool = delivered(&directory, Retention::Count(10), 0).await;
    assert_eq!(spool.health().targets[0].delivered, 25);
    assert_eq!(count(&directory), 10);
}

#[tokio::test]
async fn old_events_are_removed() {
    let directory = Directory::new();
    let spool = delivered(&directory, Retention::Age(Duration::from_secs(3_600)), 25).await;
    assert_eq!(count(&directory), 25);
    spool.close().await.unwrap();
    let spool = delivered(&directory, Retention::Age(Duration::ZERO), 0).await;
    wait_for(&spool, "removal", |_| count(&directory) == 0).await;
}

#[tokio::test]
async fn kept_events_give_way_to_new_ones() {
    let directory = Directory::new();
    let spool = delivered(&directory, Retention::Count(u64::MAX), 3_000).await;
    let kept = count(&directory);
    assert!(kept < 3_000, "{kept} events are more than the spool holds");
    assert_eq!(spool.health().refused, 0);
    spool.close().await.unwrap();
}

#[tokio::test]
async fn kept_events_are_removed_once_none_are_to_be_kept() {
    let directory = Directory::new();
    let spool = delivered(&directory, Retention::Count(100), 25).await;
    spool.close().await.unwrap();
    assert_eq!(count(&directory), 25);
    let spool = delivered(&directory, Retention::Off, 0).await;
    assert_eq!(count(&directory), 0);
    spool.close().await.unwrap();
}
