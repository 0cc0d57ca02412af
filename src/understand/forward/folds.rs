//! Which lines of a mail repeat an earlier one, and which are a signature. Nothing is cut: readers fold them.

use super::block::Block;
use super::{GAP, HeadLine, introduction, separator};
use crate::model::message::Folds;

/// Looks at a body. Lines are those between line feeds.
pub fn folds(text: &str) -> Folds {
    let lines = HeadLine::all(text);
    let total = text.split('\n').count();
    let mut introductions = introduction::Finder::default();
    let mut quoted: Vec<(usize, usize)> = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let end = if lines[at].is_blank() {
            None
        } else if lines[at].depth > 0 {
            Some(quoted_run(&lines, at))
        } else if begins_earlier_mail(&lines, at) {
            Some(total)
        } else {
            introductions.read(&lines, at).and_then(|block| match introduced(&lines, block.end) {
                // Without marks behind it, it may be a sentence of the mail, unless it has an address.
                None => block.from.contains('@').then_some(total),
                found => found,
            })
        };
        quoted.extend(end.map(|end| (at, end)));
        at = end.unwrap_or(at + 1);
    }
    Folds { signature: signature(&lines, &quoted, total), quoted }
}

/// Where lines with quote marks end; empty lines between them belong to them.
fn quoted_run(lines: &[HeadLine<'_>], at: usize) -> usize {
    let run = lines[at..].iter().take_while(|line| line.depth > 0 || line.is_blank());
    let last = run.enumerate().filter(|(_, line)| line.depth > 0).last();
    at + last.map_or(0, |(last, _)| last) + 1
}

/// Outlook and others put the earlier mail below its header block, without any mark.
fn begins_earlier_mail(lines: &[HeadLine<'_>], at: usize) -> bool {
    let first = match separator(&lines[at]) {
        Some(_) => (at + 1..lines.len().min(at + 2 + GAP)).find(|&next| !lines[next].is_blank()),
        None => Some(at),
    };
    first.is_some_and(|first| Block::read(lines, first, first > at).is_some())
}

/// Where the mail behind an introduction ends, if it bears quote marks; one without them ends with the text.
fn introduced(lines: &[HeadLine<'_>], from: usize) -> Option<usize> {
    let first = (from..lines.len()).find(|&line| !lines[line].is_blank())?;
    (lines[first].depth > 0).then(|| quoted_run(lines, first))
}

/// More lines than this below two dashes are no signature.
const LONGEST_SIGNATURE: usize = 20;

/// RFC 3676 §4.3: two dashes and a blank, which many programs lose. The last one counts that is not quoted.
fn signature(lines: &[HeadLine<'_>], quoted: &[(usize, usize)], total: usize) -> Option<(usize, usize)> {
    let is_quoted = |line: usize| quoted.iter().any(|&(from, to)| (from..to).contains(&line));
    let from = (0..lines.len()).rev().find(|&line| lines[line].text == "--" && !is_quoted(line))?;
    let to = quoted.iter().map(|&(start, _)| start).find(|&start| start > from).unwrap_or(total);
    (to - from <= LONGEST_SIGNATURE).then_some((from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, quoted: &[(usize, usize)], signature: Option<(usize, usize)>) {
        assert_eq!(folds(text), Folds { quoted: quoted.to_vec(), signature }, "{text}");
    }

    #[test]
    fn what_repeats_an_earlier_mail() {
        check("", &[], None);
        check("Hallo\n\nich komme.", &[], None);
        check("Hallo\n\nAm 20.11.2026 um 18:02 schrieb Petra <p@a.example>:\n> Passt es?\n>\n> Petra\n", &[(2, 6)], None);
        // The answer stands below, or between.
        check("> Passt es?\n\nJa.", &[(0, 1)], None);
        check("> Passt es?\nJa.\n> Und der Ort?\nAuch.", &[(0, 1), (2, 3)], None);
        check(
            "Gern.\n\nVon: Petra <p@a.example>\nGesendet: Freitag, 20. November 2026 18:02\nAn: Maria\nBetreff: x\n\nPasst es?",
            &[(2, 8)],
            None,
        );
        check("Gern.\n-----Ursprüngliche Nachricht-----\nVon: Petra <p@a.example>\nBetreff: x\n\nPasst es?", &[(1, 6)], None);
        check("Yes.\n\nOn 20/11/2026 18:02, Petra <p@a.example> wrote:\n\nDoes it suit you?", &[(2, 5)], None);
        check("Herr Müller schrieb:\nNein.", &[], None);
        check("Wie am 3.11.2026 schrieb ich Ihrer Kollegin:\n\nich ziehe zurück.", &[], None);
        check("Station:\nVon: Januar 2020\nDatum: bis heute\n\nich ziehe zurück.", &[], None);
    }

    #[test]
    fn signatures() {
        check("Hallo\n-- \nMaria Müller\n0170 1", &[], Some((1, 4)));
        check("Hallo\n--\nMaria\n\n> Passt es?\n> --\n> Petra", &[(4, 7)], Some((1, 4)));
    }
}
