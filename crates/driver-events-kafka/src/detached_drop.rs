use std::io;
use std::thread;

/// Drops a librdkafka client on a detached thread, since the destructor waits for the client's threads. Drops it on the
/// calling thread if no thread can be spawned.
pub(crate) fn drop_detached(client: impl Send + 'static) {
    let _ = spawn_detached(move || drop(client));
}

/// Runs work that may block in librdkafka forever on a detached thread.
///
/// # Errors
/// The thread cannot be spawned.
pub(crate) fn spawn_detached(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let name = "driver-events-kafka-end".to_owned();
    thread::Builder::new().name(name).spawn(work).map(|_| ())
}
