//! One GET of a monitoring page, without a client library.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

const TIMEOUT: Duration = Duration::from_secs(5);

/// The JSON at `path`. A page that answers with another status than 200 is an error that carries its text.
pub(crate) fn get(server: SocketAddr, path: &str) -> Result<Value> {
    let answer = exchange(server, path).with_context(|| format!("http://{server}{path} does not answer"))?;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .with_context(|| format!("http://{server}{path} does not speak HTTP"))?;
    if head.split(' ').nth(1) != Some("200") {
        let status = head.lines().next().unwrap_or_default();
        bail!("http://{server}{path} answers {status}: {body}");
    }
    serde_json::from_str(body).with_context(|| format!("http://{server}{path} answers with something else than JSON"))
}

fn exchange(server: SocketAddr, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect_timeout(&server, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    // HTTP/1.0: the answer is whole, not in chunks, and ends with the connection.
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {server}\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
