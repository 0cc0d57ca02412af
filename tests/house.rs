//! The house as the sources themselves tell it: who names whom, what the pure rooms may not use, which RFCs are cited.

// A test that cannot go on says so by panicking.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Who may name whom. `daemon`, `cli` and the roots may name everything. A room with a longer name is apart from its folder.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("config", &["model"]),
    ("store", &["model"]),
    ("authenticate", &["model"]),
    ("understand", &["model"]),
    ("place", &["model"]),
    ("screen", &["model"]),
    ("display", &["model"]),
    ("notify::texts", &["model"]),
    ("notify::compose", &["model", "notify::texts"]),
    ("watch", &["model"]),
    ("scan", &["model", "config"]),
    ("seal", &["config"]),
    ("oauth", &["model", "config", "store", "seal"]),
    ("intake", &["model", "config", "store", "scan"]),
    ("file", &["model", "store"]),
    ("notify", &["model", "config", "store", "notify::compose", "notify::texts"]),
    ("dead_letter", &["model", "config", "store"]),
    (
        "pipeline",
        &["model", "store", "authenticate", "understand", "place", "screen", "scan", "file", "dead_letter", "notify", "notify::compose"],
    ),
    ("alarms", &["model", "config", "store", "notify", "watch"]),
    ("daemon", EVERYTHING),
    ("cli", EVERYTHING),
    ("lib", EVERYTHING),
    ("main", EVERYTHING),
];
const EVERYTHING: &[&str] = &["*"];

/// Rooms that decide: no clock, no I/O, no chance (G5).
const PURE: &[&str] = &["authenticate", "understand", "place", "screen", "display", "watch", "notify::compose", "notify::texts"];
/// What a pure room may not even mention.
const IMPURE: &[&str] = &[
    "tokio",
    "sqlx",
    "tracing",
    "rand",
    "std::fs",
    "std::net::Tcp",
    "std::time",
    "std::env",
    "std::io",
    "std::process",
    "Timestamp::now",
    "Zoned::now",
    "generate()",
];

/// A source file as it is looked at: its module path and its text.
struct Source {
    module: Vec<String>,
    text: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files
        .iter()
        .map(|path| Source { module: module_of(path.strip_prefix(&root).unwrap()), text: fs::read_to_string(path).unwrap() })
        .collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
}

/// `store/mod.rs` -> [store]; `store/write.rs` -> [store, write].
fn module_of(path: &Path) -> Vec<String> {
    let mut parts: Vec<String> = path.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if parts.last().is_some_and(|last| last == "mod") {
        parts.pop();
    }
    parts
}

/// The room of a module path: the longest name of the table that begins it.
fn room_of(module: &[String]) -> Option<&'static str> {
    let path = module.join("::");
    let fits = |name: &&str| path == **name || path.starts_with(&format!("{name}::"));
    MAY_NAME.iter().map(|(name, _)| *name).filter(fits).max_by_key(|name| name.len())
}

/// The text without comments and the contents of strings: neither names anything.
fn bare(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let bytes: Vec<char> = text.chars().collect();
    let mut at = 0;
    while at < bytes.len() {
        let two: String = bytes[at..bytes.len().min(at + 2)].iter().collect();
        match (two.as_str(), bytes[at]) {
            ("//", _) => at += bytes[at..].iter().position(|&c| c == '\n').unwrap_or(bytes.len() - at),
            ("/*", _) => {
                at += 2;
                while at < bytes.len() && !(bytes[at] == '*' && bytes.get(at + 1) == Some(&'/')) {
                    at += 1;
                }
                at += 2;
            }
            (_, 'r') if raw_string(&bytes, at).is_some() && !bytes[..at].last().is_some_and(|c| c.is_alphanumeric() || *c == '_') => {
                at = raw_string(&bytes, at).unwrap();
                out.push_str("\"\"");
            }
            (_, '"') => {
                at += 1;
                while at < bytes.len() && bytes[at] != '"' {
                    at += if bytes[at] == '\\' { 2 } else { 1 };
                }
                at += 1;
                out.push_str("\"\"");
            }
            (_, '\'') if bytes.get(at + 1) == Some(&'\\') => {
                at += 2 + bytes[at + 2..].iter().skip(1).position(|&c| c == '\'').unwrap_or(0) + 2;
                out.push_str("''");
            }
            (_, '\'') if bytes.get(at + 2) == Some(&'\'') => {
                at += 3;
                out.push_str("''");
            }
            (_, c) => {
                out.push(c);
                at += 1;
            }
        }
    }
    out
}

