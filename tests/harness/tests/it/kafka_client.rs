//! As much of a Kafka client as the tests need, written anew: the harness's own is tested with it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

pub(crate) const METADATA: [i16; 2] = [3, 4];
pub(crate) const SASL_HANDSHAKE: [i16; 2] = [17, 1];
pub(crate) const SASL_AUTHENTICATE: [i16; 2] = [36, 0];

pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream
}

/// Sends a request of this key and version, and returns the answer without its number.
pub(crate) fn ask(stream: &mut (impl Read + Write), [key, version]: [i16; 2], body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut request = Vec::new();
    request.extend(key.to_be_bytes());
    request.extend(version.to_be_bytes());
    request.extend(7_i32.to_be_bytes());
    request.extend(string("it"));
    request.extend(body);
    stream.write_all(&bytes(&request))?;
    stream.flush()?;
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut answer = vec![0; usize::try_from(i32::from_be_bytes(length)).unwrap()];
    stream.read_exact(&mut answer)?;
    assert_eq!(answer[..4], 7_i32.to_be_bytes());
    Ok(answer.split_off(4))
}

pub(crate) fn string(text: &str) -> Vec<u8> {
    let mut bytes = i16::try_from(text.len()).unwrap().to_be_bytes().to_vec();
    bytes.extend(text.as_bytes());
    bytes
}

pub(crate) fn bytes(content: &[u8]) -> Vec<u8> {
    let mut bytes = i32::try_from(content.len()).unwrap().to_be_bytes().to_vec();
    bytes.extend(content);
    bytes
}

/// The metadata of this topic.
pub(crate) fn metadata(stream: &mut (impl Read + Write), topic: &str) -> std::io::Result<Vec<u8>> {
    let mut body = 1_i32.to_be_bytes().to_vec();
    body.extend(string(topic));
    body.push(0);
    ask(stream, METADATA, &body)
}

/// A broker's address in an answer.
pub(crate) fn names(answer: &[u8], broker: SocketAddr) -> bool {
    let mut address = string(&broker.ip().to_string());
    address.extend(i32::from(broker.port()).to_be_bytes());
    answer.windows(address.len()).any(|window| window == address)
}

/// The error of the only topic in a metadata answer: its field comes before the topic's name.
pub(crate) fn topic_error(answer: &[u8], topic: &str) -> i16 {
    let name = string(topic);
    let place = answer.windows(name.len()).rposition(|window| window == name).unwrap();
    i16::from_be_bytes(answer[place - 2..place].try_into().unwrap())
}
