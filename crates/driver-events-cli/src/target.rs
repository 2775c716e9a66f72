use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use driver_events_core::DriverEventSink;
use driver_events_stdout::{Format, StdoutEventSink, WriterEventSink};

use crate::file_id::FileId;
use crate::url::{Url, UrlError};

/// Where events are sent to: a URL, read.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    url: String,
    place: Place,
    format: Format,
}

#[derive(Clone, Debug)]
enum Place {
    Stdout,
    File(PathBuf),
}

impl Target {
    pub(crate) fn parse(text: OsString) -> Result<Self, UrlError> {
        let url = Url::parse(&text)?;
        let place = match url.scheme.as_str() {
            "stdout" if url.path.is_empty() => Place::Stdout,
            "stdout" => return Err(UrlError::new("`stdout:` takes no path")),
            "file" => Place::File(url.file_path()?),
            scheme => {
                return Err(UrlError::new(format!(
                    "there is no target `{scheme}:`, but `stdout:` and `file:`"
                )));
            }
        };
        let mut format = Format::Json;
        for (key, value) in &url.parameters {
            match *key {
                "format" => format = value.parse().map_err(|error| UrlError::new(format!("{error}")))?,
                _ => return Err(UrlError::new(format!("there is no parameter `{key}`, only `format`"))),
            }
        }
        Ok(Self {
            url: text.to_string_lossy().into_owned(),
            place,
            format,
        })
    }

    /// The URL without a colon at its end, for texts that go on with one.
    pub(crate) fn name(&self) -> &str {
        self.url.trim_end_matches(':')
    }

    pub(crate) fn is_stdout(&self) -> bool {
        matches!(self.place, Place::Stdout)
    }

    /// What is written to, where that is a file.
    pub(crate) fn file_id(&self) -> Option<FileId> {
        match &self.place {
            Place::Stdout => FileId::of_stdout(),
            Place::File(path) => FileId::of_path(path),
        }
    }

    /// Makes the sink. Blocks: a named pipe waits for its reader.
    pub(crate) fn open(&self) -> io::Result<Arc<dyn DriverEventSink>> {
        Ok(match &self.place {
            Place::Stdout => stdout_sink(self.format),
            Place::File(path) => Arc::new(WriterEventSink::builder().format(self.format).append_to(path)?),
        })
    }
}

/// The URL as it was given.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

/// Prints events on standard output.
pub(crate) fn stdout_sink(format: Format) -> Arc<dyn DriverEventSink> {
    Arc::new(StdoutEventSink::builder().format(format).build_stdout())
}