/// The end of a raw string that begins at `at`, if one does.
fn raw_string(text: &[char], at: usize) -> Option<usize> {
    let hashes = text[at + 1..].iter().take_while(|&&c| c == '#').count();
    (text.get(at + 1 + hashes) == Some(&'"')).then_some(())?;
    let close: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
    let start = at + 2 + hashes;
    let end = text[start..].windows(close.len()).position(|window| window == close)?;
    Some(start + end + close.len())
}

/// Words and marks.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut word = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c.is_alphanumeric() || c == '_' {
            word.push(c);
            continue;
        }
        if !word.is_empty() {
            tokens.push(std::mem::take(&mut word));
        }
        if c == ':' && chars.peek() == Some(&':') {
            chars.next();
            tokens.push("::".into());
        } else if !c.is_whitespace() {
            tokens.push(c.to_string());
        }
    }
    tokens.push(word);
    tokens
}

/// Every path from the crate's root that the file names, also by `super::`, in groups and inside macros.
fn named(source: &Source) -> Vec<Vec<String>> {
    let tokens = tokens(&bare(&source.text));
    let mut found = Vec::new();
    // Modules written inside the file, and the depth of braces at which each ends.
    let mut inline: Vec<(String, usize)> = Vec::new();
    let mut depth = 0;
    let mut at = 0;
    while at < tokens.len() {
        match tokens[at].as_str() {
            "{" => depth += 1,
            "}" => {
                depth -= 1;
                inline.retain(|(_, end)| *end <= depth);
            }
            "mod" if tokens.get(at + 2).is_some_and(|next| next == "{") => inline.push((tokens[at + 1].clone(), depth + 1)),
            "crate" | "super" | "self" if tokens.get(at + 1).is_some_and(|next| next == "::") && (at == 0 || tokens[at - 1] != "::") => {
                let mut here = source.module.clone();
                here.extend(inline.iter().map(|(name, _)| name.clone()));
                let mut path = match tokens[at].as_str() {
                    "crate" => Vec::new(),
                    "self" => here,
                    _ => here[..here.len().saturating_sub(1)].to_vec(),
                };
                let mut next = at + 2;
                while tokens.get(next).is_some_and(|token| token == "super") {
                    path.pop();
                    next += 2;
                }
                paths(&tokens, next, path, &mut found);
            }
            _ => (),
        }
        at += 1;
    }
    found
}

/// The paths that go on from `at`: a chain of words, or a group. Returns where they end.
fn paths(tokens: &[String], mut at: usize, mut path: Vec<String>, found: &mut Vec<Vec<String>>) -> usize {
    loop {
        match tokens.get(at).map(String::as_str) {
            Some("{") => {
                at += 1;
                while tokens.get(at).is_some_and(|token| token != "}") {
                    at = paths(tokens, at, path.clone(), found);
                    if tokens.get(at).is_some_and(|token| token == "as") {
                        at += 2;
                    }
                    if tokens.get(at).is_some_and(|token| token == ",") {
                        at += 1;
                    }
                }
                return at + 1;
            }
            Some(word) if word.chars().all(|c| c.is_alphanumeric() || c == '_') => {
                path.push(word.to_owned());
                if tokens.get(at + 1).is_some_and(|next| next == "::") {
                    at += 2;
                    continue;
                }
                found.push(path);
                return at + 1;
            }
            _ => {
                found.push(path);
                return at + 1;
            }
        }
    }
}

