use driver_events_core::{DriverEventSink, MemoryEventSink, SetupErrorKind};
use driver_events_spool::SpooledSink;

use crate::support::{Directory, builder, event, send_all};

#[tokio::test]
async fn second_owner_is_refused_with_the_process_id() {
    let directory = Directory::new();
    let open = || {
        builder(directory.file())
            .deliver_to("target", MemoryEventSink::new())
            .open()
    };
    let first = open().await.unwrap();
    let error = open().await.unwrap_err();
    assert_eq!(error.kind(), SetupErrorKind::Unreachable);
    let expected = format!("is in use by process {}: stop it", std::process::id());
    assert!(error.to_string().contains(&expected), "{error}");
    first.close().await.unwrap();
    open().await.unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn files_are_private() {
    use std::os::unix::fs::PermissionsExt;

    let directory = Directory::new();
    let spool = builder(directory.file()).deliver_to("target", MemoryEventSink::new());
    let spool = spool.open().await.unwrap();
    send_all(&spool, &[event(1, 0)]).await;
    let names = directory.names();
    assert_eq!(names, ["events.db", "events.db-shm", "events.db-wal", "events.db.lock"]);
    for name in names {
        let metadata = std::fs::metadata(directory.path().join(&name)).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "{name}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn directory_that_every_user_may_write_is_refused() {
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::PermissionsExt;

    let directory = Directory::new();
    let open = || {
        builder(directory.file())
            .deliver_to("target", MemoryEventSink::new())
            .open()
    };
    set_permissions(directory.path(), Permissions::from_mode(0o777)).unwrap();
    let error = open().await.unwrap_err();
    assert_eq!(error.kind(), SetupErrorKind::Invalid);
    assert!(
        error.to_string().contains("writable by every user (mode 777)"),
        "{error}"
    );
    assert_eq!(directory.names(), [""; 0]);
    // Only the owner of a file may replace it, as in /tmp.
    set_permissions(directory.path(), Permissions::from_mode(0o1777)).unwrap();
    open().await.unwrap();
}

#[tokio::test]
async fn invalid_settings_are_errors() {
    let directory = Directory::new();
    let target = MemoryEventSink::new;
    let file = directory.file();
    let cases = [
        (builder(&file), "the spool has no target"),
        (
            builder(&file).deliver_to("a", target()).deliver_to("a", target()),
            "duplicate target `a`",
        ),
        (
            builder(directory.path().join("missing/events.db")).deliver_to("a", target()),
            "create it",
        ),
        (builder("/").deliver_to("a", target()), "names no file"),
        (builder(directory.path()).deliver_to("a", target()), "cannot open spool"),
    ];
    for (builder, expected) in cases {
        let error = builder.open().await.unwrap_err();
        assert_eq!(error.kind(), SetupErrorKind::Invalid, "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[tokio::test]
async fn path_without_directory_is_in_the_current_one() {
    let name = format!("spool-test-{}.db", std::process::id());
    let spool = SpooledSink::builder(&name).deliver_to("target", MemoryEventSink::new());
    let spool = spool.open().await.unwrap();
    let path = spool.path().to_owned();
    assert_eq!(
        path,
        std::env::current_dir().unwrap().canonicalize().unwrap().join(&name)
    );
    spool.close().await.unwrap();
    std::fs::remove_file(&path).unwrap();
    std::fs::remove_file(path.with_extension("db.lock")).unwrap();
}

/// An `open` that times out leaves no thread and no lock behind.
#[tokio::test]
async fn cancelled_open_releases_the_spool() {
    let directory = Directory::new();
    let open = || {
        builder(directory.file())
            .deliver_to("target", MemoryEventSink::new())
            .open()
    };
    // Nearly always too short. A spool that is open all the same is dropped.
    drop(tokio::time::timeout(std::time::Duration::ZERO, open()).await);
    let spool = loop {
        match open().await {
            Ok(spool) => break spool,
            Err(error) => assert!(error.to_string().contains("in use"), "{error}"),
        }
        tokio::task::yield_now().await;
    };
    spool.close().await.unwrap();
}

/// The files beside the database are where its log is: beside the file that the link names.
#[cfg(unix)]
#[tokio::test]
async fn link_and_file_are_one_spool() {
    let directory = Directory::new();
    let other = Directory::new();
    let open = |path: std::path::PathBuf| builder(path).deliver_to("target", MemoryEventSink::new()).open();
    let spool = open(directory.file()).await.unwrap();
    std::os::unix::fs::symlink(directory.file(), other.file()).unwrap();
    let error = open(other.file()).await.unwrap_err();
    assert!(error.to_string().contains("in use"), "{error}");
    spool.close().await.unwrap();
    let spool = open(other.file()).await.unwrap();
    assert_eq!(spool.path(), directory.file().canonicalize().unwrap());
    assert_eq!(other.names(), ["events.db"]);
}
