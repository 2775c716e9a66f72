use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use driver_events_core::conformance::samples;
use driver_events_core::{DriverEventSink, Envelope, SinkErrorKind};
use driver_events_stdout::WriterEventSink;
use driver_events_types::{Decoded, DriverEvent};

use crate::support::{ScriptedWriter, Step, Written, event, line, lines, poll_once, send_all};

/// Two lines: the third finds the buffer full.
const BUFFER_BYTES: usize = 150;

/// A sink whose writer is stalled, and whose buffer is full. Tells how many events it took.
async fn stalled() -> (WriterEventSink, Written, u32) {
    let (writer, written) = ScriptedWriter::new([Step::Gate]);
    let sink = WriterEventSink::builder().buffer_bytes(BUFFER_BYTES).build(writer);
    send_all(&sink, 0..1).await;
    written.wait_until(|state| state.writes == 1);
    let mut taken = 1;
    while poll_once(pin!(sink.send(event(taken)))).await.is_ready() {
        taken += 1;
    }
    (sink, written, taken)
}

#[tokio::test]
async fn memory_is_bounded_by_the_buffer() {
    let (_sink, written, taken) = stalled().await;
    let waiting = lines(1..taken).len();
    assert!(waiting >= BUFFER_BYTES, "{waiting}");
    assert!(waiting < BUFFER_BYTES + line(taken).len(), "{waiting}");
    written.open_gate();
}

/// On a runtime of one thread: would the sink block it, this test would hang.
#[tokio::test(flavor = "current_thread")]
async fn a_stalled_reader_stops_those_who_send_and_nobody_else() {
    let (sink, written, taken) = stalled().await;
    let sink = Arc::new(sink);
    let sender = tokio::spawn({
        let sink = Arc::clone(&sink);
        async move { send_all(&*sink, taken..1_000).await }
    });
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    assert!(!sender.is_finished());
    written.open_gate();
    sender.await.unwrap();
    sink.flush().await.unwrap();
    assert_eq!(written.text(), lines(0..1_000));
}

/// The buffer has room as soon as its lines are on their way, and not only when they have come out.
#[tokio::test]
async fn there_is_room_while_a_write_goes_on() {
    let (writer, written) = ScriptedWriter::new([Step::Gate, Step::Gate]);
    let sink = WriterEventSink::builder().buffer_bytes(1).build(writer);
    send_all(&sink, 0..1).await;
    written.wait_until(|state| state.writes == 1);
    send_all(&sink, 1..2).await;
    let mut send = pin!(sink.send(event(2)));
    assert!(poll_once(send.as_mut()).await.is_pending());
    written.open_gate();
    send.await.unwrap();
    written.open_gate();
    sink.flush().await.unwrap();
    assert_eq!(written.text(), lines(0..3));
}

#[tokio::test]
async fn a_send_that_is_dropped_while_it_waits_leaves_nothing_behind() {
    let (sink, written, taken) = stalled().await;
    {
        let mut send = pin!(sink.send(event(taken)));
        assert!(poll_once(send.as_mut()).await.is_pending());
        assert!(poll_once(send.as_mut()).await.is_pending());
    }
    written.open_gate();
    sink.flush().await.unwrap();
    assert_eq!(written.text(), lines(0..taken));
    send_all(&sink, taken..taken + 1).await;
    sink.flush().await.unwrap();
    assert_eq!(written.text(), lines(0..taken + 1));
}

#[tokio::test]
async fn close_refuses_those_who_wait_for_room() {
    let (sink, written, taken) = stalled().await;
    let mut send = pin!(sink.send(event(taken)));
    let mut close = pin!(sink.close());
    assert!(poll_once(send.as_mut()).await.is_pending());
    assert!(poll_once(close.as_mut()).await.is_pending());
    let Poll::Ready(Err(error)) = poll_once(send.as_mut()).await else {
        panic!("the sink is closed");
    };
    assert_eq!(error.kind(), SinkErrorKind::Closed);
    written.open_gate();
    close.await.unwrap();
    assert_eq!(written.text(), lines(0..taken));
}

#[tokio::test]
async fn a_line_longer_than_the_buffer_is_taken() {
    let (writer, written) = ScriptedWriter::new([]);
    let sink = WriterEventSink::builder().buffer_bytes(1).build(writer);
    let long = samples::sized(samples::goal(1), 100_000);
    let expected = String::from_utf8(long.json().unwrap().to_vec()).unwrap() + "\n";
    sink.send(long).await.unwrap();
    send_all(&sink, 0..3).await;
    sink.flush().await.unwrap();
    assert_eq!(written.text(), expected + &lines(0..3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_of_many_tasks_stay_whole_and_in_the_order_of_each_task() {
    const TASKS: u32 = 8;
    const EVENTS: u32 = 300;
    let (writer, written) = ScriptedWriter::new((0..10_000).map(|call| Step::Take(50 + call % 99)));
    let sink = Arc::new(WriterEventSink::builder().buffer_bytes(2_000).build(writer));
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let sink = Arc::clone(&sink);
            tokio::spawn(async move {
                for number in 0..EVENTS {
                    let event = samples::numbered(samples::goal(task), number);
                    sink.send(Envelope::new(event)).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    sink.close().await.unwrap();

    let mut next = [0; TASKS as usize];
    for line in written.text().split_terminator('\n') {
        let Decoded::Known(DriverEvent::CompactCompleted {
            goal_id, turn_index, ..
        }) = Decoded::from_json(line.as_bytes()).unwrap()
        else {
            panic!("{line}");
        };
        let task = (0..TASKS).find(|task| samples::goal(*task) == goal_id).unwrap() as usize;
        assert_eq!(turn_index, next[task], "of task {task}");
        next[task] += 1;
    }
    assert_eq!(next, [EVENTS; TASKS as usize]);
}

#[tokio::test]
async fn flush_waits_for_what_was_accepted_before_it() {
    let (sink, written, taken) = stalled().await;
    let mut flush = pin!(sink.flush());
    assert!(poll_once(flush.as_mut()).await.is_pending());
    written.open_gate();
    flush.await.unwrap();
    assert_eq!(written.text(), lines(0..taken));
    assert!(written.wait_until(|_| true).flushes >= 2);
}
