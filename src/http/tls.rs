//! Whom to trust: the system's certificates, or those of one file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::environment::{Environment, ProcessEnvironment};
use crate::sanitize::ForeignText;

/// Why there is nothing to trust.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file of `--ca-file` can't be used.
    #[error(
        "can't use the certificates of {path}: {why}; give a PEM file with the certificate of the authority to trust",
        path = ForeignText::path(path)
    )]
    CaFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: ForeignText,
    },
    /// The system has no trusted certificates.
    #[error(
        "this system has no trusted certificates; install its ca-certificates package, or give a file with --ca-file"
    )]
    NoRoots,
    /// The TLS library refuses its own parameters.
    #[error("TLS can't be set up: {0}")]
    Setup(rustls::Error),
}

/// The configuration of TLS that trusts `ca_file`, or the system where there is none.
pub(super) fn trusting(ca_file: Option<&Path>) -> Result<ClientConfig, TlsError> {
    let roots = match ca_file {
        Some(path) => roots_of_file(path)?,
        None => roots_of_system()?,
    };
    with_roots(roots)
}

/// The configuration of TLS for clients that only speak plain HTTP: it trusts nobody, and costs
/// nothing to make.
pub(super) fn trusting_nobody() -> Result<ClientConfig, TlsError> {
    with_roots(RootCertStore::empty())
}

fn with_roots(roots: RootCertStore) -> Result<ClientConfig, TlsError> {
    Ok(
        ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Setup)?
            .with_root_certificates(roots)
            .with_no_client_auth(),
    )
}

fn roots_of_file(path: &Path) -> Result<RootCertStore, TlsError> {
    let unusable = |why: String| TlsError::CaFile {
        path: path.to_owned(),
        why: why.into(),
    };
    let mut roots = RootCertStore::empty();
    for certificate in
        CertificateDer::pem_file_iter(path).map_err(|error| unusable(error.to_string()))?
    {
        let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
        roots
            .add(certificate)
            .map_err(|error| unusable(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(unusable("it holds no certificate".to_owned()));
    }
    Ok(roots)
}

fn roots_of_system() -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(system_certificates());
    if roots.is_empty() {
        return Err(TlsError::NoRoots);
    }
    Ok(roots)
}

/// The system's bundle where it has one. `load_native_certs` would go on to read its folder too,
/// which holds the same certificates again in hundreds of files.
fn system_certificates() -> Vec<CertificateDer<'static>> {
    const BUNDLES: [&str; 3] = [
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/cert.pem",
    ];
    let overridden = ["SSL_CERT_FILE", "SSL_CERT_DIR"]
        .iter()
        .any(|name| ProcessEnvironment.var(name).is_some());
    let bundle = BUNDLES.iter().map(Path::new).find(|path| path.is_file());
    match bundle {
        Some(bundle) if !overridden => {
            rustls_native_certs::load_certs_from_paths(Some(bundle), None).certs
        }
        _ => rustls_native_certs::load_native_certs().certs,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_certificate_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        for content in ["", "no certificate", "-----BEGIN CERTIFICATE-----\n!!\n"] {
            let path = folder.path().join("ca.pem");
            std::fs::write(&path, content).unwrap();
            let message = trusting(Some(&path)).unwrap_err().to_string();
            assert!(message.contains("ca.pem"), "{message}");
        }
        let missing = folder.path().join("missing.pem");
        assert!(trusting(Some(&missing)).is_err());
    }
}
