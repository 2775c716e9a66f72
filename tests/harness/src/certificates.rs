//! TLS certificates, signed by a temporary authority.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;

#[cfg(feature = "certificates")]
mod generate;

/// PEM files of an authority, a server certificate for `localhost` and `127.0.0.1`, and a client certificate.
///
/// The files are removed when the last clone is dropped.
#[derive(Clone, Debug)]
pub struct Certificates {
    folder: Arc<TempDir>,
}

impl Certificates {
    /// Generates an authority and the certificates. Requires the feature `certificates`.
    ///
    /// # Errors
    /// Returns an error if the files cannot be written.
    #[cfg(feature = "certificates")]
    pub fn generate() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        generate::into(folder.path())?;
        Ok(Self {
            folder: Arc::new(folder),
        })
    }

    /// The authority's certificate, which clients must trust.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.path("authority.pem")
    }

    /// The server's certificate.
    #[must_use]
    pub fn server(&self) -> PathBuf {
        self.path("server.pem")
    }

    /// The server's private key, PKCS #8.
    #[must_use]
    pub fn server_key(&self) -> PathBuf {
        self.path("server.key")
    }

    /// The client's certificate.
    #[must_use]
    pub fn client(&self) -> PathBuf {
        self.path("client.pem")
    }

    /// The client's private key, PKCS #8.
    #[must_use]
    pub fn client_key(&self) -> PathBuf {
        self.path("client.key")
    }

    fn path(&self, name: &str) -> PathBuf {
        Path::join(self.folder.path(), name)
    }
}
