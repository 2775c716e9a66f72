use std::thread;

/// Drops a client of librdkafka's, which waits for its threads when it ends, on a thread of its own. Where none can be
/// had, it ends here.
pub(crate) fn drop_elsewhere(client: impl Send + 'static) {
    let _ = thread::Builder::new()
        .name("driver-events-kafka-end".to_owned())
        .spawn(move || drop(client));
}
