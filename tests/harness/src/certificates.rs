//! Certificates for TLS, of an authority that exists for one test.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use tempfile::TempDir;

/// An authority, a server's certificate for `localhost` and `127.0.0.1`, and a client's, as PEM files.
///
/// The files are removed with the last clone.
#[derive(Clone, Debug)]
pub struct Certificates {
    folder: Arc<TempDir>,
}

impl Certificates {
    /// Makes an authority and what it signs.
    ///
    /// # Errors
    /// When the files cannot be written.
    pub fn generate() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let write = |name: &str, text: String| fs::write(folder.path().join(name), text);

        let mut authority = params("driver-events test authority", &[])?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let authority_key = KeyPair::generate()?;
        write("authority.pem", authority.self_signed(&authority_key)?.pem())?;
        let authority = Issuer::new(authority, authority_key);

        let names = ["localhost", "127.0.0.1"];
        for (name, names, purpose) in [
            ("server", &names[..], ExtendedKeyUsagePurpose::ServerAuth),
            ("client", &[], ExtendedKeyUsagePurpose::ClientAuth),
        ] {
            let mut params = params(name, names)?;
            params.extended_key_usages = vec![purpose];
            let key = KeyPair::generate()?;
            write(&format!("{name}.pem"), params.signed_by(&key, &authority)?.pem())?;
            write(&format!("{name}.key"), key.serialize_pem())?;
        }
        Ok(Self {
            folder: Arc::new(folder),
        })
    }

    /// The authority's certificate: what a client must trust.
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

fn params(name: &str, alternatives: &[&str]) -> Result<CertificateParams> {
    let alternatives: Vec<String> = alternatives.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(alternatives)?;
    params.distinguished_name.push(DnType::CommonName, name);
    Ok(params)
}
