//! Mail as a browser may show it: HTML without anything that runs, loads or covers the page; plain text with its quotes folded; the page
//! around them; and the headers under which files are served. What a mail says is never trusted, and nothing here loads anything.
//!
//! Two readers stand between a mail's HTML and the page. `rewrite` reads it in one pass within counted limits and writes well-formed
//! HTML of listed elements alone, so that the second one, ammonia on html5ever, which reads as browsers do and takes time that grows with
//! the square of the depth, is given nothing deep; it has the last word on every element and attribute.

mod elements;
mod links;
pub mod mail;
mod page;
mod rewrite;
pub mod serving;
mod style;
mod text;

use std::borrow::Cow;
use std::collections::HashSet;

pub use page::{CONTENT_SECURITY_POLICY, page};
pub use text::text;

/// HTML that a page may contain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    pub html: String,
    /// Images that would have been loaded from elsewhere, or are of no kind that is shown.
    pub images_left_out: usize,
}

/// The harmless form of an HTML text. `images` says where the picture with a Content-ID is to be had (without angle brackets): a `data:`
/// address, or a path of whoever serves the page. None: it is larger or more entangled than mail is; the plain text is to be shown instead.
pub fn html(html: &str, images: &dyn Fn(&str) -> Option<String>) -> Option<Shown> {
    let rewritten = rewrite::rewritten(html, images)?;
    let html = sanitised(&rewritten.html, rewritten.own_images);
    Some(Shown { html, images_left_out: rewritten.images_left_out })
}

/// The last word, by a reader that sees what a browser sees.
fn sanitised(html: &str, own_images: HashSet<String>) -> String {
    let attributes = elements::TAG_ATTRIBUTES.iter().map(|(tag, names)| (*tag, names.iter().copied().collect())).collect();
    ammonia::Builder::new()
        .tags(elements::all().collect())
        .tag_attributes(attributes)
        .generic_attributes(elements::GENERIC_ATTRIBUTES.iter().copied().collect())
        .url_schemes(HashSet::from(["http", "https", "mailto", "tel", "data"]))
        .link_rel(Some("noopener noreferrer nofollow"))
        .set_tag_attribute_value("a", "target", "_blank")
        .attribute_filter(move |tag, name, value| match (tag, name) {
            // Ours, and already right.
            ("a", "title" | "rel" | "target") | ("img", "alt") => Some(Cow::Borrowed(value)),
            ("img", "src") => (links::is_raster_data(value) || own_images.contains(value)).then_some(Cow::Borrowed(value)),
            ("a", "href") => links::target(value).map(Cow::Owned),
            _ => elements::attribute(tag, name, value).map(Cow::Owned),
        })
        .clean(html)
        .to_string()
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
