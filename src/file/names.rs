//! The names under which files of one mail are filed.

use crate::model::message::Attachment;
use std::collections::{HashMap, HashSet};

/// File names of one mail: two equal ones are both kept, under two names (S1.E10).
#[derive(Default)]
pub struct Names {
    /// In lower case: not every disk tells case apart.
    given: HashSet<String>,
    /// How often each name was wanted, so that a thousand equal ones are not counted up a thousand times.
    wanted: HashMap<String, usize>,
}

impl Names {
    pub fn unique(&mut self, name: String) -> String {
        if self.given.insert(name.to_lowercase()) {
            return name;
        }
        let times = self.wanted.entry(name.to_lowercase()).or_insert(1);
        loop {
            *times += 1;
            let other = numbered(&name, *times);
            // `name (2).pdf` may have come under that name of its own.
            if self.given.insert(other.to_lowercase()) {
                return other;
            }
        }
    }
}

/// The name that the mail gives, or one by type.
pub fn name(attachment: &Attachment) -> String {
    let stem = match attachment.media_type.split('/').next() {
        Some("image") => "image",
        _ if attachment.details.calendar.is_some() => "calendar",
        _ => "unnamed",
    };
    let unnamed = || format!("{stem}.{}", extension(&attachment.media_type, &attachment.declared_type));
    attachment.name.clone().unwrap_or_else(unnamed)
}

/// The ending of a file without a name: by its content, and where that is mere text or bytes, by what the mail says.
fn extension(sniffed: &str, declared: &str) -> &'static str {
    let known = match sniffed {
        "text/plain" | "application/octet-stream" => by_type(declared),
        sniffed => by_type(sniffed),
    };
    // A compound file is Word's more often than anything else's, but nobody knows.
    known.or_else(|| by_type(sniffed)).unwrap_or("bin")
}

fn by_type(media_type: &str) -> Option<&'static str> {
    Some(match media_type {
        "application/pdf" | "application/x-pdf" => "pdf",
        "application/msword" => "doc",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document" => "docx",
        "application/vnd.ms-excel" => "xls",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" => "xlsx",
        "application/vnd.ms-powerpoint" => "ppt",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation" => "pptx",
        "application/vnd.oasis.opendocument.text" => "odt",
        "application/vnd.oasis.opendocument.spreadsheet" => "ods",
        "application/vnd.oasis.opendocument.presentation" => "odp",
        "application/vnd.ms-outlook" => "msg",
        "application/rtf" | "text/rtf" => "rtf",
        "application/zip" => "zip",
        "application/vnd.rar" => "rar",
        "application/x-7z-compressed" => "7z",
        "image/jpeg" => "jpg",
        "image/png" => "png",
        "image/gif" => "gif",
        "image/webp" => "webp",
        "image/tiff" => "tif",
        "image/bmp" => "bmp",
        "image/heic" | "image/heif" => "heic",
        "image/svg+xml" => "svg",
        "text/calendar" => "ics",
        "text/vcard" | "text/x-vcard" | "text/directory" => "vcf",
        "text/csv" => "csv",
        "text/html" => "html",
        "text/plain" => "txt",
        "text/xml" | "application/xml" => "xml",
        "message/rfc822" | "message/global" => "eml",
        "audio/mpeg" => "mp3",
        "video/mp4" => "mp4",
        "video/quicktime" => "mov",
        _ => return None,
    })
}

/// `name (2).pdf`. Names come bounded from understanding; the few characters more do no harm in a row.
fn numbered(name: &str, number: usize) -> String {
    match name.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() => format!("{stem} ({number}).{extension}"),
        _ => format!("{name} ({number})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Acceptance: S1.E10.
    #[test]
    fn names_of_one_mail_are_unique() {
        let check = |sent: &[&str], want: &[&str]| {
            let mut names = Names::default();
            let given: Vec<String> = sent.iter().map(|name| names.unique((*name).to_owned())).collect();
            assert_eq!(given, want);
        };
        check(&["a.pdf", "b.pdf"], &["a.pdf", "b.pdf"]);
        check(&["a.pdf", "a.pdf", "A.pdf"], &["a.pdf", "a (2).pdf", "A (3).pdf"]);
        check(&["a.pdf", "a.pdf", "a (2).pdf"], &["a.pdf", "a (2).pdf", "a (2) (2).pdf"]);
        check(&["a.pdf", "a (2).pdf", "a.pdf"], &["a.pdf", "a (2).pdf", "a (3).pdf"]);
        check(&["readme", "readme", ".htaccess", ".htaccess"], &["readme", "readme (2)", ".htaccess", ".htaccess (2)"]);
    }

    /// Acceptance: S1.E10.
    #[test]
    fn files_without_a_name_get_one() {
        let check = |sniffed: &str, declared: &str, want: &str| assert_eq!(extension(sniffed, declared), want, "{sniffed} {declared}");
        check("application/pdf", "application/octet-stream", "pdf");
        check("application/octet-stream", "application/msword", "doc");
        check("text/plain", "text/calendar", "ics");
        check("text/plain", "application/octet-stream", "txt");
        check("image/heic", "image/jpeg", "heic");
        check("application/octet-stream", "application/x-unheard-of", "bin");
        check("application/x-unheard-of", "image/png", "bin");
    }
}
