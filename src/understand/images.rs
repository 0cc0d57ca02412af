//! Which images of a mail are documents, which belong to its text, and which are logos. Decides over what is seen of one image; in
//! doubt it is a document, because a lost certificate is worse than a logo among the files.

pub mod shown;

use crate::model::message::PartRole;
use crate::model::part::PartReason;
use shown::{Link, Use};

/// What is seen of an image.
#[derive(Clone, Debug, Default)]
pub struct Seen<'a> {
    pub name: Option<&'a str>,
    /// The name tells a kind of document, or may.
    pub tells_kind: bool,
    /// Sniffed.
    pub media_type: &'a str,
    pub size: u64,
    /// Width and height.
    pub pixels: Option<(u32, u32)>,
    /// Content-Disposition: attachment.
    pub is_attached: bool,
    pub has_id: bool,
    pub in_related: bool,
    /// How the HTML shows it; none if it does not.
    pub shown: Option<&'a Use>,
    /// Letters in the HTML that shows it.
    pub letters: usize,
    /// It stands in what the forwarder wrote himself, and not in the mail that is forwarded.
    pub is_forwarders: bool,
}

/// Of a photo of 800 by 600, or a page that can be read.
const DOCUMENT_PIXELS: u64 = 480_000;
/// Of a photo that a phone made small for mail.
const PHOTO_PIXELS: u64 = 120_000;
/// Where the pixels are not known, the bytes tell.
const DOCUMENT_BYTES: u64 = 100 << 10;
const LOGO_BYTES: u64 = 60 << 10;
const LOGO_PIXELS: u64 = 90_000;
/// Longer sides than this one to the other: a banner, no page.
const BANNER: f64 = 3.2;
/// Fewer letters are no text: the image is the mail.
const NO_TEXT: usize = 30;

pub fn decide(seen: &Seen<'_>) -> (PartRole, Option<PartReason>) {
    let file = (PartRole::File, None);
    let logo = (PartRole::Signature, Some(PartReason::SignatureLogo));
    let in_signature = seen.shown.is_some_and(|shown| shown.in_signature);
    if seen.size == 0 {
        return if seen.shown.is_some() { (PartRole::Inline, Some(PartReason::ShownInText)) } else { file };
    }
    // Attached by hand and named by its owner: whatever it looks like.
    if seen.is_mere_file() && !seen.is_named_by_program() {
        return file;
    }
    if seen.is_invisible() {
        return (PartRole::Skipped, Some(PartReason::Tracker));
    }
    if matches!(seen.media_type, "image/heic" | "image/heif" | "image/tiff") {
        return file;
    }
    // His portrait beside his name, large in itself and shown small.
    let is_forwarders_portrait = seen.is_forwarders && in_signature && seen.is_shown_small();
    if (seen.tells_kind || seen.is_named_by_camera()) && !is_forwarders_portrait {
        return file;
    }
    let link = seen.shown.map_or(Link::None, |shown| shown.link);
    let is_small = seen.is_small() || seen.is_shown_small();
    if !seen.is_document_like() && (seen.is_named(&SOCIAL) || link == Link::Social && is_small) {
        return (PartRole::Signature, Some(PartReason::SocialIcon));
    }
    if seen.is_document_like() {
        // One image that leads to a website, and no word beside it: an advertisement. What people attach is in no link.
        if link == Link::Elsewhere && seen.letters < NO_TEXT {
            return (PartRole::Inline, Some(PartReason::ShownInText));
        }
        let is_decoration = (in_signature || link != Link::None || seen.is_named(&LOGOS)) && seen.is_shown_small();
        return if is_decoration && !seen.is_candidates_portrait() { logo } else { file };
    }
    if seen.is_named(&LOGOS) {
        return logo;
    }
    match seen.shown {
        Some(shown) => decide_shown(seen, shown, is_small),
        None if seen.is_named_by_program() && seen.is_small() && !seen.is_portrait() => logo,
        None if seen.in_related && seen.has_id && seen.is_small() && !seen.is_portrait() => {
            (PartRole::Inline, Some(PartReason::BelongsToText))
        }
        None => file,
    }
}

/// An image that the HTML shows, not as large as a document, with a name that tells nothing.
fn decide_shown(seen: &Seen<'_>, shown: &Use, is_small: bool) -> (PartRole, Option<PartReason>) {
    let logo = (PartRole::Signature, Some(PartReason::SignatureLogo));
    if shown.in_signature {
        return if seen.is_candidates_portrait() || seen.is_photo() && !is_small { (PartRole::File, None) } else { logo };
    }
    if shown.link != Link::None && (is_small || seen.is_banner()) || shown.times > 1 && is_small {
        return logo;
    }
    let is_the_mail = seen.letters < NO_TEXT && !is_small;
    if is_the_mail || seen.is_photo() { (PartRole::File, None) } else { (PartRole::Inline, Some(PartReason::ShownInText)) }
}

/// Whether an image is so small, and its name says so little, that being sent with several mails makes a logo of it. Documents and photos
/// never become one.
pub fn may_be_repeated(seen: &Seen<'_>) -> bool {
    seen.size > 0 && seen.is_small() && !seen.is_portrait() && !seen.is_photo() && !seen.tells_kind && !seen.is_named_by_camera()
}

