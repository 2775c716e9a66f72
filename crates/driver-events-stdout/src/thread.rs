use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::Builder;

use crate::failure::Failure;
use crate::output::{Chunk, Output};
use crate::queue::Queue;

/// Short enough to be shown whole by every operating system.
const THREAD_NAME: &str = "event-writer";

/// Starts the thread that writes what is in the queue. It ends by itself when the queue is closed and empty.
pub(crate) fn start(queue: Arc<Queue>, output: Output) -> io::Result<()> {
    Builder::new()
        .name(THREAD_NAME.to_owned())
        .spawn(move || {
            // A panic of the writer must not leave those who wait for it waiting. What it leaves behind is dropped.
            let panic = catch_unwind(AssertUnwindSafe(|| run(&queue, output))).err();
            queue.ended(panic.map(|payload| Failure::of_panic(&*payload)));
        })
        .map(drop)
}

fn run(queue: &Queue, mut output: Output) {
    let mut chunk = Chunk::default();
    let mut has_just_written = false;
    while queue.take(&mut chunk, has_just_written) {
        while let Err(error) = output.write(&mut chunk) {
            if !queue.failed(Failure::of_write(error), &chunk) {
                return;
            }
        }
        queue.wrote();
        has_just_written = true;
    }
}
