//! A Maildir's door with a DNS that nobody serves.

use super::*;
use crate::intake::accept::Room;
use crate::intake::facts::checks::Checks;
use crate::model::installation::Place;
use crate::store::{Missing, examples};

/// Its key is asked for: the hash of its empty body is right. RFC 6376 §3.4.4.
const SIGNED: &str = "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=acme.example; s=x; h=from:to;\n \
    bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA\nFrom: petra@acme.example\nTo: import@acme.example\nSubject: 4711\n\n";
const PEOPLE: &str = r#"{"tenant": {"id": "acme", "name": "Acme", "import_addresses": ["import@acme.example"]},
    "users": [{"email": "petra@acme.example", "name": "Petra", "role": "administrator"}]}"#;

async fn store(folder: &std::path::Path) -> Store {
    let place = Place { database: folder.join("db"), blobs: folder.join("blobs") };
    let store = Store::open(&place, Missing::Create).await.unwrap();
    examples::import(&store, PEOPLE).await;
    store
}

fn door(folder: &std::path::Path, store: &Store) -> Door {
    let path = folder.join("Maildir");
    for part in ["tmp", "new", "cur"] {
        std::fs::create_dir_all(path.join(part)).unwrap();
    }
    let text = format!(
        "state_dir = {folder:?}\nportal_url = \"https://portal.acme.example\"\npostmaster = \"operator@acme.example\"\n\
         [smtp]\nlisten = [\"127.0.0.1:0\"]\nhostname = \"mx.acme.example\"\n[outgoing]\nhost = \"127.0.0.1\"\nport = 25\n\
         [dns]\nresolvers = [\"127.0.0.1:9\"]\ntimeout_seconds = 1\n\
         [[maildir]]\nname = \"inbox\"\npath = {path:?}\nimport_address = \"import@acme.example\"\nfirst = \"everything\"\n"
    );
    std::fs::write(folder.join("rohrpost.toml"), text).unwrap();
    let mut config = crate::config::load(&folder.join("rohrpost.toml")).unwrap();
    let room = Room { folders: Vec::new(), min_free_bytes: 0, held: config.held_unauthenticated };
    let checks = Checks::new(&config.dns, config.smtp.hostname.clone());
    let acceptor = Acceptor::new(store.clone(), room, checks, config.smtp.clone(), None);
    Door::new(config.maildir.remove(0), acceptor, store.clone())
}

/// Acceptance: G1. What nobody can check stays in its folder for its tries, and is taken at the last one.
#[tokio::test]
async fn a_sender_whom_nobody_can_check() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path()).await;
    let door = door(folder.path(), &store);
    let name = "1700000001.M1P1.host";
    let file = folder.path().join("Maildir/new").join(name);
    std::fs::write(&file, SIGNED).unwrap();
    let whose = store.recipient("import@acme.example").await.unwrap().unwrap();
    let opened = Arc::new(Folder::open(&door.config).unwrap());
    door.begin(&opened).await.unwrap();
    let mail = opened.look(|_| false).unwrap().oldest.remove(0);
    // Fifty-four tries long it was in vain.
    for _ in 0..54 {
        door.state.put_off_for_now(&mail.key());
    }
    let taken = door.take(&opened, &whose, &mail).await.unwrap();
    assert!(matches!(&taken, Taken::Later(why) if why.contains("DNS")) && file.exists(), "{taken:?}");
    assert_eq!(door.take(&opened, &whose, &mail).await.unwrap(), Taken::Accepted);
    assert!(!file.exists() && door.state.put_off() == 0);
    store.close().await;
}
