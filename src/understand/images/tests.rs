//! Images as mail programs send them, each with what must become of it.

use super::*;
use crate::model::message::Kind;
use crate::understand::kinds;

const K: u64 = 1 << 10;

/// An image that is shown nowhere.
fn image<'a>(name: &'a str, media_type: &'a str, size: u64, pixels: (u32, u32)) -> Seen<'a> {
    let tells_kind = kinds::Judge::exact().kind(name) != Kind::Other;
    Seen {
        name: Some(name).filter(|name| !name.is_empty()),
        tells_kind,
        media_type,
        size,
        pixels: Some(pixels),
        letters: 500,
        ..Seen::default()
    }
}

fn png(name: &str, size: u64, pixels: (u32, u32)) -> Seen<'_> {
    image(name, "image/png", size, pixels)
}

fn jpeg(name: &str, size: u64, pixels: (u32, u32)) -> Seen<'_> {
    image(name, "image/jpeg", size, pixels)
}

impl<'a> Seen<'a> {
    fn by_id(self) -> Seen<'a> {
        Seen { has_id: true, in_related: true, ..self }
    }

    fn attached(self) -> Seen<'a> {
        Seen { is_attached: true, ..self }
    }

    fn of_forwarder(self) -> Seen<'a> {
        Seen { is_forwarders: true, ..self }
    }

    fn shown(self, shown: &'a Use) -> Seen<'a> {
        Seen { shown: Some(shown), ..self.by_id() }
    }
}

fn in_text() -> Use {
    Use { times: 1, ..Use::default() }
}

fn signature() -> Use {
    Use { in_signature: true, ..in_text() }
}

fn sized(width: u32, height: u32, shown: Use) -> Use {
    Use { width: Some(width), height: Some(height), ..shown }
}

fn linked(link: Link, shown: Use) -> Use {
    Use { link, ..shown }
}

fn check(what: &str, seen: &Seen<'_>, want: (PartRole, Option<PartReason>)) {
    assert_eq!(decide(seen), want, "{what}: {seen:?}");
}

const FILE: (PartRole, Option<PartReason>) = (PartRole::File, None);
const INLINE: (PartRole, Option<PartReason>) = (PartRole::Inline, Some(PartReason::ShownInText));
const LOGO: (PartRole, Option<PartReason>) = (PartRole::Signature, Some(PartReason::SignatureLogo));
const SOCIAL_ICON: (PartRole, Option<PartReason>) = (PartRole::Signature, Some(PartReason::SocialIcon));
const TRACKER: (PartRole, Option<PartReason>) = (PartRole::Skipped, Some(PartReason::Tracker));

