use std::io::{self, IsTerminal, Write};
use std::path::Path;

use crate::append_file;
use crate::format::Format;
use crate::format::color::Color;
use crate::format::line_format::LineFormat;
use crate::pretty::Style;
use crate::stdout::StdoutEventSink;
use crate::writer::WriterEventSink;
use crate::writer_thread;
use crate::writer_thread::output::Output;

/// Builder of a [`WriterEventSink`] or a [`StdoutEventSink`].
///
/// # Examples
/// ```
/// use driver_events_stdout::{Color, Format, WriterEventSink};
///
/// let sink = WriterEventSink::builder().format(Format::Pretty).color(Color::Never).build_stdout();
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct WriterEventSinkBuilder {
    /// `None` for the default of the destination.
    format: Option<Format>,
    color: Color,
    max_text_chars: usize,
    buffer_bytes: usize,
}

impl WriterEventSink {
    /// Creates a sink that writes bare JSON to `writer`, with a buffer of 1 MiB. The writer runs on a dedicated thread: it
    /// may block, and needs no buffer of its own.
    #[must_use]
    pub fn new(writer: impl Write + Send + 'static) -> Self {
        Self::builder().build(writer)
    }

    /// Creates a sink that appends CloudEvents to a file, which is created if it does not exist: its lines can be published
    /// again, as they have id, time, source and sequence. See [`WriterEventSinkBuilder::append_to`].
    ///
    /// A last line without a line ending, as a crash leaves it, is terminated first. Blocks while the file is opened.
    ///
    /// # Errors
    /// Returns the [`io::Error`] if the file cannot be opened or created.
    pub fn append_to(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::builder().append_to(path)
    }

    /// Creates a builder for the format, the colour and the buffer size.
    pub fn builder() -> WriterEventSinkBuilder {
        WriterEventSinkBuilder::default()
    }
}

impl StdoutEventSink {
    /// Creates a sink that writes bare JSON, with a buffer of 1 MiB.
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build_stdout()
    }

    /// Creates a builder for the format, the colour and the buffer size. Finish it with
    /// [`build_stdout`](WriterEventSinkBuilder::build_stdout).
    pub fn builder() -> WriterEventSinkBuilder {
        WriterEventSink::builder()
    }
}

impl WriterEventSinkBuilder {
    /// Sets the format of a line. Default: [`Format::Json`], and for a file that
    /// [`append_to`](Self::append_to) opens CloudEvents.
    pub fn format(mut self, format: Format) -> Self {
        self.format = Some(format);
        self
    }

    /// Sets whether [`Format::Pretty`] is coloured. Default: [`Color::Auto`], which colours only stdout.
    pub fn color(mut self, color: Color) -> Self {
        self.color = color;
        self
    }

    /// Sets the maximum number of characters of each text in [`Format::Pretty`]. Default: 100.
    pub fn max_text_chars(mut self, max_text_chars: usize) -> Self {
        self.max_text_chars = max_text_chars;
        self
    }

    /// Sets the number of buffered bytes at which `send` waits for free space. Default: 1 MiB, minimum 1.
    ///
    /// A buffer below this size accepts a line of any length. The sink thus holds at most this size plus one line, and
    /// the same amount again while it is being written.
    pub fn buffer_bytes(mut self, buffer_bytes: usize) -> Self {
        self.buffer_bytes = buffer_bytes.max(1);
        self
    }

    /// Creates a sink that writes to `writer`. The writer is called and dropped on a dedicated thread, which starts with
    /// the first event.
    #[must_use]
    pub fn build(self, writer: impl Write + Send + 'static) -> WriterEventSink {
        let format = LineFormat::Set(self.format.unwrap_or_default());
        self.build_with(Output::Writer(Box::new(writer)), format, false)
    }

    /// Creates a sink that appends to a file, which is created if it does not exist.
    ///
    /// Unless a [format](Self::format) is set, a line is a CloudEvent, so that events keep id, time, source and sequence, and
    /// can be published again without duplicates. An event that has no subject, and therefore cannot be a CloudEvent, is
    /// written as bare JSON: [`NdjsonSource`](driver_events_core::NdjsonSource) reads both.
    ///
    /// A last line without a line ending, as a crash leaves it, is terminated first. Blocks while the file is opened.
    ///
    /// At the limit of a file's size (`ulimit -f`) Unix sends SIGXFSZ, which ends a process that does not ignore or handle
    /// it. If it does, `send` and `flush` return [`Full`](driver_events_core::SinkErrorKind::Full).
    ///
    /// # Errors
    /// Returns the [`io::Error`] if the file cannot be opened or created.
    pub fn append_to(self, path: impl AsRef<Path>) -> io::Result<WriterEventSink> {
        let file = append_file::open(path.as_ref())?;
        let format = self.format.map_or(LineFormat::CloudEventsOrJson, LineFormat::Set);
        Ok(self.build_with(Output::Writer(Box::new(file)), format, false))
    }

    /// Creates a sink that writes to the process's stdout.
    #[must_use]
    pub fn build_stdout(self) -> StdoutEventSink {
        let format = LineFormat::Set(self.format.unwrap_or_default());
        StdoutEventSink::new_with(self.build_with(Output::Stdout, format, io::stdout().is_terminal()))
    }

    fn build_with(self, output: Output, format: LineFormat, is_terminal: bool) -> WriterEventSink {
        let style = Style::new(self.color.is_on(is_terminal)).with_max_text_chars(self.max_text_chars);
        let queue = writer_thread::queue_to(output, self.buffer_bytes);
        WriterEventSink::with_queue(queue, format, style, is_terminal)
    }
}

impl Default for WriterEventSinkBuilder {
    fn default() -> Self {
        Self {
            format: None,
            color: Color::default(),
            max_text_chars: Style::default().max_text_chars(),
            buffer_bytes: 1024 * 1024,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use driver_events_core::DriverEventSink;
    use driver_events_types::{DriverEvent, GoalId};

    use super::*;

    #[tokio::test]
    async fn json_is_escaped_only_for_a_terminal() -> Result<(), Box<dyn std::error::Error>> {
        for (is_terminal, reason) in [(true, r"\u007f\u202e"), (false, "\u{7f}\u{202e}")] {
            let (mut reader, writer) = io::pipe()?;
            let sink = WriterEventSink::builder().build_with(
                Output::Writer(Box::new(writer)),
                LineFormat::Set(Format::Json),
                is_terminal,
            );
            let event = DriverEvent::Escalate {
                goal_id: GoalId::new(),
                reason: "\u{7f}\u{202e}".to_owned(),
            };
            sink.publish(event).await?;
            sink.close().await?;
            let mut line = String::new();
            reader.read_to_string(&mut line)?;
            assert!(line.ends_with(&format!("\"reason\":\"{reason}\"}}\n")), "{line:?}");
        }
        Ok(())
    }
}
