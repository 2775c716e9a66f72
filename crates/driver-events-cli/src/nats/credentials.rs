use std::env;
use std::path::PathBuf;

use clap::{Args, ValueHint};
use driver_events_nats::NatsOptions;

use super::NatsAddress;

/// Who connects to NATS. Passwords, tokens and seeds come from the environment alone: the arguments of a process are seen
/// by everybody.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "NATS")]
pub(crate) struct NatsArguments {
    /// The credentials file of a user (JWT and NKey seed)
    #[arg(long = "nats-creds", value_name = "FILE", env = "NATS_CREDS", value_hint = ValueHint::FilePath)]
    credentials: Option<PathBuf>,

    /// Certificates that are trusted, instead of the system's
    #[arg(long = "nats-ca", value_name = "FILE", env = "NATS_CA", value_hint = ValueHint::FilePath)]
    root_certificates: Option<PathBuf>,

    /// The certificate to show
    #[arg(long = "nats-cert", value_name = "FILE", env = "NATS_CERT", requires = "key",
          value_hint = ValueHint::FilePath)]
    certificate: Option<PathBuf>,

    /// The key of the certificate
    #[arg(id = "key", long = "nats-key", value_name = "FILE", env = "NATS_KEY", requires = "certificate",
          value_hint = ValueHint::FilePath)]
    key: Option<PathBuf>,
}

impl NatsArguments {
    /// The connection to these servers. What the URL says of the user goes before the environment.
    pub(crate) fn options(&self, address: &NatsAddress) -> NatsOptions {
        let mut options = address.options();
        if let Some(file) = &self.root_certificates {
            options = options.root_certificates(file);
        }
        if let (Some(certificate), Some(key)) = (&self.certificate, &self.key) {
            options = options.client_certificate(certificate, key);
        }
        if address.has_user() {
            return options;
        }
        let variable = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        if let Some(file) = &self.credentials {
            options.credentials_file(file)
        } else if let Some(seed) = variable("NATS_NKEY_SEED") {
            options.nkey_seed(seed)
        } else if let Some(user) = variable("NATS_USER") {
            options.user_and_password(user, variable("NATS_PASSWORD").unwrap_or_default())
        } else if let Some(token) = variable("NATS_TOKEN") {
            options.token(token)
        } else {
            options
        }
    }
}
