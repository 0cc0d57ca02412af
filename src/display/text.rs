//! Plain text for a page: escaped, web addresses to be clicked, and what repeats an earlier mail folded.

use super::links;
use crate::model::markup::escaped;
use crate::model::message::Folds;

/// More addresses in one text than anybody clicks; further ones stay text, and no longer one is looked at.
const MOST_LINKS: usize = 5_000;
const LONGEST_LINK: usize = 2_048;

/// The text as it stands, lines and blanks kept. Controls and marks that turn the direction of writing are gone.
pub fn text(text: &str, folds: &Folds) -> String {
    let mut ranges: Vec<(usize, usize, &str)> = folds.quoted.iter().map(|&(from, to)| (from, to, "…")).collect();
    ranges.extend(folds.signature.map(|(from, to)| (from, to, "--")));
    ranges.sort_unstable();
    let lines: Vec<&str> = text.split('\n').collect();
    let mut links = 0;
    let mut written = |lines: &[&str]| {
        let linked: Vec<String> = lines.iter().map(|line| linked(line, &mut links)).collect();
        format!("<div class=\"text\">{}</div>", linked.join("\n"))
    };
    let mut out = String::new();
    let mut at = 0;
    for (from, to, what) in ranges {
        let (from, to) = (from.clamp(at, lines.len()), to.clamp(at, lines.len()));
        if from > at {
            out.push_str(&written(&lines[at..from]));
        }
        if to > from {
            out.push_str(&format!("<details><summary>{what} ({})</summary>{}</details>", to - from, written(&lines[from..to])));
        }
        at = to.max(at);
    }
    if at < lines.len() {
        out.push_str(&written(&lines[at..]));
    }
    out
}

/// One line; what begins like a web address and may be led to is a link.
fn linked(line: &str, links: &mut usize) -> String {
    let mut out = String::with_capacity(line.len() + 16);
    let clean = |text: &str| escaped(&text.chars().filter(|&c| c == '\t' || !crate::model::legible::is_hidden(c)).collect::<String>());
    let mut rest = line;
    while let Some(at) = rest.find("http").filter(|_| *links < MOST_LINKS) {
        *links += 1;
        let (before, from) = rest.split_at(at);
        let ends = |c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '\'' | '[' | ']' | '{' | '}' | '|' | '`' | '\\');
        let near = &from[..from.floor_char_boundary(LONGEST_LINK)];
        let end = near.find(ends).unwrap_or(near.len());
        // A point, a comma, a bracket behind it belong to the sentence.
        let address = from[..end].trim_end_matches(['.', ',', ';', ':', '!', '?', ')', '*', '_']);
        let is_word = !before.chars().next_back().is_some_and(char::is_alphanumeric);
        match links::target(address).filter(|_| is_word) {
            Some(target) => {
                out.push_str(&clean(before));
                let target = escaped(&target);
                let rel = "rel=\"noopener noreferrer nofollow\" target=\"_blank\"";
                out.push_str(&format!("<a href=\"{target}\" title=\"{target}\" {rel}>{}</a>", clean(address)));
                rest = &from[address.len()..];
            }
            None => {
                out.push_str(&clean(&rest[..at + 4]));
                rest = &from[4..];
            }
        }
    }
    out.push_str(&clean(rest));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_become_links() {
        let check = |line: &str, want: &str| {
            let stripped = linked(line, &mut 0).replace(" rel=\"noopener noreferrer nofollow\" target=\"_blank\"", "");
            assert_eq!(stripped, want, "{line}");
        };
        check("a <b> & \"c\"", "a &lt;b&gt; &amp; &quot;c&quot;");
        check(
            "see https://x.example/a?b=1&c=2.",
            "see <a href=\"https://x.example/a?b=1&amp;c=2\" title=\"https://x.example/a?b=1&amp;c=2\">https://x.example/a?b=1&amp;c=2</a>.",
        );
        check("(http://x.example)", "(<a href=\"http://x.example\" title=\"http://x.example\">http://x.example</a>)");
        check("xhttp://x.example http:// https httphttp", "xhttp://x.example http:// https httphttp");
        check("javascript:alert(1) http:javascript", "javascript:alert(1) http:javascript");
        check("a\u{202e}b\u{1b}[31m", "ab[31m");
    }

    #[test]
    fn earlier_mails_are_folded() {
        let folds = Folds { quoted: vec![(1, 3)], signature: Some((3, 4)) };
        assert_eq!(
            text("Ja.\n> a\n> <b>\n-- ", &folds),
            "<div class=\"text\">Ja.</div><details><summary>… (2)</summary><div class=\"text\">&gt; a\n&gt; &lt;b&gt;</div></details>\
             <details><summary>-- (1)</summary><div class=\"text\">-- </div></details>"
        );
        // A record that does not fit its text is shown all the same.
        assert_eq!(text("a", &Folds { quoted: vec![(5, 9)], signature: Some((7, 3)) }), "<div class=\"text\">a</div>");
    }

    #[test]
    fn work_is_bounded() {
        for long in ["http".repeat(500_000), "https://x.example/ ".repeat(100_000), "http://".repeat(200_000), " ".repeat(2 << 20)] {
            assert!(text(&long, &Folds::default()).len() < 30 * long.len());
        }
    }
}
