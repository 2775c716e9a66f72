use std::fs;
use std::path::Path;

use anyhow::Result;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};

/// Writes the files into `folder`.
pub(super) fn into(folder: &Path) -> Result<()> {
    let write = |name: &str, text: String| fs::write(folder.join(name), text);

    let mut authority = params("driver-events test authority", &[])?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let authority_key = KeyPair::generate()?;
    write("authority.pem", authority.self_signed(&authority_key)?.pem())?;
    let authority = Issuer::new(authority, authority_key);

    for (name, names, purpose) in [
        (
            "server",
            &["localhost", "127.0.0.1"][..],
            ExtendedKeyUsagePurpose::ServerAuth,
        ),
        ("client", &[], ExtendedKeyUsagePurpose::ClientAuth),
    ] {
        let mut params = params(name, names)?;
        params.extended_key_usages = vec![purpose];
        let key = KeyPair::generate()?;
        write(&format!("{name}.pem"), params.signed_by(&key, &authority)?.pem())?;
        write(&format!("{name}.key"), key.serialize_pem())?;
    }
    Ok(())
}

fn params(name: &str, alternatives: &[&str]) -> Result<CertificateParams> {
    let alternatives: Vec<String> = alternatives.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(alternatives)?;
    params.distinguished_name.push(DnType::CommonName, name);
    Ok(params)
}
