use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use driver_events_core::{
    BatchOrder, DriverEventSink, Envelope, EventId, Guarantee, MemoryEventSink, Receipt, SinkError, SinkErrorKind,
};
use driver_events_spool::TargetState;
use futures_util::future::join_all;
use rusqlite::Connection;
use tokio::sync::Semaphore;

use crate::support::{Directory, Mode, Switch, builder, event, goal, ids, impatient, send_all, stamped, wait_for};

#[tokio::test]
async fn every_target_gets_every_event() {
    let directory = Directory::new();
    let (first, second) = (MemoryEventSink::new(), MemoryEventSink::new());
    let spool = builder(directory.file())
        .deliver_to("first", first.clone())
        .deliver_to("second", second.clone());
    let spool = spool.open().await.unwrap();
    let events: Vec<_> = (0..50).map(|number| event(number % 5, number)).collect();
    send_all(&spool, &events).await;
    spool.flush().await.unwrap();
    for memory in [&first, &second] {
        assert_eq!(ids(&memory.envelopes()).len(), 50);
        for number in 0..5 {
            let expected: Vec<_> = events
                .iter()
                .filter(|event| event.goal_id() == Some(goal(number)))
                .cloned()
                .collect();
            let found = memory
                .envelopes()
                .into_iter()
                .filter(|event| event.goal_id() == Some(goal(number)));
            assert_eq!(ids(&found.collect::<Vec<_>>()), ids(&expected));
        }
    }
    let health = spool.health();
    assert_eq!((health.accepted, health.refused), (50, 0));
    for target in &health.targets {
        assert_eq!((target.delivered, target.depth, target.dead), (50, 0, 0));
        assert_eq!((target.oldest_age, &target.last_error), (None, &None));
    }
    spool.close().await.unwrap();
    let rows: i64 = rows(&directory, "SELECT count(*) FROM events");
    assert_eq!(rows, 0, "delivered events are removed");
}

#[tokio::test]
async fn attributes_and_bytes_survive() {
    let directory = Directory::new();
    let json = "{ \"kind\" : \"goal_paused\",\n\"goal_id\":\"6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01\" , \"x\":1.50 }";
    let unknown = Envelope::from_json(json.as_bytes().to_vec()).unwrap();
    let full = stamped(event(1, 1), u64::MAX)
        .with_id(EventId::new("an id / with ünicode").unwrap())
        .with_source("urn:example:driver")
        .unwrap()
        .with_time("2016-12-31T23:59:60.123456789Z".parse().unwrap())
        .unwrap()
        .with_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
        .unwrap()
        .with_tracestate("a=1,b=2")
        .unwrap();
    let typed = unknown.clone().with_event_type("agent.driver.goal.paused").unwrap();
    let sent = [unknown, full, typed];

    let switch = Switch::failing(SinkErrorKind::Disconnected);
    let spool = impatient(builder(directory.file())).deliver_to("target", switch.clone());
    let spool = spool.open().await.unwrap();
    send_all(&spool, &sent).await;
    spool.close().await.unwrap_err();

    let memory = MemoryEventSink::new();
    let spool = builder(directory.file()).deliver_to("target", memory.clone());
    spool.open().await.unwrap().close().await.unwrap();
    let found = memory.envelopes();
    assert_eq!(found.len(), sent.len());
    for (found, sent) in found.iter().zip(&sent) {
        assert_eq!(found.id(), sent.id());
        assert_eq!(found.time(), sent.time());
        assert_eq!(found.source(), sent.source());
        assert_eq!(found.stamp(), sent.stamp());
        assert_eq!(found.subject(), sent.subject());
        assert_eq!(
            (found.traceparent(), found.tracestate()),
            (sent.traceparent(), sent.tracestate())
        );
        assert_eq!(found.json().unwrap(), sent.json().unwrap());
    }
}

#[tokio::test]
async fn dead_target_delays_no_other() {
    let directory = Directory::new();
    let (dead, alive) = (Switch::failing(SinkErrorKind::Disconnected), MemoryEventSink::new());
    let spool = builder(directory.file())
        .deliver_to("dead", dead.clone())
        .deliver_to("alive", alive.clone());
    let spool = spool.open().await.unwrap();
    send_all(&spool, &[event(1, 0), event(1, 1)]).await;
    let health = wait_for(&spool, "delivery to the other target", |health| {
        health.targets[1].depth == 0 && health.targets[0].state == TargetState::Retrying
    })
    .await;
    assert_eq!(alive.len(), 2);
    assert_eq!(health.targets[0].depth, 2);
    assert!(health.targets[0].oldest_age.is_some());
    assert_eq!(health.targets[0].last_error.as_deref(), Some("switched off"));

    dead.set(Mode::Accept);
    spool.flush().await.unwrap();
    assert_eq!(ids(&dead.events()), ids(&alive.envelopes()));
    assert_eq!(spool.health().targets[0].state, TargetState::Delivering);
}

