//! The certificate of the SMTP door, which may be renewed while the service runs: files that change are read again.

use crate::config::TlsFiles;
use anyhow::Context;
use jiff::Timestamp;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Certificate chain and key in use.
#[derive(Clone, Debug)]
pub struct Certificate {
    files: TlsFiles,
    current: Arc<RwLock<Arc<CertifiedKey>>>,
    seen: Arc<Mutex<Seen>>,
}

/// What was seen of the files last.
#[derive(Debug, Default)]
struct Seen {
    marks: Vec<Option<Mark>>,
    /// Why they could not be used, as the log has it already.
    fault: Option<String>,
}

/// By which a file is known to be the same: device, inode, size, and when it changed. Links are followed, so that one which leads to a
/// new file is another file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark(u64, u64, u64, i64, i64);

/// How often the files are looked at. Two small questions to the system; a watch on folders would have to follow every link on the way.
const EVERY: Duration = Duration::from_secs(5);

impl Certificate {
    /// Reads certificate chain and key; an error names the file.
    pub fn read(files: &TlsFiles) -> anyhow::Result<Certificate> {
        // Looked at first: what changes while it is read is then read again.
        let seen = Seen { marks: marks(files), fault: None };
        let current = Arc::new(RwLock::new(certified(files)?));
        Ok(Certificate { files: files.clone(), current, seen: Arc::new(Mutex::new(seen)) })
    }

    /// Reads both files again and says how that went. After an error the old certificate stays in use; sessions that run keep theirs.
    pub fn reload(&self) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        *seen = Seen { marks: marks(&self.files), fault: None };
        self.take_up(&mut seen);
    }

    /// Looks for changed files until `stop`, and takes them up. Of files that do not belong together, as in the middle of a renewal, the
    /// log hears once.
    pub async fn watch(self, stop: CancellationToken) {
        loop {
            tokio::select! { () = stop.cancelled() => return, () = tokio::time::sleep(EVERY) => () }
            let certificate = self.clone();
            // A panic in there is none of the certificate in use: the next look tries again.
            let _ = tokio::task::spawn_blocking(move || certificate.look()).await;
        }
    }

    /// Takes the files up if they changed, or if what was there last was no use: a change may be too small to be seen. Whether the log
    /// was told anything.
    fn look(&self) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let marks = marks(&self.files);
        if marks != seen.marks || seen.fault.is_some() {
            seen.marks = marks;
            return self.take_up(&mut seen);
        }
        false
    }

    fn take_up(&self, seen: &mut Seen) -> bool {
        match certified(&self.files) {
            Ok(renewed) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = renewed;
                seen.fault = None;
                info!("the certificate of smtp.tls was read again");
                self.warn_if_expired();
                true
            }
            Err(error) => {
                let fault = format!("{error:#}");
                let is_new = seen.fault.as_ref() != Some(&fault);
                if is_new {
                    warn!(error = fault, "the certificate of smtp.tls could not be read; the old one stays in use");
                }
                seen.fault = Some(fault);
                is_new
            }
        }
    }

    pub fn warn_if_expired(&self) {
        if let Some(end) = self.ends().filter(|end| *end <= Timestamp::now()) {
            warn!(%end, "the certificate of smtp.tls expired at {end}: peers that check it will not send");
        }
    }

    pub fn acceptor(&self) -> TlsAcceptor {
        let config = ServerConfig::builder().with_no_client_auth().with_cert_resolver(Arc::new(self.clone()));
        TlsAcceptor::from(Arc::new(config))
    }

    /// Why the files that lie there now cannot be used, if they cannot.
    pub fn fault(&self) -> Option<String> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).fault.clone()
    }

    /// When it ends; none if that cannot be read.
    pub fn ends(&self) -> Option<Timestamp> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner).clone();
        let (_, first) = x509_parser::parse_x509_certificate(current.cert.first()?).ok()?;
        Timestamp::from_second(first.validity().not_after.timestamp()).ok()
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