/// What a file names that its room may not.
fn violations(source: &Source) -> Vec<String> {
    let Some(room) = room_of(&source.module) else {
        return vec![format!("{}: this file is in no room of the table", source.module.join("::"))];
    };
    let (_, allowed) = MAY_NAME.iter().find(|(name, _)| *name == room).unwrap();
    let mut violations = BTreeSet::new();
    for path in named(source) {
        let Some(other) = room_of(&path) else { continue };
        if other != room && !allowed.contains(&"*") && !allowed.contains(&other) {
            violations.insert(format!("{}: {room} may not name {other} ({})", source.module.join("::"), path.join("::")));
        }
    }
    violations.into_iter().collect()
}

#[test]
fn nobody_names_whom_he_may_not() {
    let violations: Vec<String> = sources().iter().flat_map(violations).collect();
    assert!(violations.is_empty(), "{}", violations.join("\n"));
}

#[test]
fn planted_violations_are_found() {
    let check = |module: &str, text: &str, want: usize| {
        let source = Source { module: module.split("::").map(str::to_owned).collect(), text: text.to_owned() };
        let found = violations(&source);
        assert_eq!(found.len(), want, "{module}: {text}: {found:?}");
    };
    check("place", "use crate::store::Store;", 1);
    check("place", "use crate::model::id::TenantId;", 0);
    check("place", "use crate::{model::id, store::{Store, blobs::Blobs}};", 2);
    check("place", "fn x() { let _ = super::config::read; }", 1);
    check("place::suggest", "use super::super::store::Store;", 1);
    check("place::suggest", "use super::people;", 0);
    check("place", "mod tests { use super::*; use super::super::store::Store; }", 1);
    check("place", "fn x() { json!({ \"a\": crate::config::EXAMPLE }) }", 1);
    check("place", "// crate::store\n/* crate::store */ const X: &str = \"crate::store::Store\"; const Y: &str = r#\"crate::store\"#;", 0);
    check("notify::compose", "use crate::notify::outbox;", 1);
    check("notify::compose", "use super::texts::say;", 0);
    check("intake::smtp", "use crate::pipeline::Pipeline;", 1);
    check("somewhere", "", 1);
}

/// Acceptance: G5.
#[test]
fn the_pure_rooms_are_pure() {
    let mut found = Vec::new();
    for source in sources() {
        let is_test = source.module.last().is_some_and(|last| last == "tests" || last == "properties");
        if is_test || !room_of(&source.module).is_some_and(|room| PURE.contains(&room)) {
            continue;
        }
        let text = bare(source.text.split("#[cfg(test)]").next().unwrap());
        for word in IMPURE.iter().filter(|word| text.contains(**word)) {
            found.push(format!("{} mentions {word}", source.module.join("::")));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// SQL stands in `store` alone.
#[test]
fn only_the_store_speaks_sql() {
    let outside = sources().into_iter().filter(|source| source.module.first().is_none_or(|room| room != "store"));
    let found: Vec<String> = outside.filter(|source| bare(&source.text).contains("sqlx")).map(|source| source.module.join("::")).collect();
    assert!(found.is_empty(), "{found:?}");
}

/// Every RFC that the code cites stands in the table, and the table cites none that the code does not obey somewhere.
#[test]
fn cited_rfcs_are_in_the_table() {
    let cited: BTreeSet<String> = sources().iter().flat_map(|source| rfcs(&source.text)).collect();
    let table = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rfc.md")).unwrap();
    let listed: BTreeSet<String> =
        table.lines().filter(|line| line.starts_with("| RFC ")).filter_map(|line| rfcs(line).into_iter().next()).collect();
    assert!(cited.len() > 15, "{cited:?}");
    let missing: Vec<_> = cited.difference(&listed).collect();
    assert!(missing.is_empty(), "not in docs/rfc.md: {missing:?}");
    let uncited: Vec<_> = listed.difference(&cited).collect();
    assert!(uncited.is_empty(), "in docs/rfc.md, and cited nowhere: {uncited:?}");
}

fn rfcs(text: &str) -> Vec<String> {
    let numbers = text.match_indices("RFC ").map(|(at, _)| text[at + 4..].chars().take_while(char::is_ascii_digit).collect::<String>());
    numbers.filter(|number| number.len() >= 3).collect()
}
