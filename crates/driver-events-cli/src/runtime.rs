use tokio::runtime::Builder;

use crate::exit::Exit;
use crate::report::{Report, with_causes};
use crate::signals::Stop;

/// Runs a command that waits for more than one thing.
///
/// The command has this thread to itself. The signals are heard on another, also while this one is stuck in a write to
/// standard error or to the file of rejects, which may be pipes that nobody reads.
pub(crate) fn run<F: Future<Output = Exit>>(command: impl FnOnce(Stop) -> F) -> Exit {
    let runtime = match Builder::new_multi_thread().worker_threads(1).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            Report::new().error(format_args!("cannot start: {}", with_causes(&error)));
            return Exit::Failure;
        }
    };
    let exit = runtime.block_on(async {
        match Stop::listen() {
            Ok(stop) => command(stop).await,
            Err(error) => {
                Report::new().error(format_args!("cannot listen to signals: {}", with_causes(&error)));
                Exit::Failure
            }
        }
    });
    // A read of standard input cannot be cancelled. The process does not wait for it.
    runtime.shutdown_background();
    exit
}
