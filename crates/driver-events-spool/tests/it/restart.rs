use driver_events_core::{DriverEventSink, MemoryEventSink, SinkErrorKind};

use crate::support::{Directory, Mode, Switch, builder, event, goal, ids, impatient, send_all, wait_for};

#[tokio::test]
async fn undelivered_events_stay_for_the_next_start() {
    let directory = Directory::new();
    let events = [event(1, 0), event(1, 1), event(2, 0)];
    let switch = Switch::failing(SinkErrorKind::Disconnected);
    let spool = impatient(builder(directory.file())).deliver_to("target", switch);
    let spool = spool.open().await.unwrap();
    send_all(&spool, &events).await;
    let error = spool.close().await.unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::Timeout);
    let expected = "events are not delivered yet, 3 for `target`: they stay in the spool for the next start";
    assert_eq!(error.to_string(), expected);
    assert_eq!(spool.close().await.unwrap_err().to_string(), expected);

    let memory = MemoryEventSink::new();
    let spool = builder(directory.file()).deliver_to("target", memory.clone());
    let spool = spool.open().await.unwrap();
    spool.close().await.unwrap();
    assert_eq!(ids(&memory.envelopes()), ids(&events));
}

#[tokio::test]
async fn drop_without_close_loses_nothing() {
    let directory = Directory::new();
    let switch = Switch::failing(SinkErrorKind::Disconnected);
    let spool = builder(directory.file()).deliver_to("target", switch);
    let spool = spool.open().await.unwrap();
    let events = [event(1, 0), event(1, 1)];
    send_all(&spool, &events).await;
    drop(spool);

    let memory = MemoryEventSink::new();
    let spool = loop {
        let spool = builder(directory.file()).deliver_to("target", memory.clone());
        match spool.open().await {
            Ok(spool) => break spool,
            // The thread of the first one still ends.
            Err(error) => assert!(error.to_string().contains("in use"), "{error}"),
        }
        tokio::task::yield_now().await;
    };
    spool.close().await.unwrap();
    assert_eq!(ids(&memory.envelopes()), ids(&events));
}

#[tokio::test]
async fn delivered_events_are_not_delivered_again() {
    let directory = Directory::new();
    let switch = Switch::default();
    let blocked = Mode::FailGoal(goal(1), SinkErrorKind::Disconnected);
    switch.set(blocked);
    let other = MemoryEventSink::new();
    let open = || {
        impatient(builder(directory.file()))
            .deliver_to("target", switch.clone())
            .deliver_to("other", other.clone())
            .open()
    };
    let spool = open().await.unwrap();
    let events = [event(2, 0), event(1, 0), event(2, 1), event(1, 1), event(2, 2)];
    send_all(&spool, &events).await;
    wait_for(&spool, "the other goals", |health| {
        health.targets[0].depth == 2 && health.targets[1].depth == 0
    })
    .await;
    spool.close().await.unwrap_err();

    let spool = open().await.unwrap();
    let health = wait_for(&spool, "another failure", |health| {
        health.targets[0].last_error.is_some()
    })
    .await;
    assert_eq!((health.targets[0].depth, health.targets[0].delivered), (2, 3));
    switch.set(Mode::Accept);
    wait_for(&spool, "delivery", |health| health.targets[0].depth == 0).await;
    spool.close().await.unwrap();
    assert_eq!(other.len(), 5);
    let order = [0, 2, 4, 1, 3].map(|index: usize| events[index].clone());
    assert_eq!(ids(&switch.events()), ids(&order));
}

#[tokio::test]
async fn new_target_gets_what_another_lacks() {
    let directory = Directory::new();
    let switch = Switch::failing(SinkErrorKind::Disconnected);
    let spool = impatient(builder(directory.file())).deliver_to("old", switch);
    let spool = spool.open().await.unwrap();
    let events = [event(1, 0), event(1, 1)];
    send_all(&spool, &events).await;
    spool.close().await.unwrap_err();

    let memory = MemoryEventSink::new();
    let spool = builder(directory.file()).deliver_to("new", memory.clone());
    let spool = spool.open().await.unwrap();
    spool.close().await.unwrap();
    assert_eq!(ids(&memory.envelopes()), ids(&events));

    // The old target is not configured, and still lacks the events.
    let old = MemoryEventSink::new();
    let spool = builder(directory.file()).deliver_to("old", old.clone());
    let spool = spool.open().await.unwrap();
    spool.close().await.unwrap();
    assert_eq!(ids(&old.envelopes()), ids(&events));
}

#[tokio::test]
async fn forgotten_target_keeps_no_events() {
    let directory = Directory::new();
    let switch = Switch::failing(SinkErrorKind::Disconnected);
    let spool = impatient(builder(directory.file()))
        .deliver_to("old", switch)
        .deliver_to("new", MemoryEventSink::new());
    let spool = spool.open().await.unwrap();
    send_all(&spool, &[event(1, 0)]).await;
    wait_for(&spool, "delivery", |health| health.targets[1].depth == 0).await;
    spool.close().await.unwrap_err();

    let spool = builder(directory.file())
        .deliver_to("new", MemoryEventSink::new())
        .forget("old");
    spool.open().await.unwrap().close().await.unwrap();
    let connection = rusqlite::Connection::open(directory.file()).unwrap();
    let count = |sql| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(count("SELECT count(*) FROM events"), 0);
    assert_eq!(count("SELECT count(*) FROM targets"), 1);
}
