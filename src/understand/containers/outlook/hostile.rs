//! Files that are made to cost: what comes out is bounded by what went in, and so is the work. A test that fails here does not end,
//! or takes all memory.

use super::compound::Compound;
use super::writer::{self, Folder};
use super::{rtf, tnef};

fn attribute(id: u32, data: &[u8]) -> Vec<u8> {
    [&[2], id.to_le_bytes().as_slice(), &(data.len() as u32).to_le_bytes(), data, &[0, 0]].concat()
}

fn stream(attributes: &[Vec<u8>]) -> Vec<u8> {
    [&[0x78, 0x9f, 0x3e, 0x22, 0, 0], attributes.concat().as_slice()].concat()
}

/// Properties of an attachment with an object in them.
fn with_object(inner: &[u8]) -> Vec<u8> {
    let value = [&[0; 16], inner].concat();
    let padding = vec![0; value.len().next_multiple_of(4) - value.len()];
    let head = [[1, 0, 0, 0], [0x0d, 0, 0x01, 0x37], [1, 0, 0, 0], (value.len() as u32).to_le_bytes()].concat();
    attribute(0x0006_9005, &[head, value, padding].concat())
}

/// Acceptance: G4. A large mail within an attachment, and very many attributes of that attachment behind it.
#[test]
fn attributes_of_an_attachment_copy_nothing() {
    let begins = attribute(0x0006_9002, &[]);
    let inner = stream(&vec![begins.clone(); 990]);
    let large = stream(&vec![[begins.clone(), with_object(&inner)].concat(); 200]);
    let empty = attribute(0x0006_9005, &[0; 4]);
    let whole = stream(&[begins, with_object(&large), empty.repeat(60_000)]);
    let object = tnef::read(&whole).unwrap();
    assert!(object.attachments.len() == 1 && object.attachments[0].get(super::object::tag::DATA).is_some());
}

/// Acceptance: G4. Each open group costs some bytes, and one byte opens it.
#[test]
fn groups_are_counted() {
    let deep = [br"{\rtf1 vorher ".as_slice(), &b"{".repeat(5_000_000), b"tief"].concat();
    let text = |rtf: &[u8]| match rtf::read(rtf, 1 << 20) {
        Some(rtf::Body::Text(text) | rtf::Body::Html(text)) => text.trim().to_owned(),
        None => String::new(),
    };
    assert_eq!(text(&deep), "vorher");
    let usual = [br"{\rtf1 vorher ".as_slice(), &b"{".repeat(100), b"tief", &b"}".repeat(101)].concat();
    assert_eq!(text(&usual), "vorher tief");
}

/// Acceptance: G4. An entry of a folder costs its copy, also one without a byte in it.
#[test]
fn copies_are_counted() {
    let streams = (0..500).map(|number| (format!("{number}"), Vec::new())).collect();
    let bytes = writer::written(&Folder { name: "Root Entry".into(), streams, ..Folder::default() });
    let compound = Compound::open(&bytes).unwrap();
    let copied = (0..bytes.len()).take_while(|_| compound.may_copy()).count();
    assert!((500..=bytes.len() / 128).contains(&copied) && compound.is_damaged(), "{copied} entries from {} bytes", bytes.len());
}
