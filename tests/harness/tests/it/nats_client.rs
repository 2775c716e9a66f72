use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

/// As much of a NATS client as it takes to see what a server allows.
pub(crate) struct NatsClient {
    stream: BufReader<TcpStream>,
    /// What the server said first.
    pub(crate) info: Value,
}

impl NatsClient {
    /// Connects as somebody; the error is the server's.
    pub(crate) fn connect(server: SocketAddr, who: Value) -> Result<Self, String> {
        let stream = TcpStream::connect(server).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut client = Self {
            stream: BufReader::new(stream),
            info: Value::Null,
        };
        let greeting = client.line();
        client.info = serde_json::from_str(greeting.strip_prefix("INFO ").unwrap()).unwrap();
        let mut options = json!({ "verbose": false, "pedantic": false, "headers": true });
        options
            .as_object_mut()
            .unwrap()
            .extend(who.as_object().unwrap().clone());
        client.say(&format!("CONNECT {options}\r\n"));
        client.ping()?;
        Ok(client)
    }

    pub(crate) fn anybody(server: SocketAddr) -> Self {
        Self::connect(server, json!({})).unwrap()
    }

    /// Publishes, and returns when the server has taken it.
    pub(crate) fn publish(&mut self, subject: &str, payload: &str) -> Result<(), String> {
        self.say(&format!("PUB {subject} {}\r\n{payload}\r\n", payload.len()));
        self.ping()
    }

    /// One answer to a request.
    pub(crate) fn request(&mut self, subject: &str, payload: &Value) -> Value {
        let payload = payload.to_string();
        self.say(&format!(
            "SUB answer 1\r\nPUB {subject} answer {}\r\n{payload}\r\n",
            payload.len()
        ));
        let head = self.line();
        assert!(head.starts_with("MSG answer 1 "), "{head}");
        let answer = self.line();
        self.say("UNSUB 1\r\n");
        serde_json::from_str(&answer).unwrap()
    }

    /// The connection is at an end.
    pub(crate) fn is_closed(&mut self) -> bool {
        let mut line = String::new();
        self.stream.read_line(&mut line).map_or(true, |length| length == 0)
    }

    /// The server's complaint, if it has one. It may close the connection without a word.
    fn ping(&mut self) -> Result<(), String> {
        if self.stream.get_mut().write_all(b"PING\r\n").is_err() {
            return Err("closed".to_owned());
        }
        let line = self.line();
        if line == "PONG" { Ok(()) } else { Err(line) }
    }

    fn say(&mut self, text: &str) {
        // What does not arrive is noticed with the answer.
        let _ = self.stream.get_mut().write_all(text.as_bytes());
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        let read = self.stream.read_line(&mut line);
        assert!(
            !read.is_err_and(|error| error.kind() == ErrorKind::WouldBlock),
            "no answer"
        );
        line.trim_end().to_owned()
    }
}
