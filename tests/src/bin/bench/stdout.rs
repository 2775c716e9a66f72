//! The stdout sink compared with a `BufWriter` of 64 KiB, each into a pipe that a thread drains. Both sides encode.

use std::io::{self, BufWriter, PipeWriter, Read, Write};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use driver_events_core::{DriverEventSink, Envelope};
use driver_events_stdout::WriterEventSink;
use driver_events_types::DriverEvent;

use crate::Failure;
use crate::rounds::{Ratio, compare, print_head, timed};

const REPEATS: usize = 2_000;

/// Batch size of the command-line tool and other bulk senders.
const BATCH: usize = 256;

pub(crate) fn run() -> Result<(), Failure> {
    let events: Vec<DriverEvent> = crate::GOAL_RUN
        .lines()
        .map(|line| DriverEvent::from_json(line.as_bytes()))
        .collect::<Result<_, _>>()?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let total = events.len() * REPEATS;
    println!("stdout: {total} events into a pipe, per event; ratio of speeds, more is better");
    print_head();
    // Both sides own their events and drop each one after sending, as a driver does.
    let raw = || {
        let events: Vec<DriverEvent> = repeated(&events).collect();
        through_pipe(|pipe| write_buffered(events, pipe))
    };
    compare(
        "send_batch of 256 ready envelopes / BufWriter",
        total,
        Ratio::Speed,
        || {
            let mut batches: Vec<Vec<Envelope>> = Vec::new();
            for (index, event) in repeated(&events).enumerate() {
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
    compare(
        "send of ready envelopes / BufWriter 64 KiB",
        total,
        Ratio::Speed,
        || {
            let envelopes: Vec<Envelope> = repeated(&events).map(Envelope::new).collect();
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
    compare(
        "publish of ready events / BufWriter 64 KiB",
        total,
        Ratio::Speed,
        || {
            let events: Vec<DriverEvent> = repeated(&events).collect();
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

fn repeated(events: &[DriverEvent]) -> impl Iterator<Item = DriverEvent> {
    std::iter::repeat_n(events, REPEATS).flatten().cloned()
}

fn write_buffered(events: Vec<DriverEvent>, pipe: PipeWriter) -> Result<Duration, Failure> {
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
