use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};

/// Limit for a reply of the server.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Publishes any bytes as headers, subjects and payloads: client libraries refuse most of them.
#[derive(Debug)]
pub struct RawNatsClient {
    stream: BufReader<TcpStream>,
}

impl RawNatsClient {
    /// Connects without credentials.
    ///
    /// # Errors
    /// Returns an error if the server does not accept the connection.
    pub fn connect(server: SocketAddr) -> Result<Self> {
        Self::connect_with(server, Map::new())
    }

    /// Connects with a password.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub fn connect_as(server: SocketAddr, user: &str, password: &str) -> Result<Self> {
        let credentials = [("user", user), ("pass", password)];
        let options = credentials.map(|(name, value)| (name.to_owned(), value.into()));
        Self::connect_with(server, options.into_iter().collect())
    }

    fn connect_with(server: SocketAddr, mut options: Map<String, Value>) -> Result<Self> {
        let stream = TcpStream::connect(server).with_context(|| format!("cannot connect to {server}"))?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        let mut client = Self {
            stream: BufReader::new(stream),
        };
        client.line()?;
        for (name, value) in [("verbose", false), ("pedantic", false), ("headers", true)] {
            options.insert(name.to_owned(), value.into());
        }
        let options = Value::Object(options);
        client.write(format!("CONNECT {options}\r\n").as_bytes())?;
        client.flush()?;
        Ok(client)
    }

    /// Publishes a message without headers.
    ///
    /// # Errors
    /// Returns an error if the connection is closed.
    pub fn publish(&mut self, subject: &[u8], payload: &[u8]) -> Result<()> {
        let length = format!(" {}\r\n", payload.len());
        self.write(&[b"PUB ", subject, length.as_bytes(), payload, b"\r\n"].concat())
    }

    /// Publishes a message with a block of headers, such as `NATS/1.0\r\nName: value\r\n\r\n`.
    ///
    /// # Errors
    /// Returns an error if the connection is closed.
    pub fn publish_with_headers(&mut self, subject: &[u8], headers: &[u8], payload: &[u8]) -> Result<()> {
        let lengths = format!(" {} {}\r\n", headers.len(), headers.len() + payload.len());
        self.write(&[b"HPUB ", subject, lengths.as_bytes(), headers, payload, b"\r\n"].concat())
    }

    /// Waits until the server has processed everything that was sent.
    ///
    /// # Errors
    /// Returns an error if the server reports one or closes the connection.
    pub fn flush(&mut self) -> Result<()> {
        self.write(b"PING\r\n")?;
        match self.line()?.as_str() {
            "PONG" => Ok(()),
            error => bail!("the server reports {error}"),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream
            .get_mut()
            .write_all(bytes)
            .context("cannot write to the server")
    }

    /// Returns the next line, and answers the pings of the server, which it sends at any time.
    fn line(&mut self) -> Result<String> {
        loop {
            let mut line = String::new();
            match self.stream.read_line(&mut line) {
                Ok(0) => bail!("the server closed the connection"),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => bail!("no reply from the server"),
                Err(error) => return Err(error.into()),
            }
            match line.trim_end() {
                "PING" => self.write(b"PONG\r\n")?,
                line => return Ok(line.to_owned()),
            }
        }
    }
}
