//! The certificate of the SMTP door.

use crate::config::TlsFiles;
use anyhow::Context;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

/// Reads certificate chain and key; an error names the file.
pub fn acceptor(files: &TlsFiles) -> anyhow::Result<TlsAcceptor> {
    let read = |path: &Path| std::fs::read(path).with_context(|| path.display().to_string());
    let chain = CertificateDer::pem_slice_iter(&read(&files.certificate)?)
        .collect::<Result<Vec<_>, _>>()
        .with_context(|| format!("{}: no PEM certificates", files.certificate.display()))?;
    anyhow::ensure!(!chain.is_empty(), "{}: no certificate in it", files.certificate.display());
    let key = PrivateKeyDer::from_pem_slice(&read(&files.key)?).with_context(|| format!("{}: no PEM private key", files.key.display()))?;
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .with_context(|| format!("{} and {} do not belong together", files.certificate.display(), files.key.display()))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
