//! A driver loop with three goals, whose events go to the sink of a URL and to a file beside it.
//!
//! ```sh
//! cargo run --package driver-events --features nats --example driver_loop -- jetstream://127.0.0.1:4222/DRIVER file:/tmp/run.ndjson
//! ```

#![allow(clippy::print_stderr, reason = "an example may print and panic")]

use std::env;
use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use driver_events::{
    AcceptanceCriterion, AttemptOutcome, AttemptResult, BudgetGuards, BudgetUsage, DriverEvent, DriverEventSink,
    DriverEventSinkExt, FanOut, Goal, GoalId, GoalOutcome, Options, SinkError, open_sink,
};

/// How long the process waits for the last events before it exits.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// Limits at which the loop hands a goal to an operator.
const BUDGET: BudgetGuards = BudgetGuards {
    max_turns: 20,
    max_wall_time: Duration::from_secs(3_600),
    max_tokens: 1_000_000,
    max_consecutive_denies: 3,
    max_consecutive_errors: 5,
    max_consecutive_413: 2,
};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Result<()> {
    let urls: Vec<String> = env::args().skip(1).collect();
    let [broker, file] = urls.as_slice() else {
        return Err("usage: driver_loop URL URL".into());
    };
    run(broker, file).await
}

/// Works on three goals at once, and closes the sink.
pub async fn run(broker: &str, file: &str) -> Result<()> {
    let mut options = Options::default();
    options.create_stream = true;
    options.create_topic = true;
    let sinks = [
        ("broker", open_sink(broker, &options).await?.sink),
        ("file", open_sink(file, &options).await?.sink),
    ];
    // Numbers the events of each goal, so that readers notice what they missed. Outermost: both sinks get the same numbers.
    let sink: Arc<dyn DriverEventSink> = Arc::new(FanOut::named(sinks).stamped("urn:example:driver")?);

    let goals = ["fix the parser", "update the docs", "speed up the tests"];
    let working = goals.map(|description| tokio::spawn(work(Arc::clone(&sink), description)));
    let mut failed = Ok(());
    for goal in working {
        if let Err(panicked) = goal.await {
            failed = Err(panicked);
        }
    }
    // First of all the events of the other goals.
    close(&*sink).await?;
    Ok(failed?)
}

/// Works on one goal until it is done.
async fn work(sink: Arc<dyn DriverEventSink>, description: &str) {
    let started = Instant::now();
    let goal = Goal {
        id: GoalId::new(),
        description: description.to_owned(),
        acceptance: vec![AcceptanceCriterion::shell("cargo test")],
        budget: BUDGET,
        workspace: None,
        metadata: Default::default(),
    };
    let goal_id = goal.id;
    report(&*sink, DriverEvent::GoalStarted { goal }).await;

    let mut usage = BudgetUsage::default();
    for turn_index in 0..2 {
        let before = usage.clone();
        report(
            &*sink,
            DriverEvent::AttemptStarted {
                goal_id,
                turn_index,
                usage: before,
            },
        )
        .await;
        // The agent works here.
        usage.turns += 1;
        usage.tokens += 1_200;
        let result = AttemptResult {
            goal_id,
            turn_index,
            outcome: if turn_index == 0 {
                AttemptOutcome::NeedsRetry { failures: Vec::new() }
            } else {
                AttemptOutcome::Done
            },
            decisions_recorded: Vec::new(),
            usage_after: usage.clone(),
            acceptance: None,
            final_text: None,
            harness_extras: Default::default(),
        };
        report(&*sink, DriverEvent::AttemptCompleted { result }).await;
    }

    let outcome = GoalOutcome {
        goal_id,
        outcome: AttemptOutcome::Done,
        total_turns: usage.turns,
        usage,
        final_text: Some("all tests pass".to_owned()),
        acceptance: None,
        elapsed: started.elapsed(),
    };
    report(&*sink, DriverEvent::GoalCompleted { outcome }).await;
}

/// Publishes an event. A failure must not stop the driver loop.
async fn report(sink: &dyn DriverEventSink, event: DriverEvent) {
    if let Err(error) = sink.publish(event).await {
        eprintln!("event not published: {error}");
    }
}

/// Delivers buffered events, within a deadline.
async fn close(sink: &dyn DriverEventSink) -> Result<()> {
    let closed: std::result::Result<(), SinkError> = tokio::time::timeout(CLOSE_TIMEOUT, sink.close()).await?;
    Ok(closed?)
}
