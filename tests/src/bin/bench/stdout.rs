//! The stdout sink compared with a `BufWriter` of 64 KiB, each into a pipe that a thread drains. Both sides encode.

use std::io::{self, BufWriter, PipeWriter, Read, Write};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use driver_events_core::{DriverEventSink, Envelope};
use driver_events_stdout::WriterEventSink;

use crate::Failure;
use crate::events::{RawEvent, events, raw_events};
use crate::report::{Report, Row};
use crate::rounds::timed;

const REPEATS: usize = 2_000;

/// Batch size of the command-line tool and other bulk senders.
const BATCH: usize = 256;

pub(crate) fn run(report: &Report) -> Result<(), Failure> {
    let total = crate::GOAL_RUN.lines().count() * REPEATS;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    report.ratios(&format!(
        "stdout: {total} events into a pipe, per event; ratio of speeds, more is better"
    ));
    // Both sides own their events and drop each one after sending, as a driver does.
    let raw = |codec| {
        let events = raw_events(total, codec)?;
        through_pipe(|pipe| write_buffered(events, pipe))
    };
    report.compare(
        Row::speed("send_batch of 256 ready envelopes / BufWriter", total)
            .target(0.95)
            .with_derive(),
        || {
            let mut batches: Vec<Vec<Envelope>> = Vec::new();
            for (index, event) in events(total)?.into_iter().enumerate() {
                if index % BATCH == 0 {
                    batches.push(Vec::with_capacity(BATCH));
                }
                if let Some(batch) = batches.last_mut() {
                    batch.push(Envelope::new(event));
                }
            }
            through_pipe(|pipe| {
                let sink = WriterEventSink::new(pipe);
                timed(|| {
                    runtime.block_on(async {
                        for batch in batches {
                            for result in sink.send_batch(batch).await {
                                result?;
                            }
                        }
                        sink.close().await?;
                        Ok(())
                    })
                })
            })
        },
        raw,
    )?;
    report.compare(
        Row::speed("send of ready envelopes / BufWriter 64 KiB", total)
            .target(0.95)
            .with_derive(),
        || {
            let envelopes: Vec<Envelope> = events(total)?.into_iter().map(Envelope::new).collect();
            through_pipe(|pipe| {
                let sink = WriterEventSink::new(pipe);
                timed(|| {
                    runtime.block_on(async {
                        for envelope in envelopes {
                            sink.send(envelope).await?;
                        }
                        sink.close().await?;
                        Ok(())
                    })
                })
            })
        },
        raw,
    )?;
    report.compare(
        Row::speed("publish of ready events / BufWriter 64 KiB", total)
            .target(0.95)
            .with_derive(),
        || {
            let events = events(total)?;
            through_pipe(|pipe| {
                let sink = WriterEventSink::new(pipe);
                timed(|| {
                    runtime.block_on(async {
                        for event in events {
                            sink.publish(event).await?;
                        }
                        sink.close().await?;
                        Ok(())
                    })
                })
            })
        },
        raw,
    )
}

fn write_buffered(events: Vec<RawEvent>, pipe: PipeWriter) -> Result<Duration, Failure> {
    let mut pipe = BufWriter::with_capacity(64 * 1024, pipe);
    let mut line = Vec::with_capacity(4096);
    timed(|| {
        for event in events {
            line.clear();
            event.write_json(&mut line)?;
            line.push(b'\n');
            pipe.write_all(&line)?;
        }
        pipe.flush()?;
        Ok(())
    })
}

/// Runs `work` with the write end of a pipe. A thread reads the other end until it closes.
fn through_pipe(work: impl FnOnce(PipeWriter) -> Result<Duration, Failure>) -> Result<Duration, Failure> {
    let (mut reader, writer) = io::pipe()?;
    let emptied: JoinHandle<io::Result<u64>> = thread::spawn(move || {
        let mut chunk = vec![0; 256 * 1024];
        let mut bytes = 0;
        loop {
            match reader.read(&mut chunk)? {
                0 => return Ok(bytes),
                read => bytes += read as u64,
            }
        }
    });
    let time = work(writer)?;
    let bytes = emptied.join().map_err(|_| "the reader of the pipe panicked")??;
    let expected = (crate::GOAL_RUN.len() * REPEATS) as u64;
    if bytes == expected {
        Ok(time)
    } else {
        Err(format!("read {bytes} bytes from the pipe, expected {expected}").into())
    }
}