/// Acceptance: S1.20, S1.E10; G8. What a candidate attached is a document, wherever the mail program put it.
#[test]
fn documents() {
    let (text, alone, shown_small) = (in_text(), in_text(), sized(100, 130, signature()));
    let full = sized(1200, 1600, in_text());
    let (banner_like, page_link) = (sized(600, 848, in_text()), linked(Link::Elsewhere, sized(600, 600, in_text())));
    let cases = [
        ("Apple Mail: a photographed certificate", jpeg("IMG_1234.jpeg", 900 * K, (3024, 4032)).shown(&text)),
        ("Apple Mail: the same, sent in size small", jpeg("IMG_1234.jpeg", 30 * K, (240, 320)).shown(&text)),
        ("iOS: photos by number", jpeg("image0.jpeg", 300 * K, (1536, 2048)).shown(&text)),
        ("iOS: the second, small", jpeg("image1.jpeg", 40 * K, (320, 427)).shown(&text)),
        ("iOS: HEIC", image("IMG_0042.HEIC", "image/heic", 2_000 * K, (1, 1)).by_id()),
        ("Apple Mail: HEIC of unknown size", Seen { pixels: None, ..image("x.heic", "image/heic", 10 * K, (0, 0)) }.shown(&text)),
        ("macOS: pasted screenshot", png("PastedGraphic-1.png", 80 * K, (700, 500)).shown(&text)),
        ("macOS: screenshot by name", png("Bildschirmfoto 2026-11-20 um 18.02.11.png", 200 * K, (1440, 900)).shown(&text)),
        ("Samsung: date as name", jpeg("20261120_101112.jpg", 1_500 * K, (4000, 3000)).shown(&full)),
        ("Samsung: number as name", jpeg("1000012345.jpg", 90 * K, (800, 600)).shown(&text)),
        ("Google camera", jpeg("PXL_20261120_101112.jpg", 50 * K, (400, 300)).shown(&text)),
        ("WhatsApp", jpeg("WhatsApp Image 2026-11-20 at 18.02.jpeg", 60 * K, (720, 1280)).attached()),
        ("Signal", jpeg("signal-2026-11-20-180211.jpeg", 60 * K, (720, 1280)).attached()),
        ("a digital camera", jpeg("DSC_0815.JPG", 3_000 * K, (6000, 4000)).attached()),
        ("a scanner", jpeg("Scan_20261120.jpg", 500 * K, (1654, 2339)).shown(&text)),
        ("a scanner: TIFF", image("fax.tif", "image/tiff", 60 * K, (1728, 2200)).by_id()),
        ("Outlook: pasted certificate", png("image001.png", 700 * K, (1240, 1754)).shown(&text)),
        ("Outlook: pasted photo", jpeg("image002.jpg", 60 * K, (480, 640)).shown(&text)),
        ("Outlook: page as JPEG, half a page", jpeg("image003.jpg", 90 * K, (800, 400)).shown(&text)),
        ("Gmail: pasted page", png("image.png", 300 * K, (900, 1200)).shown(&text)),
        ("Thunderbird: pasted page", png("grafik.png", 300 * K, (900, 1200)).shown(&text)),
        ("GMX: photo in the text", jpeg("foto.jpg", 40 * K, (300, 400)).shown(&text)),
        ("a name that tells the kind, shown", jpeg("Zeugnis.jpg", 20 * K, (300, 200)).shown(&text)),
        ("a name that tells the kind, small PNG", png("Lebenslauf_Seite1.png", 20 * K, (300, 200)).shown(&text)),
        ("passport photo in the candidate's HTML signature", jpeg("foto.jpg", 25 * K, (200, 260)).shown(&shown_small)),
        ("the same without a telling name", jpeg("maria.jpg", 25 * K, (200, 260)).shown(&shown_small)),
        ("the same, large in itself", jpeg("maria.jpg", 250 * K, (800, 1000)).shown(&shown_small)),
        ("Canva: a CV as one image", png("1.png", 400 * K, (1414, 2000)).shown(&banner_like)),
        ("Canva: only an image, middling", Seen { letters: 0, ..png("bewerbung-1.png", 70 * K, (700, 560)).shown(&alone) }),
        ("image-only HTML", Seen { letters: 12, ..png("seite.png", 90 * K, (560, 792)).shown(&alone) }),
        ("attached, no text names it", png("Urkunde2.png", 20 * K, (300, 200)).attached()),
        ("attached, called logo: a work sample", png("Logo-Entwurf.png", 20 * K, (300, 200)).attached()),
        ("attached, called after a network", png("LinkedIn-Profil.png", 50 * K, (500, 300)).attached()),
        ("a screenshot of a profile, large", png("linkedin.png", 500 * K, (1080, 1920)).shown(&text)),
        ("attached, large, unknown size", Seen { pixels: None, ..png("x.png", 200 * K, (0, 0)) }.attached()),
        ("empty", Seen { size: 0, pixels: None, ..png("leer.png", 0, (0, 0)) }.attached()),
        ("a badge in a text, with a link to whoever issued it", png("badge.png", 90 * K, (800, 800)).shown(&page_link)),
        ("a portrait by a program's name, stripped of its HTML", jpeg("image001.jpg", 30 * K, (180, 240))),
    ];
    for (what, seen) in &cases {
        check(what, seen, FILE);
    }
}

