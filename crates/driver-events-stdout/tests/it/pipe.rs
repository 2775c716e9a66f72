use std::error::Error;
use std::io::{self, Read};

use driver_events_core::{DriverEventSink, SinkErrorKind};
use driver_events_stdout::WriterEventSink;

use crate::support::{event, lines, send_all};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pipe_receives_every_line() {
    let (mut reader, writer) = io::pipe().unwrap();
    let read = tokio::task::spawn_blocking(move || {
        let mut text = String::new();
        reader.read_to_string(&mut text).map(|_| text)
    });
    let sink = WriterEventSink::new(writer);
    send_all(&sink, 0..20_000).await;
    // The reader reads to the end because `close` drops the writer.
    sink.close().await.unwrap();
    assert_eq!(read.await.unwrap().unwrap(), lines(0..20_000));
}

#[tokio::test]
async fn closed_pipe_closes_the_sink() {
    let (reader, writer) = io::pipe().unwrap();
    let sink = WriterEventSink::new(writer);
    send_all(&sink, 0..1).await;
    sink.flush().await.unwrap();
    drop(reader);

    send_all(&sink, 1..2).await;
    let error = sink.flush().await.unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::Closed);
    assert_eq!(error.to_string(), "reader closed the pipe, 1 accepted event lost");
    let source = error.source().unwrap().downcast_ref::<io::Error>().unwrap();
    assert_eq!(source.kind(), io::ErrorKind::BrokenPipe);
    assert_eq!(sink.send(event(2)).await.unwrap_err().kind(), SinkErrorKind::Closed);
}
