use std::io::{IsTerminal, stderr, stdout};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Smallest input with a progress bar; a smaller one is published too quickly.
const MIN_INPUT_BYTES: u64 = 1024 * 1024;

const BAR_TEMPLATE: &str = "{bar:30} {percent:>3} %  {binary_bytes_per_sec}  {eta} left";

/// Creates a progress bar on standard error. It is hidden if standard error is not a terminal, if the input is small or
/// its size unknown, and if events are printed to the terminal.
pub(super) fn bar(input_bytes: Option<u64>, prints_events: bool) -> ProgressBar {
    let is_visible = stderr().is_terminal() && !(prints_events && stdout().is_terminal());
    let Some(bytes) = input_bytes.filter(|bytes| is_visible && *bytes >= MIN_INPUT_BYTES) else {
        return ProgressBar::hidden();
    };
    let bar = ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template(BAR_TEMPLATE) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
