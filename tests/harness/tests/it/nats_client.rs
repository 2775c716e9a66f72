use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

/// A minimal NATS client, to check what a server allows.
pub(crate) struct NatsClient {
    stream: BufReader<TcpStream>,
    /// The first `INFO` of the server.
    pub(crate) info: Value,
}

impl NatsClient {
    /// Connects with these fields of `CONNECT`. The error is the server's `-ERR` line.
    pub(crate) fn connect(server: SocketAddr, credentials: Value) -> Result<Self, String> {
        let stream = TcpStream::connect(server).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut client = Self {
            stream: BufReader::new(stream),
            info: Value::Null,
        };
        let line = client.line();
        client.info = serde_json::from_str(line.strip_prefix("INFO ").unwrap()).unwrap();
        let mut options = json!({ "verbose": false, "pedantic": false, "headers": true });
        options
            .as_object_mut()
            .unwrap()
            .extend(credentials.as_object().unwrap().clone());
        client.write(&format!("CONNECT {options}\r\n"));
        client.ping()?;
        Ok(client)
    }

    pub(crate) fn anonymous(server: SocketAddr) -> Self {
        Self::connect(server, json!({})).unwrap()
    }

    /// Publishes, and waits until the server has processed the message.
    pub(crate) fn publish(&mut self, subject: &str, payload: &str) -> Result<(), String> {
        self.write(&format!("PUB {subject} {}\r\n{payload}\r\n", payload.len()));
        self.ping()
    }

    /// Sends a request, and returns the reply.
    pub(crate) fn request(&mut self, subject: &str, payload: &Value) -> Value {
        let payload = payload.to_string();
        self.write(&format!(
            "SUB reply 1\r\nPUB {subject} reply {}\r\n{payload}\r\n",
            payload.len()
        ));
        let head = self.line();
        assert!(head.starts_with("MSG reply 1 "), "{head}");
        let reply = self.line();
        self.write("UNSUB 1\r\n");
        serde_json::from_str(&reply).unwrap()
    }

    /// Returns whether the server closed the connection.
    pub(crate) fn is_closed(&mut self) -> bool {
        let mut line = String::new();
        self.stream.read_line(&mut line).map_or(true, |length| length == 0)
    }

    /// Returns the server's `-ERR` line, or an empty one if it closed the connection.
    fn ping(&mut self) -> Result<(), String> {
        if self.stream.get_mut().write_all(b"PING\r\n").is_err() {
            return Err("closed".to_owned());
        }
        let line = self.line();
        if line == "PONG" { Ok(()) } else { Err(line) }
    }

    fn write(&mut self, text: &str) {
        // A failed write is noticed when the response is read.
        let _ = self.stream.get_mut().write_all(text.as_bytes());
    }

    /// Returns the next line, and answers the pings of the server, which it sends at any time.
    fn line(&mut self) -> String {
        loop {
            let mut line = String::new();
            let read = self.stream.read_line(&mut line);
            assert!(
                !read.is_err_and(|error| error.kind() == ErrorKind::WouldBlock),
                "no response"
            );
            match line.trim_end() {
                "PING" => self.write("PONG\r\n"),
                line => return line.to_owned(),
            }
        }
    }
}
