//! The page of one mail: what it says, how it looks, what came with it. It lies in one file and loads nothing.

use super::links::raster_data;
use super::{html, page, text};
use crate::model::legible::on_one_line;
use crate::model::markup::escaped;
use crate::model::message::{Attachment, Folds, Message};
use crate::model::part::PartReason;
use crate::model::rendering::{Picture, Rendering};
use std::cell::Cell;

/// All pictures of one page, in bytes of their base64.
const MOST_PICTURES: usize = 8 << 20;

/// What the page of a mail shows.
pub struct Sheet<'a> {
    /// Labels and values of its head, in order.
    pub head: &'a [(&'a str, String)],
    pub message: &'a Message,
    pub renderings: &'a [Rendering],
    /// What readers should know beside it.
    pub flags: &'a [String],
    pub defects: &'a [String],
    /// How the raw mail is to be had.
    pub raw: &'a str,
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
    body.push_str(&parts(&message.attachments));
    body.push_str(&format!("<p>The mail as it came: <code>{}</code></p>", line(sheet.raw)));
    page(&message.subject, &body)
}

fn line(text: &str) -> String {
    escaped(&on_one_line(text))
}

fn rendered(rendering: &Rendering, message: &Message, raw: &str, left: &Cell<usize>) -> String {
    let whose = match (rendering.of, message.originals().nth(rendering.of.wrapping_sub(1))) {
        (0, _) | (_, None) => String::new(),
        (_, Some(original)) => format!(" of the mail of {}", line(original.from.label())),
    };
    let mut out = String::new();
    for html_text in &rendering.html {
        let images = |id: &str| picture(&rendering.pictures, id, left);
        out.push_str(&format!("<h2>HTML{whose}</h2>\n"));
        match html(html_text, &images) {
            Some(shown) => {
                if shown.images_left_out > 0 {
                    let count = shown.images_left_out;
                    out.push_str(&format!("<div class=\"note\">images left out, which would be loaded from elsewhere: {count}</div>\n"));
                }
                out.push_str(&format!("<div class=\"mail\">{}</div>\n", shown.html));
            }
            None => {
                let note = format!(
                    "This HTML is larger or more entangled than mail is; the text above was read from the mail. The mail as it came: {raw}"
                );
                out.push_str(&format!("<div class=\"note\">{}</div>\n", line(&note)));
            }
        }
    }
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
fn parts(attachments: &[Attachment]) -> String {
    if attachments.is_empty() {
        return String::new();
    }
    let mut out = "<h2>Parts</h2>\n<table class=\"parts\"><tr><th>of</th><th>name</th><th>role</th><th>why</th><th>kind</th><th>type</th><th>declared as</th>\
                   <th>bytes</th></tr>"
        .to_owned();
    for one in attachments {
        let cells = [
            if one.of == 0 { "this mail".to_owned() } else { format!("mail {} inside", one.of) },
            one.name.clone().unwrap_or_default(),
            one.role.as_str().to_owned(),
            one.reason.map(PartReason::as_str).unwrap_or_default().to_owned(),
            one.kind.as_str().to_owned(),
            one.media_type.clone(),
            one.declared_type.clone(),
            one.size.to_string(),
        ];
        let cells: Vec<String> = cells.iter().map(|cell| format!("<td>{}</td>", line(cell))).collect();
        out.push_str(&format!("<tr>{}</tr>", cells.concat()));
    }
    out.push_str("</table>\n");
    out
}
