use std::io::{IsTerminal, stderr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::{Args, ValueHint};
use driver_events::spool::{Health, SpoolFile, SpooledSink};
use driver_events::{DriverEventSink, SetupErrorKind};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::sleep;

use super::file::FileArgument;
use crate::connection::ConnectionArguments;
use crate::exit::Exit;
use crate::redacting_parser::RedactingParser;
use crate::report::{Report, count, with_causes};
use crate::signals::Shutdown;
use crate::target::{Target, TargetOptions};

/// Time between two looks at the progress.
const INTERVAL: Duration = Duration::from_millis(100);
const BAR_TEMPLATE: &str = "{bar:30} {percent:>3} %  {pos} of {len} events  {per_sec}  {eta} left";

/// Deliver the events of a spool whose owner has ended
///
/// A target is known by its URL without user and password. For a target with another name in the file, see `stats` and --as.
/// Events that other targets lack stay in the file.
#[derive(Debug, Args)]
pub(super) struct DrainArguments {
    #[command(flatten)]
    file: FileArgument,

    /// Target to deliver to, as in `publish`; can be repeated
    #[arg(long = "to", value_name = "URL", required = true, value_hint = ValueHint::Url,
          value_parser = RedactingParser::of_url(Target::parse))]
    targets: Vec<Target>,

    /// Name of the target in the file, once for each --to in the same order [default: the URLs]
    #[arg(long = "as", value_name = "NAME")]
    names: Vec<String>,

    /// Maximum time without progress, such as `30s` or `2h`
    #[arg(long, value_name = "DURATION", default_value = "5min", value_parser = humantime::parse_duration)]
    timeout: Duration,

    #[command(flatten)]
    connection: ConnectionArguments,
}

pub(super) async fn run(arguments: DrainArguments, shutdown: Shutdown) -> Exit {
    let path = &arguments.file.path;
    if !arguments.names.is_empty() && arguments.names.len() != arguments.targets.len() {
        Report::new().error("--as must be given once for each --to");
        return Exit::Usage;
    }
    // A spool that does not exist would be created.
    if let Err(error) = SpoolFile::open(path) {
        Report::new().error(format_args!("{}: {}", path.display(), with_causes(&error)));
        return Exit::Failure;
    }
    let spool = match open(&arguments).await {
        Ok(spool) => spool,
        Err(error) => {
            Report::new().error(with_causes(&error));
            return match error.kind() {
                SetupErrorKind::Invalid => Exit::Usage,
                _ => Exit::Failure,
            };
        }
    };
    let before = spool.health();
    let bar = bar(left(&before));
    let report = Report::with_bar(bar.clone());
    let drained = tokio::select! {
        biased;
        signal = shutdown.requested() => Err(Exit::Stopped(signal)),
        is_drained = drain(&spool, &bar, arguments.timeout) => Ok(is_drained),
    };
    bar.finish_and_clear();
    let closed = spool.close().await;
    let health = spool.health();
    let mut has_dead = false;
    for (target, before) in health.targets.iter().zip(before.targets) {
        let delivered = target.delivered.saturating_sub(before.delivered);
        report.line(format_args!(
            "{} delivered to {}",
            count(delivered, "event"),
            target.name
        ));
        let dead = target.dead.saturating_sub(before.dead);
        if dead > 0 {
            has_dead = true;
            report.error(format_args!(
                "{}: {}, see `ls --dead`",
                target.name,
                count(dead, "new dead letter")
            ));
        }
        if let (true, Some(error)) = (target.depth > 0, &target.last_error) {
            report.error(format_args!("{}: {error}", target.name));
        }
    }
    for path in &health.set_aside {
        let path = path.display();
        report.error(format_args!(
            "the file is damaged: it is now {path}, with what was not delivered"
        ));
    }
    if let Err(error) = &closed {
        report.error(with_causes(error));
    }
    match drained {
        Err(stopped) => stopped,
        Ok(is_drained) => Exit::failure_if(!is_drained || closed.is_err() || has_dead || !health.set_aside.is_empty()),
    }
}

async fn open(arguments: &DrainArguments) -> Result<SpooledSink, driver_events::SetupError> {
    let options = Arc::new(TargetOptions {
        connection: arguments.connection.clone(),
        create_stream: false,
        create_topic: false,
        timeout: arguments.timeout,
    });
    let mut builder = SpooledSink::builder(&arguments.file.path).close_timeout(Duration::ZERO);
    let mut names = arguments.names.iter();
    for target in &arguments.targets {
        let name = names.next().cloned().unwrap_or_else(|| target.to_string());
        let (target, options) = (target.clone(), Arc::clone(&options));
        builder = builder.deliver_to_opened(name, move || {
            let (target, options) = (target.clone(), Arc::clone(&options));
            async move { target.open(&options).await.map(|opened| opened.sink) }
        });
    }
    builder.open().await
}

/// Waits until every target has every event. Returns `false` after `timeout` without progress.
async fn drain(spool: &SpooledSink, bar: &ProgressBar, timeout: Duration) -> bool {
    let total = left(&spool.health());
    let (mut least, mut since) = (total, Instant::now());
    loop {
        let left = left(&spool.health());
        bar.set_position(total.saturating_sub(left));
        if left == 0 {
            return true;
        }
        if left < least {
            (least, since) = (left, Instant::now());
        }
        if since.elapsed() >= timeout {
            return false;
        }
        sleep(INTERVAL).await;
    }
}

/// Returns the number of events that the target that is furthest behind lacks.
fn left(health: &Health) -> u64 {
    health.targets.iter().map(|target| target.depth).max().unwrap_or(0)
}

/// Creates a progress bar on standard error, hidden if that is no terminal.
fn bar(events: u64) -> ProgressBar {
    if !stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(events), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template(BAR_TEMPLATE) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
