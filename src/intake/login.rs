//! Passwords: argon2id hashes, checked a few at a time; a password that was right is remembered for a minute under a keyed hash.

use crate::model::facts::Login;
use crate::store::Store;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// Hashes computed at once: each takes 19 MiB and a core.
const AT_ONCE: usize = 2;
/// How long a right password is remembered.
const REMEMBERED: Duration = Duration::from_secs(60);
/// How many are remembered.
const MOST_REMEMBERED: usize = 1_000;
/// Longest name or password looked at, in bytes.
const LONGEST: usize = 1_000;

/// Hashes a password as it is stored: a PHC string of argon2id.
pub fn hash(password: &SecretString) -> anyhow::Result<String> {
    let hash = Argon2::default().hash_password(password.expose_secret().as_bytes());
    Ok(hash.map_err(|error| anyhow::anyhow!("argon2: {error}"))?.to_string())
}

fn is_right(password: &SecretString, phc: &str) -> bool {
    PasswordHash::new(phc).is_ok_and(|hash| Argon2::default().verify_password(password.expose_secret().as_bytes(), &hash).is_ok())
}

/// Checked for a name that nobody has, so that asking costs the same.
static NOBODY: LazyLock<String> = LazyLock::new(|| hash(&SecretString::from("nobody's")).unwrap_or_default());

/// Whether a password has that hash. Costs as much for a wrong one as for a right one.
type Verify = dyn Fn(&SecretString, &str) -> bool + Send + Sync;

/// Signs users in.
#[derive(Clone)]
pub struct SignIn {
    store: Store,
    verify: Arc<Verify>,
    permits: Arc<Semaphore>,
    remembered: Arc<Mutex<Remembered>>,
}

#[derive(Default)]
struct Remembered {
    key: [u8; 32],
    logins: HashMap<[u8; 32], (Login, Instant)>,
}

impl SignIn {
    pub fn new(store: Store) -> SignIn {
        let remembered = Remembered { key: rand::random(), logins: HashMap::new() };
        // Made now: the first stranger must not pay for it and stand out.
        LazyLock::force(&NOBODY);
        SignIn {
            store,
            verify: Arc::new(is_right),
            permits: Arc::new(Semaphore::new(AT_ONCE)),
            remembered: Arc::new(Mutex::new(remembered)),
        }
    }

    /// The user with that name and password; none if either is wrong. An error is ours, and says nothing about the password.
    pub async fn check(&self, name: &str, password: SecretString) -> anyhow::Result<Option<Login>> {
        if name.len() > LONGEST || password.expose_secret().len() > LONGEST {
            return Ok(None);
        }
        let found = self.store.credentials(name).await?;
        let stored = found.as_ref().and_then(|found| found.password_hash.clone());
        // The stored hash is part of the key: a new password makes the old one forgotten at once.
        let ticket = self.ticket(name, &password, stored.as_deref().unwrap_or_default());
        if let Some(login) = self.recall(&ticket) {
            return Ok(Some(login));
        }
        let _permit = self.permits.acquire().await?;
        let phc = stored.clone().unwrap_or_else(|| NOBODY.clone());
        let verify = self.verify.clone();
        let right = tokio::task::spawn_blocking(move || verify(&password, &phc)).await?;
        match (right && stored.is_some(), found) {
            (true, Some(found)) => {
                self.remember(ticket, found.login.clone());
                Ok(Some(found.login))
            }
            _ => Ok(None),
        }
    }

    fn ticket(&self, name: &str, password: &SecretString, stored: &str) -> [u8; 32] {
        let remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        let mut hash = Sha256::new_with_prefix(remembered.key);
        for part in [name, stored, password.expose_secret()] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        hash.finalize().into()
    }

    fn recall(&self, ticket: &[u8; 32]) -> Option<Login> {
        let remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        let (login, since) = remembered.logins.get(ticket)?;
        (since.elapsed() < REMEMBERED).then(|| login.clone())
    }

    fn remember(&self, ticket: [u8; 32], login: Login) {
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        remembered.logins.retain(|_, (_, since)| since.elapsed() < REMEMBERED);
        if remembered.logins.len() < MOST_REMEMBERED {
            remembered.logins.insert(ticket, (login, Instant::now()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::examples;
    use std::sync::atomic::{AtomicUsize, Ordering};

    const ORGANISATION: &str = include_str!("../../fixtures/demo/organisation.json");

    /// Whoever guesses learns nothing from how long it takes: one hash for every try, whoever the name is.
    #[tokio::test]
    async fn every_try_costs_one_hash() {
        let (store, _folder) = examples::store().await;
        let import = async |text: &str| examples::import(&store, text).await;
        import(ORGANISATION).await;
        let left =
            r#"{"tenant": {"id": "acme"}, "users": [{"email": "left@acme.example", "name": "L", "role": "hr_manager", "active": false}]}"#;
        import(&left.replace("false", "true")).await;
        for name in ["petra@acme.example", "left@acme.example"] {
            let hashed = hash(&SecretString::from("geheim")).unwrap();
            store.set_password_hash(None, name, hashed).await.unwrap();
        }
        import(left).await;
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = calls.clone();
        let verify = move |password: &SecretString, phc: &str| {
            counted.fetch_add(1, Ordering::Relaxed);
            // Not one of them is checked against an empty or broken hash, which would cost nothing.
            assert!(PasswordHash::new(phc).is_ok());
            is_right(password, phc)
        };
        let sign_in = SignIn { verify: Arc::new(verify), ..SignIn::new(store.clone()) };
        for (name, password, is_let_in) in [
            ("petra@acme.example", "falsch", false),
            ("petra@acme.example", "geheim", true),
            ("nobody@acme.example", "geheim", false),
            ("nobody@acme.example", "nobody's", false),
            ("left@acme.example", "geheim", false),
            ("max@acme.example", "geheim", false),
            ("max@acme.example", "nobody's", false),
            ("", "", false),
        ] {
            calls.store(0, Ordering::Relaxed);
            let found = sign_in.check(name, SecretString::from(password)).await.unwrap();
            assert_eq!((calls.load(Ordering::Relaxed), found.is_some()), (1, is_let_in), "{name} {password}");
        }
        store.close().await;
    }

    #[test]
    fn hashes_are_argon2id_and_salted() {
        let password = SecretString::from("geheim");
        let (one, other) = (hash(&password).unwrap(), hash(&password).unwrap());
        assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{one}");
        assert_ne!(one, other);
        assert!(is_right(&password, &one) && !is_right(&SecretString::from("falsch"), &one));
        assert!(!is_right(&password, "no hash"));
    }
}