/// Acceptance: S1.E10; G8.
#[test]
fn logos_and_icons() {
    let (sig, text) = (signature(), in_text());
    let (icon, portrait, wide) = (sized(24, 24, signature()), sized(120, 120, signature()), sized(400, 80, signature()));
    let (site, network) = (linked(Link::Elsewhere, sized(200, 60, in_text())), linked(Link::Social, sized(32, 32, in_text())));
    let campaign = linked(Link::Elsewhere, in_text());
    let bullet = Use { times: 4, ..in_text() };
    let cases = [
        ("Outlook: logo below the greeting", png("image001.png", 8 * K, (180, 60)).shown(&sig), LOGO),
        ("Outlook: logo as JPEG", jpeg("image001.jpg", 12 * K, (220, 80)).shown(&sig), LOGO),
        ("Outlook: GIF", image("image003.gif", "image/gif", 4 * K, (90, 40)).shown(&sig), LOGO),
        ("Outlook for the web", png("Outlook-abcd1234.png", 9 * K, (200, 70)).shown(&text), LOGO),
        ("Outlook: retina logo shown small", png("image001.png", 90 * K, (1600, 640)).shown(&wide), LOGO),
        ("the recruiter's portrait in his signature", jpeg("image004.jpg", 200 * K, (900, 900)).shown(&portrait).of_forwarder(), LOGO),
        ("the same by a telling name", jpeg("foto.jpg", 200 * K, (900, 900)).shown(&portrait).of_forwarder(), LOGO),
        ("the same from a camera", jpeg("IMG_2020.jpg", 200 * K, (900, 900)).shown(&portrait).of_forwarder(), LOGO),
        ("a campaign's banner below the greeting", png("image005.png", 60 * K, (800, 200)).shown(&sig), LOGO),
        ("a campaign's banner with a link", jpeg("x.jpg", 80 * K, (1000, 240)).shown(&campaign), LOGO),
        ("a banner by name", png("Messe_Banner.png", 90 * K, (1200, 300)).shown(&text), LOGO),
        ("a logo with a link to the website", png("x.png", 7 * K, (200, 60)).shown(&site), LOGO),
        ("Gmail: what was remote once", png("unnamed.png", 5 * K, (96, 96)).shown(&sig), LOGO),
        ("Apple Mail: signature image", png("firma.png", 15 * K, (240, 90)).shown(&sig), LOGO),
        ("Thunderbird: signature image", png("firma.png", 15 * K, (240, 90)).shown(&wide), LOGO),
        ("by name, beside a text", png("Acme_Logo_RGB.png", 20 * K, (300, 120)).shown(&text), LOGO),
        ("a scanned signature", png("Unterschrift.png", 10 * K, (250, 80)).shown(&text), LOGO),
        ("stripped of its HTML", png("image001.png", 6 * K, (160, 50)), LOGO),
        ("stripped of its HTML and attached", png("ATT00001.png", 6 * K, (160, 50)).attached(), LOGO),
        ("GMX: nameless, stripped", png("", 6 * K, (160, 50)).by_id(), LOGO),
        ("a bullet", image("x.gif", "image/gif", K, (9, 9)).shown(&bullet), LOGO),
        ("LinkedIn by name", png("linkedin_32.png", 2 * K, (32, 32)).shown(&icon), SOCIAL_ICON),
        ("XING by name", png("xing-icon.png", 2 * K, (32, 32)).shown(&sig), SOCIAL_ICON),
        ("by its link", png("image006.png", 2 * K, (64, 64)).shown(&network), SOCIAL_ICON),
        ("Instagram, stripped", png("instagram.png", 2 * K, (32, 32)).by_id(), SOCIAL_ICON),
        ("kununu seal", png("kununu-top-company.png", 18 * K, (200, 200)).shown(&sig), SOCIAL_ICON),
    ];
    for (what, seen, want) in &cases {
        check(what, seen, *want);
    }
}

