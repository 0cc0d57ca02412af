use super::*;
use crate::config::read;
use crate::store::examples;
use secrecy::ExposeSecret;

struct Scene {
    store: Store,
    keeper: Keeper,
    _folder: tempfile::TempDir,
}

impl Scene {
    async fn new() -> Scene {
        let (store, folder) = examples::store().await;
        let text = "[[oauth]]\nname = \"own\"\nprovider = \"custom\"\nclient_id = \"c\"\ntoken_url = \"http://127.0.0.1:9/token\"\n\
                    authorization_url = \"https://id.acme.example/a\"\nscopes = [\"a\"]\n";
        let config = read(text, Vec::new()).unwrap().oauth.remove(0);
        let key = format!("[seal]\nkey = {{ value = \"{}\" }}\n", crate::seal::new_key().expose_secret());
        let seals = Arc::new(Seals::fetched(&read(&key, Vec::new()).unwrap().seal.unwrap()).unwrap());
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let tls = rustls::ClientConfig::builder().with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth();
        let keeper = Keeper::new("hr".into(), Asks::new(config, tls).unwrap(), seals, store.clone());
        let scene = Scene { store, keeper, _folder: folder };
        scene.signs_in("first").await;
        scene
    }

    fn granted(token: &str) -> Granted {
        let life = Duration::from_secs(3600);
        Granted { access: token.into(), refresh: Some(token.into()), at: Timestamp::now(), life }
    }

    async fn signs_in(&self, token: &str) {
        let kept = &self.keeper.0;
        let login = super::super::login(&kept.seals, &kept.asks.config, "hr", &Scene::granted(token), "op".into());
        self.store.signed_in(login.unwrap()).await.unwrap();
    }

    async fn row(&self) -> TokenRow {
        self.store.sign_in_of("hr").await.unwrap().unwrap()
    }

    /// Whether there is a reason to try again now; one that comes later is not waited for.
    async fn wakes(&self) -> bool {
        tokio::time::timeout(Duration::from_millis(400), self.keeper.renewed()).await.is_ok()
    }
}

/// A door that fails before it asks for a token is not called back by a login that is old; a new one calls it, once.
#[tokio::test]
async fn only_a_new_login_is_a_reason_to_try_again() {
    let scene = Scene::new().await;
    assert!(!scene.wakes().await, "nobody asked for a token yet, and nobody signed in since");
    let (woken, ()) = tokio::join!(tokio::time::timeout(Duration::from_secs(20), scene.keeper.renewed()), async {
        // Only once the other has looked.
        tokio::time::sleep(LOOK).await;
        scene.signs_in("second").await;
    });
    assert!(woken.is_ok());
    assert!(!scene.wakes().await, "the same login calls once");
    assert_eq!(scene.keeper.token().await.unwrap().expose_secret(), "second");
    assert!(!scene.wakes().await);
    assert_eq!(scene.keeper.until().await, Some(scene.row().await.expires_at));
    scene.store.close().await;
}

/// The lease is over, and another has the row in hand; the mail server refuses what was handed out: the answer is written down all the same.
#[tokio::test]
async fn an_answer_is_never_thrown_away() {
    let scene = Scene::new().await;
    scene.keeper.token().await.unwrap();
    let row = scene.row().await;
    assert!(scene.store.hold_sign_in(&row, "another", LEASE).await.unwrap());
    scene.keeper.0.remember(|memory| memory.instead = Some(row.generation));
    scene.keeper.refused().await;
    let held = scene.row().await;
    assert_eq!((held.state, held.held_until), (SignInState::Good, scene.row().await.held_until));
    assert!(held.held_until > Timestamp::now(), "the other's hold stands");
    scene.keeper.0.write_down(&row, &Scene::granted("renewed"), None).await.unwrap();
    let renewed = scene.row().await;
    assert_eq!((renewed.generation, renewed.state, renewed.held_until), (row.generation + 1, SignInState::Good, Timestamp::UNIX_EPOCH));
    assert_eq!(scene.keeper.token().await.unwrap().expose_secret(), "renewed");
    scene.store.close().await;
}

/// New tokens are written down however long the database refuses, and a stop waits for them only a little.
#[tokio::test(start_paused = true)]
async fn how_long_it_tries_to_write() {
    let stopping = CancellationToken::new();
    let mut tries = 0;
    let written = until_written("hr", &stopping, || {
        tries += 1;
        std::future::ready(if tries < 500 { Err(anyhow!("database is locked")) } else { Ok(true) })
    });
    assert!(written.await.unwrap());
    assert_eq!(tries, 500);
    stopping.cancel();
    let mut tries = 0;
    let written = until_written("hr", &stopping, || {
        tries += 1;
        std::future::ready(Err(anyhow!("database is locked")))
    });
    assert!(written.await.is_err());
    assert_eq!(tries, LAST_WRITES + 1);
}
