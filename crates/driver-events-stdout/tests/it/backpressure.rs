use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use driver_events_core::conformance::samples;
use driver_events_core::{DriverEventSink, Envelope, SinkErrorKind};
use driver_events_stdout::WriterEventSink;
use driver_events_types::{Decoded, DriverEvent};

use crate::support::{ScriptedWriter, Step, Written, event, line, lines, poll_once, send_all};

/// Enough for two lines: the third waits.
const BUFFER_BYTES: usize = 150;

/// Returns a sink with a stalled writer and a full buffer, and the number of events it accepted.
async fn stalled() -> (WriterEventSink, Written, u32) {
    let (writer, written) = ScriptedWriter::new([Step::Gate]);
    let sink = WriterEventSink::builder().buffer_bytes(BUFFER_BYTES).build(writer);
    send_all(&sink, 0..1).await;
    written.wait_until(|state| state.writes == 1);
    let mut accepted = 1;
    while poll_once(pin!(sink.send(event(accepted)))).await.is_ready() {
        accepted += 1;
    }
    (sink, written, accepted)
}

#[tokio::test]
async fn buffer_accepts_at_most_its_size_and_one_line() {
    let (_sink, written, accepted) = stalled().await;
    let buffered = lines(1..accepted).len();
    assert!(buffered >= BUFFER_BYTES, "{buffered}");
    assert!(buffered < BUFFER_BYTES + line(accepted).len(), "{buffered}");
    written.open_gate();
}

/// The runtime has one thread, so that this test hangs if the sink blocks it.
#[tokio::test(flavor = "current_thread")]
async fn stalled_writer_does_not_block_the_runtime() {
    let (sink, written, accepted) = stalled().await;
    let sink = Arc::new(sink);
    let sender = tokio::spawn({
        let sink = Arc::clone(&sink);
        async move { send_all(&*sink, accepted..1_000).await }
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

/// The buffer is free once the thread has taken its lines, even before they are written.
#[tokio::test]
async fn buffer_is_free_during_a_write() {
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
async fn dropped_pending_send_appends_nothing() {
    let (sink, written, accepted) = stalled().await;
    {
        let mut send = pin!(sink.send(event(accepted)));
        assert!(poll_once(send.as_mut()).await.is_pending());
        assert!(poll_once(send.as_mut()).await.is_pending());
    }
    written.open_gate();
    sink.flush().await.unwrap();
    assert_eq!(written.text(), lines(0..accepted));
    send_all(&sink, accepted..accepted + 1).await;
    sink.flush().await.unwrap();
    assert_eq!(written.text(), lines(0..accepted + 1));
}

#[tokio::test]
async fn close_fails_pending_sends() {
    let (sink, written, accepted) = stalled().await;
    let mut send = pin!(sink.send(event(accepted)));
    let mut close = pin!(sink.close());
    assert!(poll_once(send.as_mut()).await.is_pending());
    assert!(poll_once(close.as_mut()).await.is_pending());
    let Poll::Ready(Err(error)) = poll_once(send.as_mut()).await else {
        panic!("send did not fail");
    };
    assert_eq!(error.kind(), SinkErrorKind::Closed);
    written.open_gate();
    close.await.unwrap();
    assert_eq!(written.text(), lines(0..accepted));
}

#[tokio::test]
async fn line_longer_than_the_buffer_is_accepted() {
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
async fn concurrent_tasks_get_whole_lines_in_their_order() {
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
        assert_eq!(turn_index, next[task], "task {task}");
        next[task] += 1;
    }
    assert_eq!(next, [EVENTS; TASKS as usize]);
}

#[tokio::test]
async fn flush_waits_for_lines_accepted_before_it() {
    let (sink, written, accepted) = stalled().await;
    let mut flush = pin!(sink.flush());
    assert!(poll_once(flush.as_mut()).await.is_pending());
    written.open_gate();
    flush.await.unwrap();
    assert_eq!(written.text(), lines(0..accepted));
    assert!(written.wait_until(|_| true).flushes >= 2);
}