/// Acceptance: S1.E10; G8.
#[test]
fn images_of_the_text() {
    let (text, shown_small) = (in_text(), sized(20, 20, in_text()));
    let (tracker, page_link) = (sized(1, 1, in_text()), linked(Link::Elsewhere, sized(800, 1018, in_text())));
    let beside = (PartRole::Inline, Some(PartReason::BelongsToText));
    let cases = [
        ("a smiley", png("emoji.png", 2 * K, (20, 20)).shown(&shown_small), INLINE),
        ("a small drawing", png("skizze.png", 30 * K, (400, 250)).shown(&text), INLINE),
        ("Gmail: part of a screen", png("image.png", 60 * K, (500, 300)).shown(&text), INLINE),
        ("of unknown size", Seen { pixels: None, ..png("x.png", 3 * K, (0, 0)) }.shown(&text), INLINE),
        ("empty", Seen { size: 0, pixels: None, ..png("x.png", 0, (0, 0)) }.shown(&text), INLINE),
        ("an advertisement: one image with a link", Seen { letters: 0, ..png("x.png", 130 * K, (800, 1018)) }.shown(&page_link), INLINE),
        ("named by no text, in the related part", png("hintergrund.png", 9 * K, (300, 200)).by_id(), beside),
        ("a tracker", image("x.gif", "image/gif", 43, (1, 1)).shown(&tracker), TRACKER),
        ("a tracker by a program's name", image("ATT00002.gif", "image/gif", 43, (1, 1)).attached(), TRACKER),
        ("a spacer", image("spacer.gif", "image/gif", 80, (600, 1)).shown(&text), TRACKER),
    ];
    for (what, seen, want) in &cases {
        check(what, seen, *want);
    }
}

/// A document or a photo that is sent again is filed again.
#[test]
fn what_may_become_a_logo() {
    let text = in_text();
    let check = |seen: &Seen<'_>, want: bool| assert_eq!(may_be_repeated(seen), want, "{seen:?}");
    check(&png("firma.png", 20 * K, (300, 120)).shown(&text), true);
    check(&png("x.png", 20 * K, (300, 120)).attached(), true);
    check(&Seen { pixels: None, ..png("x.png", 20 * K, (0, 0)) }, true);
    check(&jpeg("image002.jpg", 30 * K, (200, 260)), false);
    check(&jpeg("x.jpg", 30 * K, (480, 270)), false);
    check(&jpeg("IMG_1.jpg", 30 * K, (240, 180)), false);
    check(&png("Zeugnis.png", 20 * K, (300, 120)), false);
    check(&png("x.png", 400 * K, (300, 120)), false);
    check(&png("x.png", 50 * K, (1240, 1754)), false);
    check(&Seen { size: 0, ..png("x.png", 0, (1, 1)) }, false);
}

#[test]
fn pixels_of_damaged_heads() {
    let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x01\x2c\0\0\0\xc8\x08\x06\0\0\0";
    assert_eq!(pixels(png), Some((300, 200)));
    assert_eq!(pixels(b"GIF89a\x01\0\x01\0\0\0\0"), Some((1, 1)));
    for (bytes, cut) in
        [(png.as_slice(), 20), (png, 9), (b"\xff\xd8\xff\xe0\0\0\0\0\0\0\0\0", 12), (b"\xff\xd8\xff\xff\xff\xff\xff\xff", 8)]
    {
        assert_eq!(pixels(&bytes[..cut]), None, "{bytes:?}");
    }
}

proptest::proptest! {
    /// No head of any format stops us, whatever is in it.
    #[test]
    fn any_head_is_answered(kind in 0..5usize, rest in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        let heads: [&[u8]; 5] = [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", b"BM", b"RIFF\0\0\0\0WEBPVP8"];
        let _ = pixels(&[heads[kind], &rest].concat());
    }
}