#[tokio::test]
async fn rejected_event_is_a_dead_letter_with_the_reason() {
    let directory = Directory::new();
    let switch = Switch::default();
    switch.set(Mode::FailGoal(goal(2), SinkErrorKind::Rejected));
    let spool = builder(directory.file())
        .deliver_to("a", switch.clone())
        .deliver_to("b", MemoryEventSink::new());
    let spool = spool.open().await.unwrap();
    let events = [event(1, 0), event(2, 0), event(1, 1)];
    send_all(&spool, &events).await;
    spool.flush().await.unwrap();
    assert_eq!(ids(&switch.events()), ids(&[events[0].clone(), events[2].clone()]));
    let health = spool.health();
    assert_eq!((health.targets[0].delivered, health.targets[0].dead), (2, 1));
    assert_eq!((health.targets[1].delivered, health.targets[1].dead), (3, 0));
    spool.close().await.unwrap();

    let found: (String, String, String, String, Vec<u8>) = Connection::open(directory.file())
        .unwrap()
        .query_row("SELECT target, error, reason, id, json FROM dead_letters", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
        })
        .unwrap();
    assert_eq!(
        (&*found.0, &*found.1, &*found.2),
        ("a", "rejected", "switched off for the goal")
    );
    assert_eq!(
        (found.3, found.4),
        (events[1].id().to_string(), events[1].json().unwrap().to_vec())
    );
}

#[tokio::test]
async fn missing_permission_costs_no_event() {
    let directory = Directory::new();
    let switch = Switch::failing(SinkErrorKind::Unauthorized);
    let spool = builder(directory.file()).deliver_to("target", switch.clone());
    let spool = spool.open().await.unwrap();
    send_all(&spool, &[event(1, 0), event(1, 1)]).await;
    let stopped = |health: &driver_events_spool::Health| health.targets[0].state == TargetState::Stopped;
    wait_for(&spool, "the alarm", stopped).await;
    switch.set(Mode::Accept);
    spool.flush().await.unwrap();
    assert_eq!(switch.events().len(), 2);
}

/// Panics are caught, and the sink is called again.
#[tokio::test]
async fn panic_of_a_sink_costs_no_event() {
    let directory = Directory::new();
    let switch = Switch::default();
    switch.set(Mode::Panic);
    let spool = builder(directory.file()).deliver_to("target", switch.clone());
    let spool = spool.open().await.unwrap();
    send_all(&spool, &[event(1, 0)]).await;
    let health = wait_for(&spool, "the panic", |health| {
        health.targets[0].state == TargetState::Stopped
    })
    .await;
    let error = health.targets[0].last_error.clone().unwrap();
    assert!(error.contains("switched to panic"), "{error}");
    switch.set(Mode::Accept);
    spool.flush().await.unwrap();
    assert_eq!(switch.events().len(), 1);
}

#[tokio::test]
async fn finished_sink_is_opened_again() {
    let directory = Directory::new();
    let memory = MemoryEventSink::new();
    let opened = Arc::new(AtomicUsize::new(0));
    let open = {
        let (memory, opened) = (memory.clone(), Arc::clone(&opened));
        move || {
            let (memory, number) = (memory.clone(), opened.fetch_add(1, Ordering::SeqCst));
            async move {
                match number {
                    0 => Err("no broker yet".to_owned()),
                    1 => panic!("no broker yet"),
                    2 => Ok(Arc::new(Switch::failing(SinkErrorKind::Fatal)) as Arc<dyn DriverEventSink>),
                    _ => Ok(Arc::new(memory) as Arc<dyn DriverEventSink>),
                }
            }
        }
    };
    let spool = builder(directory.file()).deliver_to_opened("target", open);
    let spool = spool.open().await.unwrap();
    send_all(&spool, &[event(1, 0), event(1, 1)]).await;
    spool.flush().await.unwrap();
    assert_eq!(memory.len(), 2);
    assert_eq!(opened.load(Ordering::SeqCst), 4);
    assert_eq!(spool.health().targets[0].last_error.as_deref(), Some("switched off"));
    spool.close().await.unwrap();
}

#[tokio::test]
async fn hanging_call_holds_up_its_goals_only() {
    let directory = Directory::new();
    let switch = Switch::default();
    switch.set(Mode::HangGoal(goal(1)));
    let spool = builder(directory.file()).deliver_to("target", switch.clone());
    let spool = spool.open().await.unwrap();
    send_all(&spool, &[event(1, 0)]).await;
    wait_for(&spool, "the call", |_| switch.calls() > 0).await;
    send_all(&spool, &[event(1, 1), event(2, 0), event(2, 1)]).await;
    wait_for(&spool, "the other goal", |health| health.targets[0].depth == 2).await;
    assert_eq!(switch.events().len(), 2);
    switch.set(Mode::Accept);
    spool.flush().await.unwrap();
    assert_eq!(switch.events().len(), 4);
}

