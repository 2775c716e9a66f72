//! Stdout is shared by the whole process, so each of these tests runs in a child process.

use std::io::{BufRead, BufReader, Read};
use std::process;
use std::thread;

use driver_events_core::{DriverEventSink, SinkErrorKind};
use driver_events_stdout::StdoutEventSink;

use crate::support::{child, event, is_child, line, lines, send_all};

/// Separates the output of the test from that of the test runner.
const START_MARKER: &str = "start of the test";
const EVENTS: u32 = 5_000;

#[tokio::test]
async fn lines_and_concurrent_prints_are_not_torn() {
    let printed = |number: u32| format!("printed {number} {}", "x".repeat(200));
    if is_child() {
        println!("\n{START_MARKER}");
        let sink = StdoutEventSink::new();
        let printer = thread::spawn(move || (0..EVENTS).for_each(|number| println!("{}", printed(number))));
        send_all(&sink, 0..EVENTS).await;
        sink.close().await.unwrap();
        printer.join().unwrap();
        process::exit(0);
    }

    let output = child("stdout::lines_and_concurrent_prints_are_not_torn")
        .output()
        .unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let (_, text) = text.split_once(&format!("\n{START_MARKER}\n")).unwrap();
    let (events, prints): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.starts_with('{'));
    let expected: Vec<String> = (0..EVENTS).map(|number| line(number).trim_end().to_owned()).collect();
    assert_eq!(events, expected);
    let expected: Vec<String> = (0..EVENTS).map(printed).collect();
    assert_eq!(prints, expected);
}

#[tokio::test]
async fn batches_and_published_events_are_written() {
    if is_child() {
        println!("\n{START_MARKER}");
        let sink = StdoutEventSink::new();
        sink.publish(event(0).into_event().unwrap()).await.unwrap();
        let results = sink.send_batch(vec![event(1), event(2)]).await;
        assert!(results.len() == 2 && results.iter().all(Result::is_ok), "{results:?}");
        sink.close().await.unwrap();
        println!("{}", sink.name());
        process::exit(0);
    }

    let output = child("stdout::batches_and_published_events_are_written")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (_, text) = text.split_once(&format!("\n{START_MARKER}\n")).unwrap();
    assert_eq!(text, format!("{}StdoutEventSink\n", lines(0..3)));
}

#[tokio::test]
async fn closed_stdout_closes_the_sink_without_panic() {
    if is_child() {
        println!("\n{START_MARKER}");
        let sink = StdoutEventSink::new();
        let error = loop {
            // Until the parent closes the pipe.
            send_all(&sink, 0..1).await;
            if let Err(error) = sink.flush().await {
                break error;
            }
        };
        let closes = sink
            .close()
            .await
            .is_err_and(|error| error.kind() == SinkErrorKind::Closed);
        let refuses = sink
            .send(event(1))
            .await
            .is_err_and(|error| error.kind() == SinkErrorKind::Closed);
        let is_closed = error.kind() == SinkErrorKind::Closed && closes && refuses;
        process::exit(if is_closed { 0 } else { 1 });
    }

    let mut child = child("stdout::closed_stdout_closes_the_sink_without_panic")
        .spawn()
        .unwrap();
    let reader = BufReader::new(child.stdout.take().unwrap());
    let first = reader
        .lines()
        .map(Result::unwrap)
        .find(|line| line.starts_with('{'))
        .unwrap();
    assert_eq!(first, line(0).trim_end());
    // `lines` dropped the reader, which closes the pipe.
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!(stderr, "");
    assert!(child.wait().unwrap().success());
}
