use driver_events_core::{DriverEventSink, DriverEventSource, MemoryEventSink, SetupErrorKind, SinkErrorKind};
use driver_events_spool::{Retention, SpoolEventSource, SpoolFile};

use crate::support::{Directory, Mode, Switch, builder, event, goal, ids, impatient, send_all, wait_for};

#[tokio::test]
async fn file_is_read_while_its_owner_runs() {
    let directory = Directory::new();
    let spool = builder(directory.file())
        .deliver_to("dead", Switch::failing(SinkErrorKind::Disconnected))
        .deliver_to("alive", MemoryEventSink::new());
    let spool = spool.open().await.unwrap();
    let events = [event(1, 0), event(2, 0), event(1, 1)];
    send_all(&spool, &events).await;
    wait_for(&spool, "delivery", |health| health.targets[1].depth == 0).await;

    let file = SpoolFile::open(directory.file()).unwrap();
    let stats = file.stats().unwrap();
    assert_eq!((stats.events, stats.dead_letters), (3, 0));
    let targets: Vec<_> = stats
        .targets
        .iter()
        .map(|target| (&*target.name, target.depth, target.delivered))
        .collect();
    assert_eq!(targets, [("alive", 0, 3), ("dead", 3, 0)]);
    assert!(stats.targets[1].oldest.is_some());

    let found = file.events(0, 2).unwrap();
    assert_eq!(found.len(), 2);
    let rest = file.events(found[1].position, 10).unwrap();
    let all: Vec<_> = found
        .iter()
        .chain(&rest)
        .map(|kept| kept.event.clone().unwrap())
        .collect();
    assert_eq!(ids(&all), ids(&events));
    assert_eq!(found[0].missing_at, ["dead"]);
    let by_id = file.events_with_id(events[1].id().as_str()).unwrap();
    assert_eq!((by_id.len(), by_id[0].position), (1, found[1].position));
    assert!(file.events_with_id("unknown").unwrap().is_empty());
}

#[tokio::test]
async fn dead_letters_are_retried_by_the_owner() {
    let directory = Directory::new();
    let switch = Switch::default();
    switch.set(Mode::Fail(SinkErrorKind::TooLarge));
    let other = MemoryEventSink::new();
    let spool = builder(directory.file())
        .deliver_to("target", switch.clone())
        .deliver_to("other", other.clone());
    let spool = spool.open().await.unwrap();
    let events = [event(1, 0), event(1, 1), event(1, 2)];
    send_all(&spool, &events).await;
    spool.flush().await.unwrap();
    switch.set(Mode::Accept);

    let mut file = SpoolFile::open(directory.file()).unwrap();
    let letters = file.dead_letters(0, 10).unwrap();
    assert_eq!(letters.len(), 3);
    assert_eq!(
        (&*letters[0].target, &*letters[0].error, &*letters[0].reason),
        ("target", "too_large", "switched off")
    );
    assert_eq!(letters[2].event.as_ref().unwrap().id(), events[2].id());
    let numbers: Vec<_> = letters.iter().map(|letter| letter.number).collect();
    assert_eq!(file.drop_dead_letters(&numbers[..1]).unwrap(), 1);
    assert_eq!(file.retry(&numbers).unwrap(), 2, "one was dropped");
    assert_eq!(file.dead_letters(0, 10).unwrap().len(), 0);
    wait_for(&spool, "the retry", |_| switch.events().len() == 2).await;
    spool.flush().await.unwrap();
    assert_eq!(ids(&switch.events()), ids(&events[1..]));
    assert_eq!(other.len(), 3, "only the target that refused them gets them");
    spool.close().await.unwrap();
    assert_eq!(file.stats().unwrap().events, 0);
}

#[tokio::test]
async fn source_reads_what_is_kept_and_follows() {
    let directory = Directory::new();
    let spool = builder(directory.file())
        .retention(Retention::Count(100))
        .deliver_to("target", MemoryEventSink::new());
    let spool = spool.open().await.unwrap();
    let events: Vec<_> = (0..5).map(|number| event(number % 2, number)).collect();
    send_all(&spool, &events).await;
    spool.flush().await.unwrap();

    let filter = driver_events_core::EventFilter::everything().goals([goal(1)]);
    let mut source = SpoolEventSource::open(directory.file())
        .await
        .unwrap()
        .with_filter(filter);
    let mut found = Vec::new();
    while let Some(delivery) = source.next().await {
        found.push(delivery.unwrap().into_envelope().unwrap());
    }
    assert_eq!(ids(&found), ids(&[events[1].clone(), events[3].clone()]));

    let mut source = SpoolEventSource::open(directory.file()).await.unwrap().following();
    for expected in &events {
        let delivery = source.next().await.unwrap().unwrap();
        assert_eq!(delivery.envelope().unwrap().id(), expected.id());
        delivery.ack().await.unwrap();
    }
    let late = event(7, 7);
    let (next, sent) = tokio::join!(source.next(), spool.send(late.clone()));
    sent.unwrap();
    let delivery = next.unwrap().unwrap();
    assert_eq!(delivery.envelope().unwrap().id(), late.id());
    assert_eq!(
        delivery.position().to_string(),
        format!("{}#6", directory.file().display())
    );
    source.close().await.unwrap();
    assert!(source.next().await.is_none());
}

#[tokio::test]
async fn missing_and_foreign_files_are_refused() {
    let directory = Directory::new();
    let kind = |error: driver_events_core::SetupError| error.kind();
    assert_eq!(
        SpoolFile::open(directory.file()).map_err(kind).unwrap_err(),
        SetupErrorKind::NotFound
    );
    assert_eq!(directory.names(), [""; 0], "looking creates nothing");
    std::fs::write(directory.file(), "").unwrap();
    assert_eq!(
        SpoolFile::open(directory.file()).map_err(kind).unwrap_err(),
        SetupErrorKind::NotFound
    );
    std::fs::write(directory.file(), "garbage".repeat(1_000)).unwrap();
    assert_eq!(
        SpoolFile::open(directory.file()).map_err(kind).unwrap_err(),
        SetupErrorKind::Invalid
    );
    let error = SpoolEventSource::open(directory.path().join("none")).await.unwrap_err();
    assert_eq!(error.kind(), SetupErrorKind::NotFound);

    // A spool that is closed can be read, too.
    let path = directory.path().join("closed.db");
    let spool = impatient(builder(&path)).deliver_to("target", Switch::failing(SinkErrorKind::Timeout));
    let spool = spool.open().await.unwrap();
    send_all(&spool, &[event(1, 0)]).await;
    spool.close().await.unwrap_err();
    assert_eq!(SpoolFile::open(&path).unwrap().events(0, 10).unwrap().len(), 1);
}

#[tokio::test]
async fn dead_letter_of_a_forgotten_target_stays() {
    let directory = Directory::new();
    let spool = builder(directory.file()).deliver_to("old", Switch::failing(SinkErrorKind::Rejected));
    let spool = spool.open().await.unwrap();
    send_all(&spool, &[event(1, 0)]).await;
    spool.close().await.unwrap();
    let spool = builder(directory.file())
        .deliver_to("new", MemoryEventSink::new())
        .forget("old");
    spool.open().await.unwrap().close().await.unwrap();
    let mut file = SpoolFile::open(directory.file()).unwrap();
    assert_eq!(file.retry(&[1]).unwrap(), 0);
    assert_eq!(file.dead_letters(0, 10).unwrap().len(), 1);
}
