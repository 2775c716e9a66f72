use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::config::NatsConfig;
use super::program::{self, Nats, NatsServer};
use crate::servers::{Cluster, Program, Server};
use crate::{http, wait};

impl Server<Nats> {
    /// Returns the client URL, such as `nats://127.0.0.1:12345`, or `tls://…` if TLS is required.
    #[must_use]
    pub fn client_url(&self) -> String {
        let scheme = if self.program.has_tls { "tls" } else { "nats" };
        format!("{scheme}://{}", self.client_address())
    }

    /// Returns the monitoring URL, such as `http://127.0.0.1:12346`.
    #[must_use]
    pub fn monitoring_url(&self) -> String {
        format!("http://{}", self.program.monitoring.address())
    }

    /// Fetches a monitoring page, such as `/varz`, `/connz?subs=1` or `/jsz?streams=1`.
    ///
    /// # Errors
    /// Returns an error if the server does not respond, or with a status other than 200: `/healthz` does so while the
    /// server is unhealthy.
    pub fn monitoring(&self, path: &str) -> Result<Value> {
        http::get(self.program.monitoring.address(), path)
    }

    /// Reloads the running server with another configuration, and returns when it is in effect.
    ///
    /// # Errors
    /// Returns an error if the server does not run or rejects the configuration: some options require a restart.
    pub fn reload(&mut self, config: NatsConfig) -> Result<()> {
        const RELOADED: &str = "Reloaded server configuration";
        self.process_id()
            .context("cannot reload a server that is not running")?;
        program::write_config(self, &config)?;
        let log_start = self.log().len();
        self.hang_up()?;
        let mut log = String::new();
        wait::poll_until(Nats::TIMEOUT, || {
            log = self.log().split_off(log_start);
            log.contains(RELOADED) || log.contains("Failed to reload")
        });
        ensure!(log.contains(RELOADED), "{} did not reload: {log}", self.name());
        self.program.configure(&config);
        Ok(())
    }
}

impl Cluster<Nats> {
    /// Returns the server of this name, such as the leader in a stream's info.
    ///
    /// # Errors
    /// Returns an error if there is none.
    pub fn server(&mut self, name: &str) -> Result<&mut NatsServer> {
        self.find(|server| server.name() == name)
            .with_context(|| format!("the cluster has no server `{name}`"))
    }

    /// Returns the servers' client URLs, separated by commas.
    #[must_use]
    pub fn client_url(&self) -> String {
        let urls: Vec<String> = self.servers().iter().map(NatsServer::client_url).collect();
        urls.join(",")
    }
}
