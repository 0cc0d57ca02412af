use super::*;
use crate::config;
use crate::intake::accept::Acceptor;
use crate::intake::maildir::Door;
use crate::model::installation::Place as Storage;
use crate::model::mailbox::Note;
use crate::store::{Missing, Store};
use std::sync::Arc;

fn pair(of: &Path) -> Pair {
    let open = |place: Place| fs::openat(CWD, of.join(place.as_str()), FOLDER, Mode::empty()).unwrap();
    Pair { new: open(Place::New), cur: open(Place::Cur) }
}

/// An empty Maildir.
fn made(at: &Path) -> Folder {
    for folder in ["", ".Refused"] {
        for place in Place::ALL {
            std::fs::create_dir_all(at.join(folder).join(place.as_str())).unwrap();
        }
    }
    Folder { own: pair(at), accepted: None, refused: pair(&at.join(".Refused")) }
}

/// What left and what somebody else moved are told apart: the one is done with, the other may be found again.
#[test]
fn who_moved_it() {
    let at = tempfile::tempdir().unwrap();
    let folder = made(at.path());
    for (fate, name) in [(Fate::Accepted, "1.a.host"), (Fate::Refused, "2.b.host")] {
        let file = at.path().join("new").join(name);
        std::fs::write(&file, "x").unwrap();
        let waiting = folder.look(|_| false).unwrap().oldest.remove(0);
        std::fs::rename(&file, at.path().join("cur").join(format!("{name}:2,S"))).unwrap();
        assert_eq!(folder.leave(&waiting, fate).unwrap(), Left::Before);
        let again = folder.look(|_| false).unwrap().oldest.remove(0);
        assert_eq!((again.key(), again.place), (waiting.key(), Place::Cur));
        assert_eq!(folder.leave(&again, fate).unwrap(), Left::ByUs);
        assert_eq!(folder.keys().unwrap(), Vec::<String>::new());
    }
}

/// Acceptance: G3. A file that left just before a kill may come back with a power failure: its note stays until its leaving is durable.
#[tokio::test]
async fn nothing_is_forgotten_before_it_is_durable() {
    let at = tempfile::tempdir().unwrap();
    let place = Storage { database: at.path().join("x.db"), blobs: at.path().join("blobs") };
    let store = Store::open(&place, Missing::Create).await.unwrap();
    let text = format!(
        "[[maildir]]\nname = \"inbox\"\npath = {:?}\nimport_address = \"import@acme.example\"\nfirst = \"from_now_on\"\n",
        at.path()
    );
    let config = config::read(&text, Vec::new()).unwrap();
    let door = || Door::new(config.maildir[0].clone(), Acceptor::of(&config, &store, None), store.clone());
    let source = digest::sha256(config.maildir[0].path.as_os_str().as_encoded_bytes());
    store.begin_maildir("inbox", &source, vec!["gone".into()]).await.unwrap();
    let notes = async || store.maildir_notes("inbox", &source).await.unwrap().unwrap();
    // Folders of the kernel's own cannot be made durable.
    let proc = || fs::openat(CWD, "/proc/self", FOLDER, Mode::empty()).unwrap();
    let kernels = || Pair { new: proc(), cur: proc() };
    let stuck = Folder { own: kernels(), accepted: None, refused: kernels() };
    assert!(stuck.sync().is_err());
    assert!(door().begin(&Arc::new(stuck)).await.is_err());
    assert_eq!(notes().await.get("gone"), Some(&Note::Passed));
    door().begin(&Arc::new(made(at.path()))).await.unwrap();
    assert!(notes().await.is_empty());
    store.close().await;
}