/// Networks whose icons signatures bear.
const SOCIAL: [&str; 12] = [
    "facebook",
    "linkedin",
    "xing",
    "instagram",
    "twitter",
    "youtube",
    "kununu",
    "tiktok",
    "pinterest",
    "whatsapp",
    "socialmedia",
    "social-media",
];
const LOGOS: [&str; 10] =
    ["logo", "signatur", "unterschrift", "banner", "footer", "fusszeile", "icon", "outlook-", "letterhead", "disclaimer"];

impl Seen<'_> {
    fn lower_name(&self) -> String {
        self.name.unwrap_or_default().to_lowercase()
    }

    fn is_named(&self, words: &[&str]) -> bool {
        let name = self.lower_name();
        words.iter().any(|word| name.contains(word))
    }

    /// The names that cameras, phones and scanners give, and iOS to photos in a mail (`image0.jpeg`).
    fn is_named_by_camera(&self) -> bool {
        let name = self.lower_name();
        let (stem, ending) = name.rsplit_once('.').unwrap_or((&name, ""));
        const BEGINNINGS: [&str; 12] = [
            "img_",
            "img-",
            "dsc",
            "pxl_",
            "dcim",
            "photo",
            "whatsapp image",
            "signal-",
            "scan",
            "screenshot",
            "bildschirmfoto",
            "pastedgraphic",
        ];
        let digits = stem.bytes().filter(u8::is_ascii_digit).count();
        // 20261120_101112, 1000012345: Samsung and Google.
        let is_number = digits >= 8 && stem.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'_' | b'-'));
        let is_of_ios = ending == "jpeg" && stem.strip_prefix("image").is_some_and(|rest| rest.len() <= 2 && rest.parse::<u8>().is_ok());
        is_number || is_of_ios || BEGINNINGS.iter().any(|beginning| stem.starts_with(beginning))
    }

    /// The names that mail programs give to images in a text: `image001.png`, `ATT00001.gif`, `unnamed.png`, none.
    fn is_named_by_program(&self) -> bool {
        let name = self.lower_name();
        let stem = name.rsplit_once('.').map_or(name.as_str(), |(stem, _)| stem);
        let counted =
            |beginning: &str| stem.strip_prefix(beginning).is_some_and(|rest| rest.len() >= 3 && rest.bytes().all(|b| b.is_ascii_digit()));
        stem.is_empty()
            || counted("image")
            || counted("att")
            || counted("bild")
            || counted("grafik")
            || matches!(stem, "unnamed" | "image" | "noname")
    }

    fn area(&self) -> Option<u64> {
        self.pixels.map(|(width, height)| u64::from(width) * u64::from(height))
    }

    /// The longer side over the shorter one.
    fn proportion(&self) -> f64 {
        self.pixels.map_or(1.0, |(width, height)| f64::from(width.max(height)) / f64::from(width.min(height).max(1)))
    }

    fn is_invisible(&self) -> bool {
        let is_drawn = matches!(self.media_type, "image/gif" | "image/png" | "image/webp");
        is_drawn && self.pixels.is_some_and(|(width, height)| width <= 2 || height <= 2)
    }

    fn is_small(&self) -> bool {
        self.size <= LOGO_BYTES
            && self
                .pixels
                .is_none_or(|(width, height)| width <= 600 && height <= 300 || self.area().is_some_and(|area| area <= LOGO_PIXELS))
    }

    fn is_shown_small(&self) -> bool {
        self.shown.is_some_and(|shown| match (shown.width, shown.height) {
            (Some(width), Some(height)) => height <= 160 && width <= 450,
            (None, Some(side)) | (Some(side), None) => side <= 160,
            (None, None) => false,
        })
    }

    fn is_banner(&self) -> bool {
        self.pixels.is_some_and(|(width, height)| width > height && height <= 400) && self.proportion() >= 2.5
    }

    fn is_document_like(&self) -> bool {
        match self.area() {
            Some(area) => area >= DOCUMENT_PIXELS && self.proportion() < BANNER,
            None => self.size >= DOCUMENT_BYTES,
        }
    }

    fn is_photo(&self) -> bool {
        self.media_type == "image/jpeg" && self.area().is_some_and(|area| area >= PHOTO_PIXELS) && self.proportion() < BANNER
    }

    /// A photo as it is put into an application: upright or square, in JPEG.
    fn is_portrait(&self) -> bool {
        let upright =
            self.pixels.is_some_and(|(width, height)| width >= 120 && height >= width && u64::from(height) * 10 <= u64::from(width) * 16);
        self.media_type == "image/jpeg" && upright
    }

    fn is_candidates_portrait(&self) -> bool {
        self.is_portrait() && !self.is_forwarders && self.shown.is_none_or(|shown| shown.link == Link::None)
    }

    /// Attached, and in no text: its name may tell what the file is about.
    fn is_mere_file(&self) -> bool {
        self.shown.is_none() && !self.has_id && self.is_attached
    }
}

/// Width and height as the head of the file says, if it says so.
pub fn pixels(bytes: &[u8]) -> Option<(u32, u32)> {
    /// The size stands in the head, in JPEG behind what the camera wrote.
    const HEAD: usize = 1 << 20;
    let size = imagesize::blob_size(&bytes[..bytes.len().min(HEAD)]).ok()?;
    Some((u32::try_from(size.width).ok()?, u32::try_from(size.height).ok()?))
}

#[cfg(test)]
mod tests;
