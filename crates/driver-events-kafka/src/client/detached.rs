//! Detached threads for librdkafka's calls that may block forever.

use std::io;
use std::thread;

use tokio::sync::oneshot;

/// Drops a librdkafka client on a detached thread, since the destructor waits for the client's threads. Drops it on the
/// calling thread if no thread can be spawned.
pub(crate) fn drop_detached(client: impl Send + 'static) {
    let _ = spawn(move || drop(client));
}

/// Runs blocking work on a detached thread: unlike `spawn_blocking`, it never delays the shutdown of the runtime.
///
/// # Errors
/// The thread cannot be spawned, or the work panicked.
pub(crate) async fn run_detached<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    let (sender, result) = oneshot::channel();
    spawn(move || {
        // The receiver is gone after a timeout.
        let _ = sender.send(work());
    })?;
    result.await.map_err(io::Error::other)
}

fn spawn(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let name = "driver-events-kafka-end".to_owned();
    thread::Builder::new().name(name).spawn(work).map(|_| ())
}
