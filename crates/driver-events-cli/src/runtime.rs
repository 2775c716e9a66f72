use tokio::runtime::Builder;

use crate::exit::Exit;
use crate::report::{Report, with_causes};
use crate::signals::Shutdown;

/// Runs an asynchronous command on the current thread.
///
/// Signals are handled on a worker thread, so they are handled even if the command blocks in a write to standard error
/// or the rejects file, which may be pipes without a reader.
pub(crate) fn run<F: Future<Output = Exit>>(command: impl FnOnce(Shutdown) -> F) -> Exit {
    let runtime = match Builder::new_multi_thread().worker_threads(1).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            Report::new().error(format_args!("cannot start the async runtime: {}", with_causes(&error)));
            return Exit::Failure;
        }
    };
    let exit = runtime.block_on(async {
        match Shutdown::listen() {
            Ok(shutdown) => command(shutdown).await,
            Err(error) => {
                Report::new().error(format_args!("cannot listen for signals: {}", with_causes(&error)));
                Exit::Failure
            }
        }
    });
    // A blocked read of standard input cannot be cancelled, so the process does not wait for it.
    runtime.shutdown_background();
    exit
}
