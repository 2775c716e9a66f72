pub(crate) mod output;
pub(crate) mod queue;

mod write_failure;

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::Builder;

use self::output::{Chunk, Output};
use self::queue::Queue;
use self::write_failure::WriteFailure;

/// At most 15 bytes, the limit of Linux.
const THREAD_NAME: &str = "event-writer";

/// Creates a queue whose first line starts a thread that writes to the output.
pub(crate) fn queue_to(output: Output, max_buffered_bytes: usize) -> Queue {
    Queue::new(|queue| start(queue, output), max_buffered_bytes)
}

/// Starts the thread that writes the queue to the output. It exits once the queue is closed and empty.
fn start(queue: Arc<Queue>, output: Output) -> io::Result<()> {
    Builder::new()
        .name(THREAD_NAME.to_owned())
        .spawn(move || {
            // After a panic of the writer, waiting tasks must get an error. The output is dropped by the unwinding.
            let panic = catch_unwind(AssertUnwindSafe(|| run(&queue, output))).err();
            queue.thread_exited(panic.map(|payload| WriteFailure::of_panic(&*payload)));
        })
        .map(drop)
}

fn run(queue: &Queue, mut output: Output) {
    let mut chunk = Chunk::default();
    let mut has_just_written = false;
    while queue.next_chunk(&mut chunk, has_just_written) {
        while let Err(error) = output.write(&mut chunk) {
            if !queue.write_failed(WriteFailure::of_write(error), &chunk) {
                return;
            }
        }
        queue.write_succeeded();
        has_just_written = true;
    }
}
