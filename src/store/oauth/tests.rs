use super::*;
use crate::store::doors::DoorNews;
use crate::store::examples;

const LEASE: SignedDuration = SignedDuration::from_secs(90);

struct Scene {
    store: Store,
    now: Timestamp,
    _folder: tempfile::TempDir,
}

impl Scene {
    /// Somebody has signed mailbox hr in.
    async fn new() -> Scene {
        let (store, folder) = examples::store().await;
        let scene = Scene { store, now: Timestamp::now(), _folder: folder };
        scene.signs_in(1).await;
        scene
    }

    fn new_tokens(&self, number: u8) -> NewTokens {
        let tokens = SealedTokens { key_id: "k".into(), access: Some(vec![number]), refresh: Some(vec![number]) };
        NewTokens { tokens, obtained_at: self.now, expires_at: self.now + SignedDuration::from_hours(i64::from(number)) }
    }

    async fn signs_in(&self, number: u8) {
        let new = self.new_tokens(number);
        let login = NewLogin { mailbox: "hr".into(), provider: "p".into(), source: "s".into(), new, actor: "a".into() };
        self.store.signed_in(login).await.unwrap();
    }

    async fn row(&self) -> TokenRow {
        self.store.sign_in_of("hr").await.unwrap().unwrap()
    }

    async fn trouble(&self, row: &TokenRow, holder: Option<&str>) -> bool {
        let no = NoTokens { state: SignInState::Refused, trouble: "x".into(), retry_at: self.now };
        self.store.trouble_with_sign_in(row, holder, no).await.unwrap()
    }

    async fn holds(&self, row: &TokenRow, holder: &str) -> bool {
        self.store.hold_sign_in(row, holder, LEASE).await.unwrap()
    }

    async fn keeps(&self, row: &TokenRow, holder: &str) -> bool {
        self.store.keep_sign_in(row, holder, LEASE).await.unwrap()
    }

    async fn set_held_until(&self, at: Timestamp) {
        let sql = format!("update oauth_token set held_until = {}", at.as_millisecond());
        let write =
            self.store.write(move |c| Box::pin(async move { Ok(sqlx::query(sqlx::AssertSqlSafe(sql)).execute(c).await.map(drop)?) }));
        write.await.unwrap();
    }
}

/// What a token was spent for is written down whatever happens meanwhile; only other tokens or another sign-in are in its way.
#[tokio::test]
async fn a_fresh_token_is_never_lost() {
    let scene = Scene::new().await;
    let row = scene.row().await;
    assert!(scene.holds(&row, "A").await);
    assert!(!scene.trouble(&row, None).await, "a refusal takes nothing out of another's hand");
    assert!(!scene.trouble(&row, Some("B")).await);
    let until = scene.row().await.held_until;
    assert!(!scene.holds(&row, "B").await && !scene.keeps(&row, "B").await);
    scene.set_held_until(until - LEASE / 2).await;
    assert!(scene.keeps(&row, "A").await && scene.row().await.held_until >= until, "whoever has it keeps it");
    // Its lease lapses, and another takes it.
    scene.set_held_until(scene.now).await;
    assert!(scene.holds(&row, "B").await && !scene.keeps(&row, "A").await);
    assert!(!scene.trouble(&row, Some("A")).await, "B's answer says more");
    assert!(scene.store.renew_sign_in(&row, scene.new_tokens(2)).await.unwrap());
    assert_eq!(scene.row().await.tokens, scene.new_tokens(2).tokens);
    assert!(!scene.store.renew_sign_in(&row, scene.new_tokens(3)).await.unwrap(), "of another generation");
    // A person signs out and in: the first generation again, and another sign-in.
    scene.store.signed_out("hr", "a".into()).await.unwrap();
    scene.set_login_apart().await;
    scene.signs_in(4).await;
    assert_eq!(scene.row().await.generation, row.generation);
    assert!(!scene.store.renew_sign_in(&row, scene.new_tokens(5)).await.unwrap());
    assert_eq!(scene.row().await.tokens, scene.new_tokens(4).tokens);
    scene.store.close().await;
}

impl Scene {
    /// Two logins of one millisecond are one.
    async fn set_login_apart(&self) {
        while Timestamp::now().as_millisecond() <= self.now.as_millisecond() + 1 {
            tokio::task::yield_now().await;
        }
    }
}

/// A clock that was ahead leaves no row in nobody's hand for years.
#[tokio::test]
async fn a_hold_of_times_to_come_is_none() {
    let scene = Scene::new().await;
    let row = scene.row().await;
    assert!(scene.holds(&row, "A").await);
    scene.set_held_until(Timestamp::now() + LONGEST_HOLD / 2).await;
    assert!(!scene.holds(&row, "B").await && !scene.trouble(&row, None).await);
    scene.set_held_until(Timestamp::now() + SignedDuration::from_hours(9_000)).await;
    assert!(scene.holds(&row, "B").await);
    scene.set_held_until(Timestamp::now() + SignedDuration::from_hours(9_000)).await;
    assert!(scene.trouble(&row, None).await);
    scene.store.close().await;
}

/// `doors list` says until when a mailbox is open to us, and goes with each renewal, login and logout.
#[tokio::test]
async fn the_door_knows_how_long_it_gets_in() {
    let scene = Scene::new().await;
    let news = |expires_at| DoorNews { state: "listening", expires_at, ..DoorNews::default() };
    let until = async || scene.store.doors().await.unwrap().remove(0).expires_at.map(|at| at.as_millisecond());
    let row = scene.row().await;
    scene.store.door_says("imap", "hr", news(Some(Some(row.expires_at)))).await.unwrap();
    assert_eq!(until().await, Some(row.expires_at.as_millisecond()));
    assert!(scene.store.renew_sign_in(&row, scene.new_tokens(2)).await.unwrap());
    let renewed = Some(scene.new_tokens(2).expires_at.as_millisecond());
    assert_eq!(until().await, renewed);
    scene.store.door_says("imap", "hr", news(None)).await.unwrap();
    assert_eq!(until().await, renewed, "what is left out stays");
    scene.store.signed_out("hr", "a".into()).await.unwrap();
    assert_eq!(until().await, None);
    scene.signs_in(3).await;
    assert_eq!(until().await, Some(scene.new_tokens(3).expires_at.as_millisecond()));
    // By a password from now on.
    scene.store.door_says("imap", "hr", news(Some(None))).await.unwrap();
    assert_eq!(until().await, None);
    scene.store.close().await;
}
