//! Bytes under the name of a charset.

use super::{read, spelt_in_bytes};
use rohrpost::model::message::{Defect, Message};

/// Charsets, right and wrong names among them, for the first byte of an input to choose from.
const CHARSETS: [&str; 40] = [
    "utf-8",
    "us-ascii",
    "",
    "x-made-up",
    "iso-8859-1",
    "windows-1252",
    "windows-1250",
    "windows-1251",
    "windows-1258",
    "iso-8859-2",
    "iso-8859-16",
    "koi8-r",
    "koi8-u",
    "cp437",
    "cp-850",
    "cp869",
    "macintosh",
    "x-mac-ce",
    "tis-620",
    "utf-16",
    "utf-16le",
    "utf-16be",
    "utf-32",
    "utf-32le",
    "utf-7",
    "iso-2022-jp",
    "iso-2022-kr",
    "iso-2022-cn",
    "hz-gb-2312",
    "shift_jis",
    "euc-jp",
    "euc-kr",
    "gbk",
    "gb18030",
    "big5",
    "iso-8859-8-i",
    "replacement",
    "x-user-defined",
    "utf-8;",
    "charset=\"latin1\"*de",
];
const CHARSET_WORDS: [&str; 40] = [
    "Müller",
    "MÃ¼ller",
    "â€“",
    "Ã",
    "¼",
    "Â",
    "\u{a0}",
    "日本語",
    "Привет",
    "ąłż",
    "\u{1b}$B",
    "\u{1b}(B",
    "\u{1b}$)C",
    "\u{e}",
    "\u{f}",
    "\u{1b}$(D",
    "\u{1b}.A",
    "\u{1b}N",
    "F|K\\",
    "~{",
    "~}",
    "~\n",
    "+APw-",
    "+",
    "-",
    "=?utf-8?Q?",
    "=?utf-8?B?",
    "?=",
    " =?iso-8859-1?Q?=FC?= ",
    "=",
    "%C3%BC",
    "%",
    "''",
    "utf-8''",
    "\"",
    "\\",
    "; filename*1*=",
    "\r\n",
    "\u{feff}",
    "\0",
];

/// Bytes under the name of a charset: as a body, in a subject's encoded word, in a file's names. Whatever they are, they are read, the text
/// is no more than a few times as long, what is right stays as it is, and what was mended needs no further mending.
pub fn charsets(data: &[u8]) -> Message {
    let (first, rest) = data.split_first().unwrap_or((&0, &[]));
    let charset = CHARSETS[usize::from(*first) % CHARSETS.len()];
    let body = spelt_in_bytes(rest, &CHARSET_WORDS);
    let escaped = |sign: char, bytes: &[u8]| bytes.iter().map(|byte| format!("{sign}{byte:02X}")).collect::<String>();
    let head = &body[..body.len().min(60)];
    let bare = charset.replace(['"', ';'], "");
    let raw: String = String::from_utf8_lossy(head).chars().filter(|c| !matches!(c, '\n' | '\r')).collect();
    let mail = format!(
        "From: p@acme.example\nSubject: 4711 =?{bare}?Q?{}?= {raw}\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\
         Content-Type: text/plain; charset={charset}\nContent-Transfer-Encoding: quoted-printable\n\n{}\n--b\n\
         Content-Type: application/pdf; name={raw}\nContent-Disposition: attachment; filename=\"{raw}\"; filename*={bare}''{}\n\nx\n--b--\n",
        escaped('=', head),
        escaped('=', &body),
        escaped('%', head),
    );
    let (message, defects) = read(&mail);
    assert!(message.text.len() <= 6 * body.len() + 64, "{} bytes of text from {}", message.text.len(), body.len());
    for file in &message.attachments {
        assert!(file.name.as_ref().is_none_or(|name| name.len() <= 255 && !name.contains(char::is_control)), "a name that no disk takes");
    }
    let is_as_it_came = defects.is_empty() && charset == "utf-8" && !body.iter().any(|byte| matches!(byte, b'\r' | 0));
    if let (true, Ok(text)) = (is_as_it_came, std::str::from_utf8(&body)) {
        assert_eq!(message.text.trim(), text.trim_start_matches('\u{feff}').trim(), "a right text was changed");
    }
    let again = format!("From: p@acme.example\nSubject: x\nContent-Type: text/plain; charset=utf-8\n\n{}", message.text);
    let (second, defects) = read(&again);
    if defects.is_empty() {
        let bare = |text: &str| text.trim_start_matches('\u{feff}').trim().to_owned();
        assert_eq!(bare(&second.text), bare(&message.text), "another text the second time");
    }
    assert!(!defects.iter().any(|defect| matches!(defect, Defect::WrongReading(_))), "what was undone is undone again: {again:?}");
    message
}
