//! A minimal Kafka client, independent of the harness's own, which it tests.

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

/// Sends a request of this key and version, and returns the response without its correlation id.
pub(crate) fn send(
    stream: &mut (impl Read + Write),
    [key, version]: [i16; 2],
    body: &[u8],
) -> std::io::Result<Vec<u8>> {
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
    let mut response = vec![0; usize::try_from(i32::from_be_bytes(length)).unwrap()];
    stream.read_exact(&mut response)?;
    assert_eq!(response[..4], 7_i32.to_be_bytes());
    Ok(response.split_off(4))
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

/// Returns the metadata of a topic.
pub(crate) fn metadata(stream: &mut (impl Read + Write), topic: &str) -> std::io::Result<Vec<u8>> {
    let mut body = 1_i32.to_be_bytes().to_vec();
    body.extend(string(topic));
    body.push(0);
    send(stream, METADATA, &body)
}

/// Returns whether a response contains the broker's address.
pub(crate) fn has_address(response: &[u8], broker: SocketAddr) -> bool {
    let mut address = string(&broker.ip().to_string());
    address.extend(i32::from(broker.port()).to_be_bytes());
    response.windows(address.len()).any(|window| window == address)
}

/// Returns the error code of the only topic in a metadata response. The field precedes the topic's name.
pub(crate) fn topic_error(response: &[u8], topic: &str) -> i16 {
    let name = string(topic);
    let position = response.windows(name.len()).rposition(|window| window == name).unwrap();
    i16::from_be_bytes(response[position - 2..position].try_into().unwrap())
}
