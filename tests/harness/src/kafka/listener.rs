use std::net::SocketAddr;

use anyhow::Result;

use crate::proxy::Proxy;
use crate::servers::ports::Port;

/// A listener of a broker. Every broker has [`Plain`](Self::Plain); [`KafkaConfig`](crate::KafkaConfig) adds others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KafkaListener {
    /// `PLAINTEXT`, without authentication. All operations are allowed.
    Plain,
    /// `PLAINTEXT` through the broker's [proxy](crate::KafkaBroker::proxy), whose address the broker advertises instead of
    /// its own.
    Proxied,
    /// `SASL_SSL`: TLS, and a password or token.
    Sasl,
    /// `SSL`: TLS with a client certificate.
    MutualTls,
}

/// A listener with its port, and its proxy if it has one.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) name: &'static str,
    protocol: &'static str,
    port: Port,
    proxy: Option<Proxy>,
}

/// Listener between brokers.
pub(super) const INTERNAL: &str = "INTERNAL";
/// Listener between controllers.
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

    /// Reserves the preferred port if it is free, else another one.
    pub(super) fn reserve(self, preferred_port: Option<u16>) -> Result<Listener> {
        let protocol = match self {
            Self::Plain | Self::Proxied => "PLAINTEXT",
            Self::Sasl => "SASL_SSL",
            Self::MutualTls => "SSL",
        };
        let port = Port::reserve_preferred(preferred_port)?;
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

    /// Returns the advertised address.
    pub(super) fn address(&self) -> SocketAddr {
        self.proxy.as_ref().map_or_else(|| self.port.address(), Proxy::address)
    }

    /// Returns the address at which the broker listens.
    pub(super) fn bound_address(&self) -> SocketAddr {
        self.port.address()
    }

    pub(super) fn proxy(&self) -> Option<&Proxy> {
        self.proxy.as_ref()
    }

    /// Returns the three properties that configure the listeners.
    pub(super) fn properties(listeners: &[Self]) -> [(&'static str, String); 3] {
        let join = |entry: &dyn Fn(&Self) -> String| listeners.iter().map(entry).collect::<Vec<_>>().join(",");
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
