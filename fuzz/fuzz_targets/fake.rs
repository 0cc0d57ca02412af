//! What stands behind the session in place of store, directory, files and configuration.

use crate::Setting;
use rohrpost::config::{self, Brakes, Limits, TlsFiles};
use rohrpost::intake::smtp::session::Directory;
use rohrpost::intake::smtp::tls;
use rohrpost::model::address::without_detail;
use rohrpost::model::arrival::{Accept, Arrival, Purpose, Recipient};
use rohrpost::model::facts::Login;
use rohrpost::model::id::{ArrivalId, TenantId, UserId};
use rohrpost::model::stop::Stop;
use secrecy::{ExposeSecret, SecretString};
use std::num::NonZeroU32;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_rustls::{TlsAcceptor, TlsConnector};

pub const RECIPIENTS: usize = 3;
pub const ERRORS: u32 = 20;
/// A little over the size from which on a mail goes to the blob store.
pub const MESSAGE_BYTES: u64 = 100_000;

/// The store: keeps mail, or not, as the setting says.
pub struct Door {
    pub setting: Setting,
    pub kept: Arc<Mutex<Vec<Arrival>>>,
}

impl Accept for Door {
    async fn accept(&self, arrival: Arrival) -> Result<ArrivalId, Stop> {
        #[cfg(feature = "plant")]
        plant(&arrival);
        if self.setting.is_slow() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let id = self.setting.answer(arrival.id)?;
        self.kept.lock().unwrap().push(arrival);
        Ok(id)
    }
}

/// The null reverse-path, two recipients, and a mail whose first line begins with a dot.
#[cfg(feature = "plant")]
fn plant(arrival: &Arrival) {
    use std::hint::black_box;
    let rohrpost::model::arrival::Raw::Bytes(raw) = &arrival.raw else { return };
    // One branch after the other, as in a true bug: each is an edge that the fuzzer sees.
    if black_box(arrival.envelope.to.len()) == 2 {
        if black_box(arrival.envelope.from.is_none()) {
            if black_box(raw.starts_with(b".")) {
                panic!("the planted panic");
            }
        }
    }
}

/// Knows a few addresses and petra's password.
pub struct Book;

impl Directory for Book {
    async fn recipient(&self, path: &str) -> anyhow::Result<Option<Recipient>> {
        let (mailbox, detail) = without_detail(path);
        let found = |tenant: &str, purpose| Some(Recipient { tenant: TenantId::new(tenant), mailbox: mailbox.clone(), purpose });
        Ok(match mailbox.as_str() {
            "import@acme.example" => found("acme", Purpose::Import),
            "import@beta.example" => found("beta", Purpose::Import),
            "postmaster" => found(TenantId::MACHINE, Purpose::Postmaster),
            "bounces@acme.example" => found("acme", Purpose::Bounces { message: detail.unwrap_or_default().parse()? }),
            _ => None,
        })
    }

    async fn sign_in(&self, name: &str, password: SecretString) -> anyhow::Result<Option<Login>> {
        anyhow::ensure!(name != "broken", "database is locked");
        let is_right = name == "petra@acme.example" && password.expose_secret() == "geheim";
        Ok(is_right.then(|| Login { tenant: TenantId::new("acme"), user: UserId::generate() }))
    }
}

/// Both ends of TLS.
pub static TLS: LazyLock<(TlsAcceptor, TlsConnector)> = LazyLock::new(|| {
    let own = rcgen::generate_simple_self_signed(["mx.acme.example".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let files = TlsFiles { certificate: folder.path().join("cert.pem"), key: folder.path().join("key.pem") };
    std::fs::write(&files.certificate, own.cert.pem()).unwrap();
    std::fs::write(&files.key, own.signing_key.serialize_pem()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(own.cert.der().clone()).unwrap();
    let client = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    (tls::Certificate::read(&files).unwrap().acceptor(), TlsConnector::from(Arc::new(client)))
});
pub static LIMITS: LazyLock<Limits> = LazyLock::new(|| {
    let limits = config::read("", Vec::new()).unwrap().smtp.limits;
    // How often a peer may send is another matter (`intake::brakes` and its tests): here one peer sends as much as fits.
    let most = NonZeroU32::MAX;
    let brakes = Brakes { connections_per_minute: most, mails_per_hour: most, failed_logins_per_hour: most };
    Limits { message_bytes: MESSAGE_BYTES, recipients: RECIPIENTS, errors: ERRORS, brakes, ..limits }
});
