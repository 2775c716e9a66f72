use driver_events_core::{DriverEventSink, SinkError, SinkErrorKind};
use driver_events_spool::SpooledSink;

use crate::support::{Directory, Mode, Switch, builder, event, send_all, terminal, wait_for};

const MAX_BYTES: u64 = 512 * 1024;

/// Sends events until one is refused. Returns the number of accepted ones, and the error.
async fn fill(spool: &SpooledSink) -> (u32, SinkError) {
    let mut accepted = 0;
    loop {
        match spool.send(event(1, accepted)).await {
            Ok(_) => accepted += 1,
            Err(error) => return (accepted, error),
        }
    }
}

#[tokio::test]
async fn full_spool_keeps_terminal_events_and_resumes() {
    let directory = Directory::new();
    let switch = Switch::failing(SinkErrorKind::Disconnected);
    let spool = builder(directory.file())
        .max_bytes(MAX_BYTES)
        .deliver_to("target", switch.clone());
    let spool = spool.open().await.unwrap();
    let (accepted, error) = fill(&spool).await;
    assert_eq!(error.kind(), SinkErrorKind::Full);
    assert!(error.to_string().contains("of 524288 bytes are in use"), "{error}");
    let health = spool.health();
    assert!(
        health.bytes < MAX_BYTES && health.bytes > MAX_BYTES * 8 / 10,
        "{health:?}"
    );
    assert_eq!(health.refused, 1);

    // The reserve, until it is used up too.
    let mut reserved = 0;
    while spool.send(terminal(2)).await.is_ok() {
        reserved += 1;
        assert!(reserved < 1_000, "there is no end");
    }
    assert!(reserved > 20, "{reserved}");
    assert!(spool.health().bytes <= MAX_BYTES, "{:?}", spool.health());

    switch.set(Mode::Accept);
    spool.flush().await.unwrap();
    assert_eq!(switch.events().len(), accepted as usize + reserved);
    send_all(&spool, &[event(1, accepted)]).await;
    spool.close().await.unwrap();
}

/// A batch keeps what fits.
#[tokio::test]
async fn batch_is_accepted_in_part() {
    let directory = Directory::new();
    let switch = Switch::failing(SinkErrorKind::Disconnected);
    let spool = builder(directory.file())
        .max_bytes(MAX_BYTES)
        .deliver_to("target", switch.clone());
    let spool = spool.open().await.unwrap();
    let mut batch: Vec<_> = (0..5_000).map(|number| event(1, number)).collect();
    batch.push(terminal(1));
    let results = spool.send_batch(batch).await;
    assert_eq!(results.len(), 5_001);
    let first_refused = results.iter().position(Result::is_err).unwrap();
    assert!(results[first_refused..5_000].iter().all(Result::is_err));
    assert!(results[5_000].is_ok(), "the terminal event has the reserve");
    switch.set(Mode::Accept);
    wait_for(&spool, "delivery", |health| health.targets[0].depth == 0).await;
    assert_eq!(switch.events().len(), first_refused + 1);
}

/// A limit that SQLite does not report as a full disk, and that the free space does not show: a quota, here of the size of a
/// file.
#[cfg(unix)]
#[test]
fn quota_is_a_full_disk() {
    let directory = Directory::new();
    let output = std::process::Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 1024; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "full::quota_child", "--nocapture"])
        .env("SPOOL_TEST_DIRECTORY", directory.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("1 passed"), "{text}");
}

#[cfg(unix)]
#[tokio::test]
#[ignore = "a child process of the test above"]
async fn quota_child() {
    let directory = std::path::PathBuf::from(std::env::var_os("SPOOL_TEST_DIRECTORY").unwrap());
    let switch = Switch::failing(SinkErrorKind::Disconnected);
    let spool = builder(directory.join("events.db")).deliver_to("target", switch.clone());
    let spool = spool.open().await.unwrap();
    let (accepted, error) = fill(&spool).await;
    assert_eq!(error.kind(), SinkErrorKind::Full, "{error:?}");
    assert!(accepted > 20, "{accepted}");
    // What was accepted is delivered, and recorded once the log is empty.
    switch.set(Mode::Accept);
    spool.flush().await.unwrap();
    assert_eq!(switch.events().len(), accepted as usize);
    send_all(&spool, &[event(1, accepted)]).await;
    spool.close().await.unwrap();
}
