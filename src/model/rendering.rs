//! The HTML that a mail has beside the text that is read, with the pictures that belong to it.

/// The HTML of one mail, as it was sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rendering {
    /// 0 = the mail itself, 1 = the first mail inside, 2… = further ones; as `Attachment::of` of a mail that was read.
    pub of: usize,
    /// In order; most mails have one.
    pub html: Vec<String>,
    pub pictures: Vec<Picture>,
}

/// An image that the HTML may show. RFC 2392.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Without angle brackets.
    pub content_id: String,
    /// Read from the content.
    pub media_type: String,
    pub bytes: Vec<u8>,
}
