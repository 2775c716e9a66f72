//! A GET of a monitoring page, without a client library.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

const TIMEOUT: Duration = Duration::from_secs(5);

/// Returns the JSON at `path`. Any status but 200 is an error with the body in its text.
pub(crate) fn get(server: SocketAddr, path: &str) -> Result<Value> {
    let response = exchange(server, path).with_context(|| format!("cannot get http://{server}{path}"))?;
    let (head, body) = response
        .split_once("\r\n\r\n")
        .with_context(|| format!("http://{server}{path} returned no HTTP response"))?;
    if head.split(' ').nth(1) != Some("200") {
        let status = head.lines().next().unwrap_or_default();
        bail!("http://{server}{path} returned {status}: {body}");
    }
    serde_json::from_str(body).with_context(|| format!("http://{server}{path} returned invalid JSON"))
}

fn exchange(server: SocketAddr, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect_timeout(&server, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    // HTTP/1.0: the response is not chunked, and ends with the connection.
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {server}\r\n\r\n")?;
    let mut response = String::new();
    stream.read_to_string(&mut response)?;
    Ok(response)
}
