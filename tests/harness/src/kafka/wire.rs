//! The part of Kafka's protocol that the admin client needs. It needs no JVM, which takes seconds to start, and does not
//! use the client library under test.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

/// The client id, as shown in the broker's log.
const CLIENT_ID: &str = "harness";
const MAX_RESPONSE_BYTES: usize = 16 << 20;

/// Key and version of a request. The version must have an encoding without tagged fields.
#[derive(Clone, Copy, Debug)]
pub(super) struct Api {
    pub(super) key: i16,
    pub(super) version: i16,
}

/// Sends a request on a new connection, and returns the response. `timeout` applies to the connect, the write and each
/// read.
pub(super) fn send(broker: SocketAddr, api: Api, body: Request, timeout: Duration) -> Result<Response> {
    exchange(broker, api, body, timeout).with_context(|| format!("the broker at {broker} did not respond"))
}

fn exchange(broker: SocketAddr, api: Api, body: Request, timeout: Duration) -> Result<Response> {
    let mut stream = TcpStream::connect_timeout(&broker, timeout)?;
    stream.set_read_timeout(Some(timeout))?;
    stream.set_write_timeout(Some(timeout))?;
    // The third field is the correlation id.
    let mut request = Request::new()
        .i16(api.key)
        .i16(api.version)
        .i32(0)
        .string(CLIENT_ID)
        .bytes;
    request.extend(body.bytes);
    stream.write_all(&u32::try_from(request.len())?.to_be_bytes())?;
    stream.write_all(&request)?;

    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = usize::try_from(u32::from_be_bytes(length))?;
    ensure!(length <= MAX_RESPONSE_BYTES, "a response of {length} bytes is too long");
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes)?;
    let mut response = Response { bytes, position: 0 };
    ensure!(response.i32()? == 0, "the response has another correlation id");
    Ok(response)
}

/// Writes the fields of a request in order.
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

    pub(super) fn i64(self, value: i64) -> Self {
        self.raw(&value.to_be_bytes())
    }

    /// Writes a string. The length of a string that is too long is wrong, and the broker rejects the request.
    pub(super) fn string(self, value: &str) -> Self {
        let length = i16::try_from(value.len()).unwrap_or(i16::MAX);
        self.i16(length).raw(value.as_bytes())
    }

    pub(super) fn raw(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend_from_slice(bytes);
        self
    }
}

/// Reads the fields of a response in order.
#[derive(Debug)]
pub(super) struct Response {
    bytes: Vec<u8>,
    position: usize,
}

impl Response {
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

    pub(super) fn i64(&mut self) -> Result<i64> {
        Ok(i64::from_be_bytes(self.take()?))
    }

    /// Reads a string. A null string is returned as an empty one.
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
        slice.context("the response is truncated")
    }
}
