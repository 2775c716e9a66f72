use std::io::{IsTerminal, stderr, stdout};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A shorter input is through before a bar could be read.
const LONG_INPUT: u64 = 1024 * 1024;

const TEMPLATE: &str = "{bar:30} {percent:>3} %  {binary_bytes_per_sec}  {eta} left";

/// A bar on standard error for an input of this many bytes; hidden where it would be of no use: in a pipe, for a short
/// input or one without a known end, and where the events themselves go to the terminal.
pub(super) fn bar(input_bytes: Option<u64>, prints_events: bool) -> ProgressBar {
    let is_seen = stderr().is_terminal() && !(prints_events && stdout().is_terminal());
    let Some(bytes) = input_bytes.filter(|bytes| is_seen && *bytes >= LONG_INPUT) else {
        return ProgressBar::hidden();
    };
    let bar = ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
