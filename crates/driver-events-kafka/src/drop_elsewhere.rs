use std::io;
use std::thread;

/// Drops a client of librdkafka's, which waits for its threads when it ends, on a thread of its own. Where none can be
/// had, it ends here.
pub(crate) fn drop_elsewhere(client: impl Send + 'static) {
    let _ = elsewhere(move || drop(client));
}

/// Does what blocks in librdkafka, and may never end, on a thread that nobody waits for.
///
/// # Errors
/// No thread can be had.
pub(crate) fn elsewhere(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let name = "driver-events-kafka-end".to_owned();
    thread::Builder::new().name(name).spawn(work).map(|_| ())
}