/// None for a file that is not there.
fn marks(files: &TlsFiles) -> Vec<Option<Mark>> {
    let mark = |path: &Path| {
        let there = std::fs::metadata(path).ok()?;
        Some(Mark(there.dev(), there.ino(), there.size(), there.mtime(), there.mtime_nsec()))
    };
    vec![mark(&files.certificate), mark(&files.key)]
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

    /// Certificate and key in PEM; the certificate ends with that year.
    fn made(year: i32) -> (String, String) {
        let mut parameters = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
        parameters.not_after = rcgen::date_time_ymd(year, 1, 1);
        let key = rcgen::KeyPair::generate().unwrap();
        (parameters.self_signed(&key).unwrap().pem(), key.serialize_pem())
    }

    fn year(certificate: &Certificate) -> String {
        certificate.ends().unwrap().to_string()[..4].to_owned()
    }

    fn fault(certificate: &Certificate) -> Option<String> {
        certificate.seen.lock().unwrap().fault.clone()
    }

    #[test]
    fn a_certificate_is_renewed_while_it_is_in_use() {
        let folder = tempfile::tempdir().unwrap();
        let files = TlsFiles { certificate: folder.path().join("cert.pem"), key: folder.path().join("key.pem") };
        let write = |(chain, key): (String, String)| {
            std::fs::write(&files.certificate, chain).unwrap();
            std::fs::write(&files.key, key).unwrap();
        };
        write(made(2020));
        let certificate = Certificate::read(&files).unwrap();
        let _ = certificate.acceptor();
        assert_eq!(year(&certificate), "2020");
        let before = certificate.current.read().unwrap().clone();
        assert!(!certificate.look());
        assert!(Arc::ptr_eq(&before, &certificate.current.read().unwrap()), "nothing changed, and nothing was read");
        write(made(2040));
        certificate.reload();
        assert_eq!(year(&certificate), "2040");
        // Half of a renewal: the key does not fit yet, and then it does.
        let (chain, key) = made(2041);
        std::fs::write(&files.certificate, chain).unwrap();
        assert_eq!([certificate.look(), certificate.look(), certificate.look()], [true, false, false], "it is said once");
        assert!(fault(&certificate).is_some_and(|fault| fault.contains("do not belong together")));
        assert_eq!(year(&certificate), "2040");
        std::fs::write(&files.key, &key[..key.len() / 2]).unwrap();
        certificate.look();
        assert_eq!((year(&certificate), fault(&certificate).is_some()), ("2040".into(), true));
        std::fs::write(&files.key, key).unwrap();
        certificate.look();
        assert_eq!((year(&certificate), fault(&certificate)), ("2041".into(), None));
        // Files that are gone are no certificate either.
        std::fs::remove_file(&files.key).unwrap();
        certificate.look();
        assert!(fault(&certificate).is_some_and(|fault| fault.contains("key.pem")));
        assert_eq!(year(&certificate), "2041");
    }

    /// As certbot does it: the names are links, and a renewal makes them lead elsewhere.
    #[test]
    fn links_that_lead_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let lead = |name: &str, to: &str| {
            std::os::unix::fs::symlink(path(to), path("new")).unwrap();
            std::fs::rename(path("new"), path(name)).unwrap();
        };
        for (number, year) in [(1, 2030), (2, 2031)] {
            let (chain, key) = made(year);
            std::fs::write(path(&format!("chain{number}")), chain).unwrap();
            std::fs::write(path(&format!("key{number}")), key).unwrap();
        }
        lead("cert.pem", "chain1");
        lead("key.pem", "key1");
        let certificate = Certificate::read(&TlsFiles { certificate: path("cert.pem"), key: path("key.pem") }).unwrap();
        lead("cert.pem", "chain2");
        certificate.look();
        assert_eq!(year(&certificate), "2030");
        lead("key.pem", "key2");
        certificate.look();
        assert_eq!(year(&certificate), "2031");
    }
}
