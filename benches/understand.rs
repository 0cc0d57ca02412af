//! What it costs to understand a mail, beside mail-parser alone on the same bytes, and hashing alone. See benches/README.md.
//!
//!   cargo bench --bench understand                              a table
//!   cargo bench --bench understand -- --once html-forward       one reading of one mail, for whoever counts instructions

use mail_parser::MessageParser;
use rohrpost::model::organisation::{ReferenceRules, Rules};
use rohrpost::understand;
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Each reader is given so long for each mail.
const PATIENCE: Duration = Duration::from_millis(1_500);

/// A mail and its name.
type Case = (&'static str, fn() -> Vec<u8>);
const CASES: [Case; 3] = [("plain", plain), ("html-forward", html_forward), ("attachment-5mb", attachment)];

const HEAD: &str = "Return-Path: <petra@acme.example>\r\nReceived: from mail.acme.example (mail.acme.example [192.0.2.1]) by mx.rohrpost.example \
     with ESMTPS id 1; Sat, 21 Nov 2026 09:00:01 +0100\r\nFrom: =?utf-8?q?Petra_M=C3=BCller?= <petra@acme.example>\r\nTo: import@rohrpost.example\r\n\
     Subject: 4711 WG: Ihre Einladung\r\nDate: Sat, 21 Nov 2026 09:00:00 +0100\r\nMessage-ID: <1@acme.example>\r\nMIME-Version: 1.0\r\n";

fn plain() -> Vec<u8> {
    let mut mail =
        format!("{HEAD}Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nBitte ablegen.\r\n\r\n");
    mail += "Von: Maria Müller <maria@e.example>\r\nGesendet: Freitag, 20. November 2026 18:02\r\nAn: Petra Müller <petra@acme.example>\r\n\
             Betreff: AW: Ihre Einladung\r\n\r\n";
    for line in 0..60 {
        let _ = write!(mail, "Zeile {line}: ich freue mich auf das Gespräch und bringe meine Zeugnisse mit.\r\n");
    }
    mail.into_bytes()
}

fn html_forward() -> Vec<u8> {
    let mut html = "<html><head><style>p{margin:0}</style></head><body><p>Bitte ablegen.</p><div style=\"border-top:solid #E1E1E1 1.0pt\"><p><b>Von:</b> \
                    Maria M&uuml;ller &lt;maria@e.example&gt;<br><b>Gesendet:</b> Freitag, 20. November 2026 18:02<br><b>An:</b> Petra \
                    &lt;petra@acme.example&gt;<br><b>Betreff:</b> AW: Ihre Einladung</p></div>"
        .to_owned();
    for line in 0..300 {
        let _ = write!(
            html,
            "<p class=MsoNormal><span style='font-size:11.0pt;font-family:\"Calibri\"'>Zeile {line} &nbsp;&ndash; <a href=\"https://e.example/{line}\">Zeugnis</a></span></p>\r\n"
        );
    }
    format!("{HEAD}Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{html}</body></html>\r\n").into_bytes()
}

/// A plain forward with a file of 5 MB, in base64 as mail programs send it.
fn attachment() -> Vec<u8> {
    use base64::Engine;
    let text = String::from_utf8(plain()).expect("it is text");
    let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body).to_owned();
    let file: Vec<u8> =
        b"%PDF-1.7\n".iter().copied().chain((0..5_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)).collect();
    let encoded = base64::engine::general_purpose::STANDARD.encode(file);
    let mut mail = format!(
        "{HEAD}Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{body}\r\n--b\r\n"
    );
    mail += "Content-Type: application/pdf; name=Zeugnis.pdf\r\nContent-Disposition: attachment; filename=Zeugnis.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n";
    for line in encoded.as_bytes().chunks(76) {
        mail.push_str(std::str::from_utf8(line).expect("base64 is ASCII"));
        mail.push_str("\r\n");
    }
    mail.push_str("--b--\r\n");
    mail.into_bytes()
}

/// The fastest of all readings: what others do on the machine only makes it slower.
fn fastest(mut read: impl FnMut()) -> Duration {
    let begin = Instant::now();
    let mut fastest = Duration::MAX;
    while begin.elapsed() < PATIENCE {
        let start = Instant::now();
        read();
        fastest = fastest.min(start.elapsed());
    }
    fastest
}

fn row(reader: &str, bytes: usize, time: Duration) {
    let per_second = bytes as f64 / time.as_secs_f64() / 1e6;
    println!("  {reader:<22} {:>12} ns a mail {per_second:>10.1} MB/s", time.as_nanos());
}

fn main() {
    let rules = Rules::new(&ReferenceRules::default(), vec!["acme.example".into()]).expect("the default rules are good");
    let understand = |mail: &[u8]| black_box(understand::read(None, black_box(mail), &rules)).0;
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let [flag, name] = arguments.as_slice()
        && flag == "--once"
    {
        let Some((_, make)) = CASES.iter().find(|(case, _)| case == name) else { panic!("no such mail: {name}") };
        // Tables and patterns are made once in the life of the program, not for each mail.
        let mail = make();
        understand(&mail);
        once(&understand, &mail);
        return;
    }
    for (name, make) in CASES {
        let mail = make();
        assert_eq!(
            understand(&mail).original.and_then(|one| one.from.address).as_deref(),
            Some("maria@e.example"),
            "{name} is not understood"
        );
        // Of the files the decoded bytes are hashed, and of the mail its body: what a hash of the raw mail costs is near to both.
        println!("{name}, {} bytes", mail.len());
        row("understand::read", mail.len(), fastest(|| drop(understand(&mail))));
        row("mail-parser alone", mail.len(), fastest(|| drop(black_box(MessageParser::default().parse(black_box(mail.as_slice()))))));
        row("SHA-256 alone", mail.len(), fastest(|| _ = black_box(Sha256::digest(black_box(&mail)))));
    }
}

/// A function of its own, so that what is counted can be cut out by its name.
#[inline(never)]
fn once<T>(understand: &impl Fn(&[u8]) -> T, mail: &[u8]) {
    drop(understand(mail));
}
