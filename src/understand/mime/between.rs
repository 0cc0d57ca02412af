//! Text that stands in a mail beside its parts: before the first part of a multipart, or behind the last. RFC 2046 §5.1.1 has programs
//! pass over it; mail that was cut and put together wrongly has its words there, and so has a footer of a mailing list.

use super::{Shape, Tree};
use crate::model::message::Defect;

/// So much is looked at; whoever writes there writes at once.
const LOOKED_AT: usize = 4 << 10;
/// Fewer letters say nothing.
const NO_WORDS: usize = 3;

/// One for each multipart that has words there, but for the sentence that tells old programs of MIME.
pub fn defects(tree: &Tree<'_>) -> impl Iterator<Item = Defect> {
    let multiparts =
        tree.parts.iter().enumerate().filter(|(_, part)| part.shape == Shape::Multipart && part.content.parameter("boundary").is_some());
    multiparts
        .filter(|(index, _)| has_words(before(tree, *index)) || has_words(behind(tree, *index)))
        .map(|(index, _)| Defect::TextBetween(index))
}

fn before<'a>(tree: &Tree<'a>, index: usize) -> &'a [u8] {
    let body = tree.body(index);
    until_boundary(&body[..body.len().min(LOOKED_AT)], &boundaries(tree, Some(index)))
}

/// Up to where the parts of what holds it go on.
fn behind<'a>(tree: &Tree<'a>, index: usize) -> &'a [u8] {
    let rest = tree.behind(index);
    until_boundary(&rest[..rest.len().min(LOOKED_AT)], &boundaries(tree, tree.parts[index].parent))
}

/// Those of a part and of all that hold it.
fn boundaries<'t>(tree: &'t Tree<'_>, from: Option<usize>) -> Vec<&'t str> {
    let up = std::iter::successors(from, |&index| tree.parts[index].parent);
    up.filter_map(|index| tree.parts[index].content.parameter("boundary")).map(str::trim_end).collect()
}

fn until_boundary<'a>(text: &'a [u8], boundaries: &[&str]) -> &'a [u8] {
    let mut at = 0;
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        let is_one = |rest: &[u8]| boundaries.iter().any(|boundary| rest.starts_with(boundary.as_bytes()));
        if line.strip_prefix(b"--").is_some_and(is_one) {
            break;
        }
        at += line.len();
    }
    &text[..at]
}

fn has_words(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text).to_lowercase();
    let is_notice = text.contains("mime") || text.contains("multi-part") || text.contains("multipart");
    !is_notice && text.chars().filter(|c| c.is_alphanumeric()).count() >= NO_WORDS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_beside_parts() {
        let check = |before: &str, behind: &str, want: &[Defect]| {
            let inner =
                format!("--o\nContent-Type: multipart/mixed; boundary=i\n\n{before}\n--i\n\ntext\n--i--\n{behind}\n--o\n\nmore\n--o--\n");
            let raw = format!("Content-Type: multipart/mixed; boundary=o\n\nThis is a multi-part message in MIME format.\n{inner}");
            assert_eq!(defects(&Tree::read(raw.as_bytes())).collect::<Vec<_>>(), want, "{before:?} {behind:?}");
        };
        check("", "", &[]);
        check("-- \n!\n", "\n\n", &[]);
        check("Sehr geehrte Frau Huber,", "", &[Defect::TextBetween(1)]);
        check("", "_____\nliste@example.org", &[Defect::TextBetween(1)]);
        check("Dies ist eine mehrteilige Nachricht im MIME-Format.", "", &[]);
    }
}
