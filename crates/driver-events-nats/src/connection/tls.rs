//! TLS: root certificates and the client certificate.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_nats::rustls::pki_types::pem::PemObject;
use async_nats::rustls::pki_types::{CertificateDer, PrivateKeyDer, pem};
use async_nats::rustls::{ClientConfig, RootCertStore, crypto};
use driver_events_core::SetupError;

#[derive(Clone, Debug, Default)]
pub(super) struct Tls {
    pub(super) is_required: bool,
    pub(super) is_first: bool,
    pub(super) root_certificates: Option<PathBuf>,
    pub(super) client_certificate: Option<PathBuf>,
    pub(super) client_key: Option<PathBuf>,
}

impl Tls {
    /// Reads the certificate files once, so that an invalid one fails now and not at every attempt to connect.
    ///
    /// Names the crypto provider: rustls has no default, and panics, if a build enables two of them.
    pub(super) async fn client_config(self) -> Result<ClientConfig, SetupError> {
        tokio::task::spawn_blocking(move || self.read())
            .await
            .map_err(|error| SetupError::invalid("cannot read the certificates").with_source(error))?
    }

    fn read(&self) -> Result<ClientConfig, SetupError> {
        let roots = match &self.root_certificates {
            Some(path) => own_roots(path)?,
            None => system_roots(),
        };
        let provider = Arc::new(crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| SetupError::invalid("cannot set up TLS").with_source(error))?
            .with_root_certificates(roots);
        let (Some(certificate), Some(key)) = (&self.client_certificate, &self.client_key) else {
            return Ok(builder.with_no_client_auth());
        };
        let chain = certificates(certificate)?;
        let private_key =
            PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable("the private key", key, error))?;
        builder.with_client_auth_cert(chain, private_key).map_err(|error| {
            let message = format!(
                "client certificate `{}` does not match the private key `{}`",
                certificate.display(),
                key.display()
            );
            SetupError::invalid(message).with_source(error)
        })
    }
}

fn own_roots(path: &Path) -> Result<RootCertStore, SetupError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| {
            SetupError::invalid(format!("invalid root certificate in `{}`", path.display())).with_source(error)
        })?;
    }
    Ok(roots)
}

/// Loads the root certificates of the system. Skips invalid ones: the others may be sufficient.
fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "cannot read a root certificate of the system");
    }
    roots.add_parsable_certificates(found.certs);
    roots
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, SetupError> {
    let certificates = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unreadable("the certificates", path, error))?;
    if certificates.is_empty() {
        let message = format!("no PEM certificate in `{}`", path.display());
        return Err(SetupError::invalid(message));
    }
    Ok(certificates)
}

fn unreadable(what: &str, path: &Path, error: pem::Error) -> SetupError {
    SetupError::invalid(format!("cannot read {what} from `{}`", path.display())).with_source(error)
}
