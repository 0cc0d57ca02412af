//! Answers of a scanner, good and bad. The real clamd is in the system tests.

use super::*;
use tokio::net::UnixListener;

#[test]
fn answers_are_read_strictly() {
    let check = |answer: &str, want: Option<Looked>| assert_eq!(read(answer).ok(), want, "{answer}");
    check("stream: OK", Some(Looked::Clean));
    check("stream: Win.Test.EICAR_HDB-1 FOUND", Some(Looked::Infected("Win.Test.EICAR_HDB-1".into())));
    check("stream: a\u{202e}\u{1b}[31mb FOUND", Some(Looked::Infected("a[31mb".into())));
    check("INSTREAM size limit exceeded. ERROR", Some(Looked::NotLooked));
    check("stream: Heuristics.Limits.Exceeded.MaxFileSize FOUND", Some(Looked::NotLooked));
    for bad in [
        "",
        "OK",
        "stream: ok",
        "stream: OK ",
        "stream: OKAY",
        "stream:  FOUND",
        "stream: FOUND",
        "other: OK",
        "stream: Can't allocate memory ERROR",
        "UNKNOWN COMMAND",
        "PONG",
    ] {
        check(bad, None);
    }
}

/// A scanner that reads a file up to its end, unless it is `early`, and then says `says` and hangs up.
async fn says(says: &'static [u8], early: bool, file: &[u8]) -> (Result<Looked, Trouble>, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clamd.ctl");
    let listener = UnixListener::bind(&path).unwrap();
    let heard = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut heard = Vec::new();
        while !early && !heard.ends_with(&[0, 0, 0, 0]) {
            let mut piece = vec![0; 100_000];
            let read = stream.read(&mut piece).await.unwrap();
            if read == 0 {
                break;
            }
            heard.extend_from_slice(&piece[..read]);
        }
        stream.write_all(says).await.unwrap();
        heard
    });
    let config = Scan { clamd: Clamd::Unix(path), when_down: WhenDown::Refuse, timeout: Duration::from_secs(2) };
    let looked = Scanner::new(&config).look(file).await;
    (looked, heard.await.unwrap())
}

#[tokio::test]
async fn a_file_goes_in_chunks() {
    let file = vec![b'x'; CHUNK + 1];
    let (looked, heard) = says(b"stream: OK\0", false, &file).await;
    assert_eq!(looked.unwrap(), Looked::Clean);
    let mut want = b"zINSTREAM\0".to_vec();
    want.extend([0, 1, 0, 0]);
    want.extend(&file[..CHUNK]);
    want.extend([0, 0, 0, 1, b'x', 0, 0, 0, 0]);
    assert!(heard == want, "{} bytes", heard.len());
}

#[tokio::test]
async fn bad_scanners_are_believed_nothing() {
    for answer in [&b""[..], b"stream: OK", b"\0", b"stream: \xff\0", b"stream: OK\n"] {
        let (looked, _) = says(answer, false, b"x").await;
        assert!(matches!(looked, Err(Trouble::Failed(_))), "{answer:?}: {looked:?}");
    }
    let endless: &'static [u8] = vec![b'a'; 3 * LONGEST_ANSWER].leak();
    let (looked, _) = says(endless, false, b"x").await;
    assert!(matches!(looked, Err(Trouble::Failed(_))), "{looked:?}");
}

/// It stops reading and says why: that is heard, whichever comes first, the answer or the broken pipe.
#[tokio::test]
async fn an_answer_before_the_end() {
    let (looked, _) = says(b"INSTREAM size limit exceeded. ERROR\0", true, &vec![b'x'; 10 << 20]).await;
    assert_eq!(looked.unwrap(), Looked::NotLooked);
}

#[tokio::test(start_paused = true)]
async fn silence_ends() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clamd.ctl");
    let _listener = UnixListener::bind(&path).unwrap();
    let config = Scan { clamd: Clamd::Unix(path), when_down: WhenDown::Refuse, timeout: Duration::from_secs(2) };
    let scanner = Scanner::new(&config);
    assert!(matches!(scanner.look(&vec![0; 1 << 20]).await, Err(Trouble::Failed(_))));
    assert!(matches!(scanner.ping().await, Err(Trouble::Away(_))));
    assert!(!scanner.answers().await);
    let nowhere = Scan { clamd: Clamd::Unix(folder.path().join("nothing")), ..config };
    assert!(matches!(Scanner::new(&nowhere).look(b"x").await, Err(Trouble::Away(_))));
}
