//! The page of one mail: what it says, how it looks, what came with it. It lies in one file and loads nothing.

use super::links::raster_data;
use super::{html, page, text};
use crate::model::legible::on_one_line;
use crate::model::markup::escaped;
use crate::model::message::{Folds, Message};
use crate::model::rendering::{Picture, Rendering};
use std::cell::Cell;

/// All pictures of one page, in bytes of their base64.
const MOST_PICTURES: usize = 8 << 20;

/// What the page of a mail shows.
pub struct Sheet<'a> {
    /// Labels and values of its head, in order.
    pub head: &'a [(&'a str, String)],
    pub message: &'a Message,
    /// Every part and what became of it (G8).
    pub parts: &'a [Part],
    /// What is to be said of the parts, if what becomes of them is not decided.
    pub forecast: Option<&'a str>,
    pub renderings: &'a [Rendering],
    /// What readers should know beside it.
    pub flags: &'a [String],
    pub defects: &'a [String],
    /// How the raw mail is to be had.
    pub raw: &'a str,
}

/// A part, in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// Of which mail it is.
    pub whose: String,
    pub name: String,
    /// Filed or not, or how it is shown.
    pub became: String,
    /// Why, and what was seen in it.
    pub notes: String,
    pub kind: String,
    pub media_type: String,
    pub declared_type: String,
    /// In bytes.
    pub size: String,
}

/// The whole page. The text that was read comes first: it is what the record says.
pub fn sheet(sheet: &Sheet<'_>) -> String {
    let message = sheet.message;
    let mut body = format!("<h1>{}</h1>\n<table class=\"head\">", line(&message.subject));
    for (label, value) in sheet.head {
        body.push_str(&format!("<tr><td>{}</td><td>{}</td></tr>", line(label), line(value)));
    }
    body.push_str("</table>\n");
    for note in sheet.flags.iter().chain(sheet.defects) {
        body.push_str(&format!("<div class=\"note\">{}</div>\n", line(note)));
    }
    body.push_str("<h2>Text</h2>\n<div class=\"mail\">");
    let folds = if message.original.is_none() { &message.folds } else { &Folds::default() };
    body.push_str(&text(&message.text, folds));
    body.push_str("</div>\n");
    let left = Cell::new(MOST_PICTURES);
    for rendering in sheet.renderings {
        body.push_str(&rendered(rendering, message, sheet.raw, &left));
    }
    body.push_str(&parts(sheet.parts, sheet.forecast));
    body.push_str(&format!("<p>The mail as it came: <code>{}</code></p>", line(sheet.raw)));
    page(&message.subject, &body)
}

fn line(text: &str) -> String {
    escaped(&on_one_line(text))
}

/// The HTML of one mail. What says the same as the text and shows no picture is folded: nobody should read everything twice.
fn rendered(rendering: &Rendering, message: &Message, raw: &str, left: &Cell<usize>) -> String {
    let whose = match (rendering.of, message.originals().nth(rendering.of.wrapping_sub(1))) {
        (0, _) | (_, None) => String::new(),
        (_, Some(original)) => format!(" of the mail of {}", line(original.from.label())),
    };
    let is_folded = !message.renderings_differ && rendering.pictures.is_empty();
    let mut out = String::new();
    for html_text in &rendering.html {
        let shown = shown_html(html_text, &rendering.pictures, raw, left);
        match is_folded {
            true => out.push_str(&format!("<details><summary>HTML{whose}</summary>\n{shown}</details>\n")),
            false => out.push_str(&format!("<h2>HTML{whose}</h2>\n{shown}")),
        }
    }
    out
}

fn shown_html(html_text: &str, pictures: &[Picture], raw: &str, left: &Cell<usize>) -> String {
    let images = |id: &str| picture(pictures, id, left);
    let Some(shown) = html(html_text, &images) else {
        let note = format!(
            "This HTML is larger or more entangled than mail is; the text above was read from the mail. The mail as it came: {raw}"
        );
        return format!("<div class=\"note\">{}</div>\n", line(&note));
    };
    let mut out = String::new();
    if shown.images_left_out > 0 {
        let count = shown.images_left_out;
        out.push_str(&format!("<div class=\"note\">images left out, which would be loaded from elsewhere: {count}</div>\n"));
    }
    out.push_str(&format!("<div class=\"mail\">{}</div>\n", shown.html));
    out
}

/// The picture with this Content-ID, within what the page may still hold.
fn picture(pictures: &[Picture], id: &str, left: &Cell<usize>) -> Option<String> {
    let picture = pictures.iter().find(|picture| picture.content_id == id)?;
    let data = raster_data(&picture.media_type, &picture.bytes)?;
    left.set(left.get().checked_sub(data.len())?);
    Some(data)
}

/// Every part, what became of it, and why (G8).
fn parts(parts: &[Part], forecast: Option<&str>) -> String {
    if parts.is_empty() {
        return String::new();
    }
    let mut out = "<h2>Parts</h2>\n".to_owned();
    if let Some(forecast) = forecast {
        out.push_str(&format!("<div class=\"note\">{}</div>\n", line(forecast)));
    }
    let became = if forecast.is_some() { "what would become of it" } else { "what became of it" };
    let heads = ["of", "name", became, "why, and what was seen", "kind", "type", "declared as", "bytes"];
    out.push_str(&format!("<table class=\"parts\"><tr><th>{}</th></tr>", heads.join("</th><th>")));
    for one in parts {
        let cells = [&one.whose, &one.name, &one.became, &one.notes, &one.kind, &one.media_type, &one.declared_type, &one.size];
        let cells: Vec<String> = cells.iter().map(|cell| format!("<td>{}</td>", line(cell))).collect();
        out.push_str(&format!("<tr>{}</tr>", cells.concat()));
    }
    out.push_str("</table>\n");
    out
}
