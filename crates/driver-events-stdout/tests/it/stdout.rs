//! Stdout belongs to the whole process, so each of these tests runs itself in a process of its own.

use std::env;
use std::io::{BufRead, BufReader, Read};
use std::process::{self, Child, Command, Stdio};
use std::thread;

use driver_events_core::{DriverEventSink, SinkErrorKind};
use driver_events_stdout::StdoutEventSink;

use crate::support::{event, line, send_all};

const IN_CHILD: &str = "DRIVER_EVENTS_STDOUT_TEST_CHILD";
/// What the test runner prints stands before this line.
const BEGIN: &str = "the test begins";
const EVENTS: u32 = 5_000;

fn is_child() -> bool {
    env::var_os(IN_CHILD).is_some()
}

fn child(test: &str) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(IN_CHILD, "1")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[tokio::test]
async fn lines_and_what_others_print_do_not_tear_each_other() {
    let printed = |number: u32| format!("printed {number} {}", "x".repeat(200));
    if is_child() {
        println!("\n{BEGIN}");
        let sink = StdoutEventSink::new();
        let printer = thread::spawn(move || (0..EVENTS).for_each(|number| println!("{}", printed(number))));
        send_all(&sink, 0..EVENTS).await;
        sink.close().await.unwrap();
        printer.join().unwrap();
        process::exit(0);
    }

    let output = child("stdout::lines_and_what_others_print_do_not_tear_each_other")
        .wait_with_output()
        .unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let (_, text) = text.split_once(&format!("\n{BEGIN}\n")).unwrap();
    let (events, prints): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.starts_with('{'));
    let expected: Vec<String> = (0..EVENTS).map(|number| line(number).trim_end().to_owned()).collect();
    assert_eq!(events, expected);
    let expected: Vec<String> = (0..EVENTS).map(printed).collect();
    assert_eq!(prints, expected);
}

#[tokio::test]
async fn a_closed_stdout_ends_the_sink_quietly() {
    if is_child() {
        println!("\n{BEGIN}");
        let sink = StdoutEventSink::new();
        let error = loop {
            // Sooner or later the pipe is closed.
            send_all(&sink, 0..1).await;
            if let Err(error) = sink.flush().await {
                break error;
            }
        };
        let closes = sink
            .close()
            .await
            .is_err_and(|error| error.kind() == SinkErrorKind::Closed);
        let refuses = sink.send(event(1)).await.is_err();
        let is_quiet = error.kind() == SinkErrorKind::Closed && closes && refuses;
        process::exit(if is_quiet { 0 } else { 1 });
    }

    let mut child = child("stdout::a_closed_stdout_ends_the_sink_quietly");
    let reader = BufReader::new(child.stdout.take().unwrap());
    let first = reader
        .lines()
        .map(Result::unwrap)
        .find(|line| line.starts_with('{'))
        .unwrap();
    assert_eq!(first, line(0).trim_end());
    // The reader is dropped here, and with it the pipe is closed.
    let mut complaints = String::new();
    child.stderr.take().unwrap().read_to_string(&mut complaints).unwrap();
    assert_eq!(complaints, "");
    assert!(child.wait().unwrap().success());
}
