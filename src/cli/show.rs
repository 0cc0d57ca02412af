//! How commands print: JSON as the interfaces say, text for people.

use super::{Done, Failure};
use crate::model::address::Mailbox;
use anyhow::Context;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::io::Write;

/// Prints a text, with a line end.
pub fn out(text: impl AsRef<str>) -> Done {
    let mut out = std::io::stdout().lock();
    let written =
        out.write_all(text.as_ref().as_bytes()).and_then(|()| if text.as_ref().ends_with('\n') { Ok(()) } else { out.write_all(b"\n") });
    written.and_then(|()| out.flush()).context("standard output").map_err(Failure::Failed)
}

pub fn out_json(value: &Value) -> Done {
    out(format!("{value:#}"))
}

/// Raw bytes, to standard output.
pub fn out_bytes(bytes: &[u8]) -> Done {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).context("standard output").map_err(Failure::Failed)
}

/// Seconds are enough for people.
pub fn at(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

pub fn sender(name: Option<&str>, address: Option<&str>) -> Value {
    json!(Mailbox { name: name.map(str::to_owned), address: address.map(str::to_owned) })
}

/// Nothing from a mail may drive the terminal.
pub fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The same for text of several lines.
pub fn clean_lines(text: &str) -> String {
    text.chars().filter(|&c| c == '\n' || c == '\t' || !c.is_control()).collect()
}

/// Columns of equal width; the last one is free.
pub fn table(heads: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([heads[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..heads.len()).map(width).collect();
    let line = |cells: &[&str]| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let mut lines = vec![line(heads)];
    lines.extend(rows.iter().map(|row| line(&row.iter().map(String::as_str).collect::<Vec<_>>())));
    lines.join("\n")
}
