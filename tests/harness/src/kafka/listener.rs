use std::net::SocketAddr;

use anyhow::Result;

use crate::ports::Port;
use crate::proxy::Proxy;

/// Where clients can connect to a broker. Only [`Plain`](Self::Plain) is there unless more is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KafkaListener {
    /// Without TLS and without a password. Everything is allowed to everybody.
    Plain,
    /// The same, through the broker's [proxy](super::KafkaBroker::proxy): clients are told the proxy's address, and never
    /// the broker's own.
    Proxied,
    /// With TLS, and a user's password or token: `SASL_SSL`.
    Sasl,
    /// With TLS, and a certificate of the client: `SSL`.
    MutualTls,
}

/// A listener of a broker.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) name: &'static str,
    protocol: &'static str,
    port: Port,
    proxy: Option<Proxy>,
}

/// Where the brokers talk to each other.
pub(super) const INTERNAL: &str = "INTERNAL";
/// Where the controllers talk to each other.
pub(super) const CONTROLLER: &str = "CONTROLLER";

impl KafkaListener {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Plain => "CLIENT",
            Self::Proxied => "PROXIED",
            Self::Sasl => "SASL",
            Self::MutualTls => "TLS",
        }
    }

    pub(super) fn open(self) -> Result<Listener> {
        let protocol = match self {
            Self::Plain | Self::Proxied => "PLAINTEXT",
            Self::Sasl => "SASL_SSL",
            Self::MutualTls => "SSL",
        };
        let port = Port::reserve()?;
        let proxy = match self {
            Self::Proxied => Some(Proxy::start(port.address())?),
            _ => None,
        };
        Ok(Listener {
            name: self.name(),
            protocol,
            port,
            proxy,
        })
    }
}

impl Listener {
    pub(super) fn between_brokers(name: &'static str) -> Result<Self> {
        Ok(Self {
            name,
            protocol: "PLAINTEXT",
            port: Port::reserve()?,
            proxy: None,
        })
    }

    /// Where clients connect, and what they are told.
    pub(super) fn address(&self) -> SocketAddr {
        self.proxy.as_ref().map_or_else(|| self.port.address(), Proxy::address)
    }

    pub(super) fn proxy(&self) -> Option<&Proxy> {
        self.proxy.as_ref()
    }

    /// The three settings that make the broker's listeners.
    pub(super) fn properties(listeners: &[Self]) -> [(&'static str, String); 3] {
        let join = |write: &dyn Fn(&Self) -> String| listeners.iter().map(write).collect::<Vec<_>>().join(",");
        [
            (
                "listeners",
                join(&|listener| format!("{}://{}", listener.name, listener.port.address())),
            ),
            (
                "advertised.listeners",
                join(&|listener| format!("{}://{}", listener.name, listener.address())),
            ),
            (
                "listener.security.protocol.map",
                join(&|listener| format!("{}:{}", listener.name, listener.protocol)),
            ),
        ]
    }
}