/// A sink that delivers the later events of a batch behind a failed one.
#[derive(Clone, Debug)]
struct Overtaking {
    memory: MemoryEventSink,
    calls: Arc<AtomicUsize>,
}

#[async_trait]
impl DriverEventSink for Overtaking {
    async fn send(&self, envelope: Envelope) -> Result<Receipt, SinkError> {
        // Every third event fails.
        if self.calls.fetch_add(1, Ordering::SeqCst) % 3 == 1 {
            return Err(SinkError::new(SinkErrorKind::Timeout, "no ack"));
        }
        self.memory.send(envelope).await
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::Buffered
    }

    fn batch_order(&self) -> BatchOrder {
        BatchOrder::BestEffort
    }

    async fn send_batch(&self, envelopes: Vec<Envelope>) -> Vec<Result<Receipt, SinkError>> {
        let mut results = Vec::new();
        for envelope in envelopes {
            results.push(self.send(envelope).await);
        }
        results
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn goals_keep_their_order_whatever_fails() {
    let directory = Directory::new();
    let memory = MemoryEventSink::new();
    let sink = Overtaking {
        memory: memory.clone(),
        calls: Arc::default(),
    };
    let spool = builder(directory.file()).deliver_to("target", sink);
    let spool = spool.open().await.unwrap();
    let events: Vec<_> = (0..200).map(|number| event(number % 7, number)).collect();
    for part in events.chunks(20) {
        send_all(&spool, part).await;
    }
    spool.flush().await.unwrap();
    assert_eq!(memory.len(), 200);
    for number in 0..7 {
        let expected: Vec<_> = events
            .iter()
            .filter(|event| event.goal_id() == Some(goal(number)))
            .cloned()
            .collect();
        assert_eq!(memory.of_goal(goal(number)).len(), expected.len());
        let found: Vec<_> = memory
            .envelopes()
            .into_iter()
            .filter(|event| event.goal_id() == Some(goal(number)))
            .collect();
        assert_eq!(ids(&found), ids(&expected));
    }
}

/// More events than a page and a window hold.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn backlog_is_delivered() {
    let directory = Directory::new();
    let switch = Switch::failing(SinkErrorKind::Disconnected);
    let spool = builder(directory.file()).deliver_to("target", switch.clone());
    let spool = spool.open().await.unwrap();
    let events: Vec<_> = (0..20_000).map(|number| event(number % 50, number)).collect();
    for part in events.chunks(2_000) {
        send_all(&spool, part).await;
    }
    assert_eq!(spool.health().targets[0].depth, 20_000);
    switch.set(Mode::Accept);
    spool.flush().await.unwrap();
    assert_eq!(switch.events().len(), 20_000);
    assert_eq!(spool.health().targets[0].depth, 0);
    spool.close().await.unwrap();
}

fn rows(directory: &Directory, sql: &str) -> i64 {
    let connection = Connection::open(directory.file()).unwrap();
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

/// A target whose credentials are wrong when it is opened needs an operator; one that is down does not.
#[tokio::test]
async fn setup_error_decides_the_state() {
    use driver_events_core::{SetupError, SetupErrorKind};

    for (kind, state) in [
        (SetupErrorKind::Unauthorized, TargetState::Stopped),
        (SetupErrorKind::Incompatible, TargetState::Stopped),
        (SetupErrorKind::Unreachable, TargetState::Retrying),
    ] {
        let directory = Directory::new();
        let open = move || async move { Err::<MemoryEventSink, _>(SetupError::new(kind, "refused")) };
        let spool = impatient(builder(directory.file())).deliver_to_opened("target", open);
        let spool = spool.open().await.unwrap();
        let health = wait_for(&spool, "the failure", |health| health.targets[0].last_error.is_some()).await;
        assert_eq!(health.targets[0].state, state, "{kind:?}");
        assert_eq!(
            health.targets[0].last_error.as_deref(),
            Some("cannot open the target: refused")
        );
    }
}

/// An event that is put back waits for its backoff, and is sent although nothing else happens.
#[tokio::test]
async fn last_event_is_delivered_although_no_other_follows() {
    for _ in 0..20 {
        let directory = Directory::new();
        let memory = MemoryEventSink::new();
        let opened = Arc::new(AtomicUsize::new(0));
        let open = {
            let memory = memory.clone();
            move || {
                let (memory, number) = (memory.clone(), opened.fetch_add(1, Ordering::SeqCst));
                async move {
                    // Longer than the backoff.
                    tokio::time::sleep(std::time::Duration::from_millis(25)).await;
                    Ok::<_, String>(match number {
                        0 => Arc::new(Switch::failing(SinkErrorKind::Closed)) as Arc<dyn DriverEventSink>,
                        _ => Arc::new(memory),
                    })
                }
            }
        };
        let spool = builder(directory.file()).deliver_to_opened("target", open);
        let spool = spool.open().await.unwrap();
        send_all(&spool, &[event(1, 0)]).await;
        spool.close().await.unwrap();
        assert_eq!(memory.len(), 1);
    }
}

/// A sink that has all events of a batch in flight, and records the size of each.
#[derive(Clone, Debug)]
struct Pipelined {
    inner: Switch,
    batches: Arc<Mutex<Vec<usize>>>,
}

#[async_trait]
impl DriverEventSink for Pipelined {
    async fn send(&self, envelope: Envelope) -> Result<Receipt, SinkError> {
        self.inner.send(envelope).await
    }

    fn guarantee(&self) -> Guarantee {
        self.inner.guarantee()
    }

    fn batch_order(&self) -> BatchOrder {
        BatchOrder::Pipelined
    }

    async fn send_batch(&self, envelopes: Vec<Envelope>) -> Vec<Result<Receipt, SinkError>> {
        self.batches.lock().unwrap().push(envelopes.len());
        let sent = envelopes.into_iter().map(|envelope| self.send(envelope));
        join_all(sent).await
    }
}

/// Few events of a goal are in flight, so that a failure changes the order of few; while the target fails, one.
#[tokio::test]
async fn pipelined_sink_gets_few_events_of_a_goal() {
    let directory = Directory::new();
    let sink = Pipelined {
        inner: Switch::failing(SinkErrorKind::Disconnected),
        batches: Arc::default(),
    };
    let spool = builder(directory.file()).deliver_to("target", sink.clone());
    let spool = spool.open().await.unwrap();
    let events: Vec<_> = (0..200).map(|number| event(1, number)).collect();
    send_all(&spool, &events).await;
    let batches = || sink.batches.lock().unwrap().clone();
    wait_for(&spool, "three calls", |_| batches().len() >= 3).await;
    sink.inner.set(Mode::Accept);
    spool.flush().await.unwrap();
    assert_eq!(ids(&sink.inner.events()), ids(&events));
    let batches = batches();
    assert_eq!(batches[..3], [32, 1, 1]);
    // The probe that succeeded, and then as many as may be in flight.
    let delivered: Vec<_> = batches.iter().skip(1).skip_while(|batch| **batch == 1).collect();
    assert_eq!(delivered, [&32, &32, &32, &32, &32, &32, &7]);
    spool.close().await.unwrap();
}

/// A sink that accepts events of the first goal once there is a permit, and has ended for those of other goals.
#[derive(Clone, Debug)]
struct Ending(Arc<Semaphore>);

#[async_trait]
impl DriverEventSink for Ending {
    async fn send(&self, envelope: Envelope) -> Result<Receipt, SinkError> {
        if envelope.goal_id() != Some(goal(1)) {
            return Err(SinkError::new(SinkErrorKind::Closed, "ended"));
        }
        self.0.acquire().await.unwrap().forget();
        Ok(Receipt::Written)
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::Written
    }
}

/// A factory that hangs holds up the next call, and not the record of the last one.
#[tokio::test]
async fn delivered_event_is_recorded_while_the_factory_hangs() {
    let directory = Directory::new();
    let sink = Ending(Arc::new(Semaphore::new(0)));
    let opened = Arc::new(AtomicUsize::new(0));
    let open = {
        let (sink, opened) = (sink.clone(), Arc::clone(&opened));
        move || {
            let (sink, number) = (sink.clone(), opened.fetch_add(1, Ordering::SeqCst));
            async move {
                match number {
                    0 => Ok::<_, String>(sink),
                    _ => std::future::pending().await,
                }
            }
        }
    };
    let spool = impatient(builder(directory.file())).deliver_to_opened("target", open);
    let spool = spool.open().await.unwrap();
    send_all(&spool, &[event(1, 0)]).await;
    wait_for(&spool, "the first event to be read", |health| {
        health.targets[0].oldest_age.is_some()
    })
    .await;
    send_all(&spool, &[event(2, 0)]).await;
    wait_for(&spool, "another sink", |_| opened.load(Ordering::SeqCst) == 2).await;
    sink.0.add_permits(1);
    let health = wait_for(&spool, "the record", |health| health.targets[0].delivered == 1).await;
    assert_eq!(health.targets[0].depth, 1);
    spool.close().await.unwrap_err();
}
