use std::error::Error;
use std::io::{self, Read};

use driver_events_core::{DriverEventSink, SinkErrorKind};
use driver_events_stdout::WriterEventSink;

use crate::support::{event, lines, send_all};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pipe_gets_every_line() {
    let (mut reader, writer) = io::pipe().unwrap();
    let read = tokio::task::spawn_blocking(move || {
        let mut text = String::new();
        reader.read_to_string(&mut text).map(|_| text)
    });
    let sink = WriterEventSink::new(writer);
    send_all(&sink, 0..20_000).await;
    // The reader sees the end of the pipe because the sink drops it.
    sink.close().await.unwrap();
    assert_eq!(read.await.unwrap().unwrap(), lines(0..20_000));
}

#[tokio::test]
async fn a_reader_that_closes_the_pipe_ends_the_sink_quietly() {
    let (reader, writer) = io::pipe().unwrap();
    let sink = WriterEventSink::new(writer);
    send_all(&sink, 0..1).await;
    sink.flush().await.unwrap();
    drop(reader);

    send_all(&sink, 1..2).await;
    let error = sink.flush().await.unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::Closed);
    assert_eq!(error.to_string(), "the reader has gone away, 1 accepted event is lost");
    let source = error.source().unwrap().downcast_ref::<io::Error>().unwrap();
    assert_eq!(source.kind(), io::ErrorKind::BrokenPipe);
    assert_eq!(sink.send(event(2)).await.unwrap_err().kind(), SinkErrorKind::Closed);
}
