//! Random histories, compared with a list.

use driver_events_core::{DriverEventSink, Envelope, SinkErrorKind};
use driver_events_spool::SpooledSink;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};

use crate::support::{Directory, Mode, Switch, builder, event, goal, ids, impatient, wait_for};

const GOALS: u32 = 3;

#[derive(Clone, Debug)]
enum Step {
    Send(u32),
    SendBatch(Vec<u32>),
    /// Sets what a target does.
    Switch(usize, Switched),
    /// Waits until a target has called.
    Wait(usize),
    Close,
    Drop,
}

#[derive(Clone, Copy, Debug)]
enum Switched {
    Accept,
    Fail,
    FailGoal(u32),
    Finish,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let switched = prop_oneof![
        3 => Just(Switched::Accept),
        2 => Just(Switched::Fail),
        1 => (0..GOALS).prop_map(Switched::FailGoal),
        1 => Just(Switched::Finish),
    ];
    let step = prop_oneof![
        6 => (0..GOALS).prop_map(Step::Send),
        3 => vec(0..GOALS, 1..20).prop_map(Step::SendBatch),
        3 => (0_usize..2, switched).prop_map(|(target, switched)| Step::Switch(target, switched)),
        1 => (0_usize..2).prop_map(Step::Wait),
        1 => Just(Step::Close),
        1 => Just(Step::Drop),
    ];
    vec(step, 1..40)
}

async fn open(directory: &Directory, targets: &[Switch; 2]) -> SpooledSink {
    loop {
        let [first, second] = targets;
        let spool = impatient(builder(directory.file()))
            .deliver_to("first", first.clone())
            .deliver_to("second", second.clone());
        match spool.open().await {
            Ok(spool) => return spool,
            // A spool that was dropped still commits.
            Err(error) => assert!(error.to_string().contains("in use"), "{error}"),
        }
        tokio::task::yield_now().await;
    }
}

async fn run(steps: Vec<Step>) {
    let directory = Directory::new();
    let targets = [Switch::default(), Switch::default()];
    let mut spool = open(&directory, &targets).await;
    let mut accepted: Vec<Envelope> = Vec::new();
    for step in steps {
        match step {
            Step::Send(goal) => {
                let envelope = event(goal, 0);
                spool.send(envelope.clone()).await.unwrap();
                accepted.push(envelope);
            }
            Step::SendBatch(goals) => {
                let batch: Vec<_> = goals.into_iter().map(|goal| event(goal, 0)).collect();
                for result in spool.send_batch(batch.clone()).await {
                    result.unwrap();
                }
                accepted.extend(batch);
            }
            Step::Switch(target, switched) => targets[target].set(match switched {
                Switched::Accept => Mode::Accept,
                Switched::Fail => Mode::Fail(SinkErrorKind::Disconnected),
                Switched::FailGoal(number) => Mode::FailGoal(goal(number), SinkErrorKind::Timeout),
                Switched::Finish => Mode::Fail(SinkErrorKind::Closed),
            }),
            Step::Wait(target) => {
                let before = targets[target].calls();
                wait_for(&spool, "a call or nothing to do", |health| {
                    health.targets[target].depth == 0 || targets[target].calls() > before
                })
                .await;
            }
            Step::Close => {
                // Undelivered events are no failure here.
                let _ = spool.close().await;
                drop(spool);
                spool = open(&directory, &targets).await;
            }
            Step::Drop => {
                drop(spool);
                spool = open(&directory, &targets).await;
            }
        }
    }
    for target in &targets {
        target.set(Mode::Accept);
    }
    wait_for(&spool, "delivery", |health| {
        health.targets.iter().all(|target| target.depth == 0)
    })
    .await;
    spool.close().await.unwrap();
    for target in &targets {
        let found = target.events();
        for number in 0..GOALS {
            let of_goal = |envelopes: &[Envelope]| {
                let mut first_copies = Vec::new();
                for envelope in envelopes
                    .iter()
                    .filter(|envelope| envelope.goal_id() == Some(goal(number)))
                {
                    let id = envelope.id().to_string();
                    if !first_copies.contains(&id) {
                        first_copies.push(id);
                    }
                }
                first_copies
            };
            assert_eq!(of_goal(&found), of_goal(&accepted));
        }
    }
    let connection = rusqlite::Connection::open(directory.file()).unwrap();
    for table in ["events", "settled", "dead_letters"] {
        let sql = format!("SELECT count(*) FROM {table}");
        let rows: i64 = connection.query_row(&sql, [], |row| row.get(0)).unwrap();
        assert_eq!(rows, 0, "{table} of {:?}", ids(&accepted));
    }
}

proptest! {
    #![proptest_config(Config { cases: 60, failure_persistence: None, rng_seed: RngSeed::Fixed(0x5eed), ..Config::default() })]

    #[test]
    fn every_history_delivers_everything_in_order(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(run(steps));
    }
}
