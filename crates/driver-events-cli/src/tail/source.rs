use std::ffi::OsStr;
use std::time::Duration;

use driver_events::{DriverEventSource, Options, Protocol, SourceUrl};
use tokio::time::timeout;

use super::follow::FollowedFile;
use crate::file_id::FileId;
use crate::open_error::OpenError;
use crate::report::{Report, with_causes};
use crate::standard_streams;

/// Timeout of sending the last acks.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Parses a URL, or `-`.
pub(super) fn parse_url(text: &OsStr) -> Result<SourceUrl, String> {
    let url = if text == "-" { "stdin:".as_ref() } else { text };
    SourceUrl::parse(url).map_err(|error| error.to_string())
}

/// Opens the source. With `follow`, reading goes on at the end of a file.
pub(super) async fn open(
    url: &SourceUrl,
    options: &Options,
    follow: bool,
    report: &Report,
) -> Result<Box<dyn DriverEventSource>, OpenError> {
    let url = &if follow { url.clone().following() } else { url.clone() };
    match url.path() {
        Some(path) if follow => {
            url.check(options)?;
            let followed = FollowedFile::open(path.to_owned(), report.clone()).await;
            Ok(Box::new(followed.map_err(|error| OpenError::of_file(url, &error))?))
        }
        _ => {
            let opened = url.open(options).await?;
            for warning in &opened.warnings {
                report.warning(format_args!("{url}: {warning}"));
            }
            Ok(opened.source)
        }
    }
}

/// Returns an error if the source is not a file but must be followed, or if it is also written to.
pub(super) fn check(url: &SourceUrl, follow: bool) -> Result<(), String> {
    let is_local = matches!(url.protocol(), Protocol::File | Protocol::Stdin);
    if follow && !is_local && url.protocol() != Protocol::Spool {
        let message = "--follow requires a file or a spool; a server is always followed";
        return Err(message.to_owned());
    }
    let read = match url.path() {
        Some(path) => FileId::of_path(path),
        None if is_local => FileId::of_stdin(),
        None => None,
    };
    if read.is_some() && read == FileId::of_stdout() {
        return Err(format!("`{url}` is both input and output"));
    }
    Ok(())
}

/// Returns an error if the source is a standard input that is closed.
pub(super) fn check_stdin(url: &SourceUrl) -> Result<(), String> {
    match url.protocol() {
        Protocol::Stdin => standard_streams::check_stdin(),
        _ => Ok(()),
    }
}

/// Releases deliveries that were not printed and waits, within a timeout, until the server has received all acks.
pub(super) async fn close(mut source: Box<dyn DriverEventSource>, report: &Report) {
    match timeout(CLOSE_TIMEOUT, source.close()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => report.warning(with_causes(&error)),
        Err(_) => report.warning("acks may be lost: some printed events may be redelivered"),
    }
}
