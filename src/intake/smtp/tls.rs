//! The certificate of the SMTP door, which may be renewed while the service runs.

use crate::config::TlsFiles;
use anyhow::Context;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use tokio_rustls::TlsAcceptor;

/// Certificate chain and key in use.
#[derive(Clone, Debug)]
pub struct Certificate {
    files: TlsFiles,
    current: Arc<RwLock<Arc<CertifiedKey>>>,
}

impl Certificate {
    /// Reads certificate chain and key; an error names the file.
    pub fn read(files: &TlsFiles) -> anyhow::Result<Certificate> {
        Ok(Certificate { files: files.clone(), current: Arc::new(RwLock::new(certified(files)?)) })
    }

    /// Reads both files again. After an error the old certificate stays in use; sessions that run keep theirs.
    pub fn reload(&self) -> anyhow::Result<()> {
        let renewed = certified(&self.files)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = renewed;
        Ok(())
    }

    pub fn acceptor(&self) -> TlsAcceptor {
        let config = ServerConfig::builder().with_no_client_auth().with_cert_resolver(Arc::new(self.clone()));
        TlsAcceptor::from(Arc::new(config))
    }

    /// When it ends; none if that cannot be read.
    pub fn ends(&self) -> Option<jiff::Timestamp> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner).clone();
        let (_, first) = x509_parser::parse_x509_certificate(current.cert.first()?).ok()?;
        jiff::Timestamp::from_second(first.validity().not_after.timestamp()).ok()
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

fn certified(files: &TlsFiles) -> anyhow::Result<Arc<CertifiedKey>> {
    let read = |path: &Path| std::fs::read(path).with_context(|| path.display().to_string());
    let chain = CertificateDer::pem_slice_iter(&read(&files.certificate)?)
        .collect::<Result<Vec<_>, _>>()
        .with_context(|| format!("{}: no PEM certificates", files.certificate.display()))?;
    anyhow::ensure!(!chain.is_empty(), "{}: no certificate in it", files.certificate.display());
    let key = PrivateKeyDer::from_pem_slice(&read(&files.key)?).with_context(|| format!("{}: no PEM private key", files.key.display()))?;
    let certified = CertifiedKey::from_der(chain, key, ServerConfig::builder().crypto_provider())
        .with_context(|| format!("{} and {} do not belong together", files.certificate.display(), files.key.display()))?;
    Ok(Arc::new(certified))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_renewed_while_it_is_in_use() {
        let folder = tempfile::tempdir().unwrap();
        let files = TlsFiles { certificate: folder.path().join("cert.pem"), key: folder.path().join("key.pem") };
        let make = |year: i32| {
            let mut parameters = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
            parameters.not_after = rcgen::date_time_ymd(year, 1, 1);
            let key = rcgen::KeyPair::generate().unwrap();
            std::fs::write(&files.certificate, parameters.self_signed(&key).unwrap().pem()).unwrap();
            std::fs::write(&files.key, key.serialize_pem()).unwrap();
        };
        let year = |certificate: &Certificate| certificate.ends().map(|end| end.to_string()[..4].to_owned());
        make(2020);
        let certificate = Certificate::read(&files).unwrap();
        let _ = certificate.acceptor();
        assert_eq!(year(&certificate).as_deref(), Some("2020"));
        make(2040);
        certificate.reload().unwrap();
        assert_eq!(year(&certificate).as_deref(), Some("2040"));
        // Half of a renewal: the key does not fit yet.
        std::fs::write(&files.key, rcgen::KeyPair::generate().unwrap().serialize_pem()).unwrap();
        assert!(certificate.reload().unwrap_err().to_string().contains("do not belong together"));
        assert_eq!(year(&certificate).as_deref(), Some("2040"));
    }
}
