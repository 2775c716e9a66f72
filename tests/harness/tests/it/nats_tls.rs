use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use driver_events_harness::{Certificates, NatsConfig, NatsServer};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::json;

use crate::nats_client::NatsClient;

/// Returns a configuration that trusts the authority of `trusted` and has the client certificate of `own`.
pub(crate) fn config(trusted: &Certificates, own: Option<&Certificates>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(trusted.authority()).unwrap())
        .unwrap();
    let config = ClientConfig::builder().with_root_certificates(roots);
    match own {
        Some(own) => {
            let chain = vec![CertificateDer::from_pem_file(own.client()).unwrap()];
            let key = PrivateKeyDer::from_pem_file(own.client_key()).unwrap();
            config.with_client_auth_cert(chain, key).unwrap()
        }
        None => config.with_no_client_auth(),
    }
}

/// Connects with TLS, and returns the response to `PING`.
fn ping(server: &NatsServer, config: ClientConfig, name: &'static str) -> Result<String, String> {
    let mut stream = TcpStream::connect(server.client_address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    // The `INFO` line is sent without TLS.
    let mut byte = [0];
    while byte != *b"\n" {
        stream.read_exact(&mut byte).unwrap();
    }
    let connection = ClientConnection::new(Arc::new(config), ServerName::try_from(name).unwrap()).unwrap();
    let mut stream = StreamOwned::new(connection, stream);
    stream
        .write_all(b"CONNECT {\"verbose\":false}\r\nPING\r\n")
        .map_err(|error| error.to_string())?;
    let mut line = String::new();
    BufReader::new(stream)
        .read_line(&mut line)
        .map_err(|error| error.to_string())?;
    Ok(line)
}

#[test]
fn client_verifies_the_server_certificate() {
    let certificates = Certificates::generate().unwrap();
    let server = NatsServer::start(NatsConfig::new().tls(&certificates)).unwrap();
    assert!(
        server.client_url().starts_with("tls://127.0.0.1:"),
        "{}",
        server.client_url()
    );
    for name in ["127.0.0.1", "localhost"] {
        assert_eq!(ping(&server, config(&certificates, None), name).unwrap(), "PONG\r\n");
    }
    let error = ping(&server, config(&certificates, None), "elsewhere.example").unwrap_err();
    assert!(error.contains("not valid for name"), "{error}");
    let stranger = Certificates::generate().unwrap();
    let error = ping(&server, config(&stranger, None), "localhost").unwrap_err();
    assert!(error.contains("invalid peer certificate"), "{error}");
    // The server rejects clients without TLS.
    assert!(NatsClient::connect(server.client_address(), json!({})).is_err());
}

#[test]
fn server_verifies_the_client_certificate() {
    let certificates = Certificates::generate().unwrap();
    let server_config = NatsConfig::new()
        .jetstream()
        .tls_with_client_certificates(&certificates);
    let server = NatsServer::start(server_config).unwrap();
    let ping = |own| ping(&server, config(&certificates, own), "127.0.0.1");
    assert_eq!(ping(Some(&certificates)).unwrap(), "PONG\r\n");
    assert!(ping(None).is_err());
    assert!(ping(Some(&Certificates::generate().unwrap())).is_err());
}
