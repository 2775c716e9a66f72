//! Prints each event of a source once, and goes on after outages. The same code reads JetStream, Kafka and files.
//!
//! ```sh
//! cargo run --package driver-events --features nats --example reader -- jetstream://127.0.0.1:4222/DRIVER --durable audit
//! cargo run --package driver-events --features kafka --example reader -- kafka://127.0.0.1:9092 --group audit
//! cargo run --package driver-events --example reader -- file:/tmp/run.ndjson
//! ```

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "an example may print and panic"
)]

use std::env;
use std::error::Error;
use std::time::Duration;

use driver_events::{
    Deduplicator, Delivery, DriverEventSource, Envelope, OpenError, OpenedSource, Options, SetupErrorKind, open_source,
};

/// Number of events whose source and id are remembered.
const REMEMBERED: usize = 100_000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let mut options = Options::default();
    let url = match arguments.as_slice() {
        [url] => url,
        [url, option, name] if option == "--durable" => {
            options.durable = Some(name.clone());
            url
        }
        [url, option, name] if option == "--group" => {
            options.group = Some(name.clone());
            url
        }
        _ => return Err("usage: reader URL [--durable NAME | --group NAME]".into()),
    };
    let print = |event: &Envelope| println!("{} {}", event.id(), event.kind());
    let stopped = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    read(url, &options, print, stopped).await
}

/// Handles each event once until the source ends or `stopped` is ready.
///
/// An event is acked after it was handled: if this process is killed in between, it is redelivered to the next one.
pub async fn read(
    url: &str,
    options: &Options,
    mut handle: impl FnMut(&Envelope),
    stopped: impl Future<Output = ()>,
) -> Result<(), Box<dyn Error>> {
    let mut stopped = std::pin::pin!(stopped);
    let mut source = tokio::select! {
        opened = open(url, options) => opened?.source,
        () = &mut stopped => return Ok(()),
    };
    let mut seen = Deduplicator::new(REMEMBERED);
    let mut failed = Ok(());
    loop {
        let next = tokio::select! {
            next = source.next() => next,
            () = &mut stopped => break,
        };
        match next {
            None => break,
            Some(Ok(delivery)) => settle(delivery, &mut seen, &mut handle).await,
            // The source itself reconnects.
            Some(Err(error)) if error.is_retryable() => eprintln!("{error}"),
            // `None` follows.
            Some(Err(error)) => failed = Err(error),
        }
    }
    // Sends the last acks.
    source.close().await?;
    Ok(failed?)
}

/// Opens the source, and waits while no server replies.
async fn open(url: &str, options: &Options) -> Result<OpenedSource, OpenError> {
    loop {
        match open_source(url, options).await {
            Err(error) if error.kind() == SetupErrorKind::Unreachable => {
                eprintln!("{error}");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            opened => return opened,
        }
    }
}

/// Handles an event and acks it, or rejects what is no event.
async fn settle(delivery: Delivery, seen: &mut Deduplicator, handle: &mut impl FnMut(&Envelope)) {
    let position = delivery.position().clone();
    let malformed = match delivery.envelope() {
        Ok(envelope) => {
            if seen.insert(envelope) {
                handle(envelope);
            }
            None
        }
        Err(malformed) => Some(malformed.reason().to_owned()),
    };
    let settled = match malformed {
        None => delivery.ack().await,
        Some(reason) => {
            eprintln!("{position}: {reason}");
            delivery.reject(&reason).await
        }
    };
    // The event is redelivered, and the deduplicator recognises it.
    if let Err(error) = settled {
        eprintln!("{position}: {error}");
    }
}
