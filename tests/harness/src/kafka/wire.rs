//! As much of Kafka's protocol as the harness needs to look after its brokers: without a JVM, which takes seconds to
//! start, and without the client library that is tested.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

/// Who asks, as the broker's log has it.
const CLIENT: &str = "harness";
/// No answer that the harness asks for is longer.
const LONGEST_ANSWER: usize = 16 << 20;

/// What is asked for. The version is one whose encoding has no tagged fields.
#[derive(Clone, Copy, Debug)]
pub(super) struct Api {
    pub(super) key: i16,
    pub(super) version: i16,
}

/// Asks a broker's plaintext listener, on a connection of its own. It must take the connection and answer within
/// `patience` each.
pub(super) fn ask(broker: SocketAddr, api: Api, body: Request, patience: Duration) -> Result<Answer> {
    exchange(broker, api, body, patience).with_context(|| format!("the broker at {broker} does not answer"))
}

fn exchange(broker: SocketAddr, api: Api, body: Request, patience: Duration) -> Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&broker, patience)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    // The third field is the request's number. The answer repeats it.
    let mut request = Request::new().i16(api.key).i16(api.version).i32(0).string(CLIENT).bytes;
    request.extend(body.bytes);
    stream.write_all(&u32::try_from(request.len())?.to_be_bytes())?;
    stream.write_all(&request)?;

    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = usize::try_from(u32::from_be_bytes(length))?;
    ensure!(length <= LONGEST_ANSWER, "an answer of {length} bytes is none");
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes)?;
    let mut answer = Answer { bytes, position: 0 };
    ensure!(answer.i32()? == 0, "the answer is another request's");
    Ok(answer)
}

/// The fields of a request, one after the other.
#[derive(Debug, Default)]
pub(super) struct Request {
    bytes: Vec<u8>,
}

impl Request {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn bool(self, value: bool) -> Self {
        self.i8(value.into())
    }

    pub(super) fn i8(self, value: i8) -> Self {
        self.raw(&value.to_be_bytes())
    }

    pub(super) fn i16(self, value: i16) -> Self {
        self.raw(&value.to_be_bytes())
    }

    pub(super) fn i32(self, value: i32) -> Self {
        self.raw(&value.to_be_bytes())
    }

    /// Longer ones than the protocol has are cut off, and refused by the broker.
    pub(super) fn string(self, value: &str) -> Self {
        let length = i16::try_from(value.len()).unwrap_or(i16::MAX);
        self.i16(length).raw(value.as_bytes())
    }

    pub(super) fn raw(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend_from_slice(bytes);
        self
    }
}

/// The fields of an answer, to be read in their order.
#[derive(Debug)]
pub(super) struct Answer {
    bytes: Vec<u8>,
    position: usize,
}

impl Answer {
    pub(super) fn bool(&mut self) -> Result<bool> {
        Ok(self.take::<1>()? != [0])
    }

    pub(super) fn i8(&mut self) -> Result<i8> {
        Ok(i8::from_be_bytes(self.take()?))
    }

    pub(super) fn i16(&mut self) -> Result<i16> {
        Ok(i16::from_be_bytes(self.take()?))
    }

    pub(super) fn i32(&mut self) -> Result<i32> {
        Ok(i32::from_be_bytes(self.take()?))
    }

    /// Empty also where the protocol says that there is none.
    pub(super) fn string(&mut self) -> Result<String> {
        let length = usize::try_from(self.i16()?).unwrap_or(0);
        Ok(String::from_utf8_lossy(self.slice(length)?).into_owned())
    }

    pub(super) fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let length = self.i32()?.max(0);
        (0..length).map(|_| item(self)).collect()
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        Ok(self.slice(N)?.try_into()?)
    }

    fn slice(&mut self, length: usize) -> Result<&[u8]> {
        let end = self.position.saturating_add(length);
        let slice = self.bytes.get(self.position..end);
        self.position = end;
        slice.context("the answer ends early")
    }
}
