//! Writes an event in one pass, in the form of the contract.
//!
//! [`None`] means: the event exceeds the limits, or JSON cannot represent it. [`encode`](super::encode) then finds the error.

mod duration;
mod free_json;
mod number;
mod text;
mod time;

use super::limits::Limits;

/// A value that has one form in the JSON.
pub(crate) trait Write {
    fn write(&self, writer: &mut Writer<'_>) -> Option<()>;
}

/// A value whose field is omitted if there is nothing to write.
pub(crate) trait Omit {
    fn is_omitted(&self) -> bool;
}

/// Appends to a buffer, within the limits.
pub(crate) struct Writer<'a> {
    out: &'a mut Vec<u8>,
    max_len: usize,
    depth_left: usize,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(out: &'a mut Vec<u8>, limits: Limits) -> Self {
        let max_len = out.len().saturating_add(limits.max_bytes());
        let depth_left = limits.max_depth();
        Self {
            out,
            max_len,
            depth_left,
        }
    }

    /// Appends JSON text.
    #[inline]
    pub(crate) fn put(&mut self, text: &[u8]) -> Option<()> {
        self.require(text.len())?;
        self.out.extend_from_slice(text);
        Some(())
    }

    /// Appends the start of an array or object.
    #[inline]
    pub(crate) fn open(&mut self, text: &[u8]) -> Option<()> {
        self.depth_left = self.depth_left.checked_sub(1)?;
        self.put(text)
    }

    /// Appends the end of an array or object.
    #[inline]
    pub(crate) fn close(&mut self, text: &[u8]) -> Option<()> {
        self.depth_left += 1;
        self.put(text)
    }

    /// Returns `None` if fewer than this number of bytes are left.
    #[inline]
    fn require(&self, bytes: usize) -> Option<()> {
        (self.out.len().saturating_add(bytes) <= self.max_len).then_some(())
    }

    /// Appends a number as serde_json writes it.
    fn put_number(
        &mut self,
        write: impl FnOnce(&mut serde_json::Serializer<&mut Vec<u8>>) -> serde_json::Result<()>,
    ) -> Option<()> {
        write(&mut serde_json::Serializer::new(&mut *self.out)).ok()?;
        self.require(0)
    }
}

impl Write for bool {
    fn write(&self, writer: &mut Writer<'_>) -> Option<()> {
        writer.put(if *self { b"true" } else { b"false" })
    }
}

impl<T: Write> Write for Option<T> {
    fn write(&self, writer: &mut Writer<'_>) -> Option<()> {
        match self {
            Some(value) => value.write(writer),
            None => writer.put(b"null"),
        }
    }
}

impl<T> Omit for Option<T> {
    fn is_omitted(&self) -> bool {
        self.is_none()
    }
}

impl<T: Write> Write for Vec<T> {
    fn write(&self, writer: &mut Writer<'_>) -> Option<()> {
        writer.open(b"[")?;
        let mut separator: &[u8] = b"";
        for value in self {
            writer.put(separator)?;
            value.write(writer)?;
            separator = b",";
        }
        writer.close(b"]")
    }
}
