use std::io::{self, IsTerminal, Write};
use std::path::Path;

use crate::output::Output;
use crate::pretty::Style;
use crate::queue::Queue;
use crate::{Color, Format, StdoutEventSink, WriterEventSink, append};

/// Settings of a [`WriterEventSink`] or a [`StdoutEventSink`].
///
/// ```
/// use driver_events_stdout::{Color, Format, WriterEventSink};
///
/// let sink = WriterEventSink::builder().format(Format::Pretty).color(Color::Never).build_stdout();
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct WriterEventSinkBuilder {
    format: Format,
    color: Color,
    max_text_chars: usize,
    buffer_bytes: usize,
}

impl WriterEventSinkBuilder {
    /// What a line looks like; bare JSON unless set.
    pub fn format(mut self, format: Format) -> Self {
        self.format = format;
        self
    }

    /// Whether the readable form is coloured; [`Color::Auto`] unless set, for which only stdout can be a terminal.
    pub fn color(mut self, color: Color) -> Self {
        self.color = color;
        self
    }

    /// How many characters of each text of an event the readable form shows; 100 unless set.
    pub fn max_text_chars(mut self, max_text_chars: usize) -> Self {
        self.max_text_chars = max_text_chars;
        self
    }

    /// How many bytes of lines may wait to be written before `send` waits for room; 1 MiB unless set, at least 1.
    ///
    /// A line is taken while less than this waits, whatever its length: so the sink holds at most this and one line,
    /// and as much again that is just being written.
    pub fn buffer_bytes(mut self, buffer_bytes: usize) -> Self {
        self.buffer_bytes = buffer_bytes.max(1);
        self
    }

    /// A sink over any writer. It is called and dropped on a thread of the sink's own, which starts with the first
    /// event.
    #[must_use]
    pub fn build(self, writer: impl Write + Send + 'static) -> WriterEventSink {
        self.over(Output::Writer(Box::new(writer)), false)
    }

    /// A sink that appends to a file, which is made if it is not there.
    ///
    /// Where the last line of the file has no end, as after a crash, it gets one first. Blocks while the file is opened.
    ///
    /// # Errors
    /// The file cannot be opened or made.
    pub fn append_to(self, path: impl AsRef<Path>) -> io::Result<WriterEventSink> {
        Ok(self.build(append::open(path.as_ref())?))
    }

    /// A sink over the process's stdout.
    #[must_use]
    pub fn build_stdout(self) -> StdoutEventSink {
        StdoutEventSink::over(self.over(Output::Stdout, io::stdout().is_terminal()))
    }

    fn over(self, output: Output, is_terminal: bool) -> WriterEventSink {
        let style = Style::new(self.color.is_on(is_terminal)).with_max_text_chars(self.max_text_chars);
        WriterEventSink::over(Queue::new(output, self.buffer_bytes), self.format, style, is_terminal)
    }
}

impl Default for WriterEventSinkBuilder {
    fn default() -> Self {
        Self {
            format: Format::default(),
            color: Color::default(),
            max_text_chars: Style::default().max_text_chars(),
            buffer_bytes: 1024 * 1024,
        }
    }
}
