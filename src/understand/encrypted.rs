//! Whether a mail is encrypted, so that nothing in it can be read. Mail that is only signed can be.
//! RFC 1847 §2.2 and RFC 3156 §4 (multipart/encrypted), RFC 8551 §3 (application/pkcs7-mime), RFC 4880 §6.2 (armor).

use super::decode;
use super::mime::Tree;
use crate::model::message::Encoding;
use memchr::memmem;

/// The object identifiers of CMS content begin so; the last byte tells them apart. RFC 5652 §14.
const CMS_CONTENT: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07];
const ENVELOPED_DATA: u8 = 3;
/// The identifier stands within so many bytes from the start.
const CMS_HEAD: usize = 64;

const ARMOR: &str = "-----BEGIN PGP MESSAGE-----";
/// So many places where the armor seems to begin are looked at.
const MOST_ARMORS: usize = 100;

/// Whether a part is the encrypted content of its mail.
pub fn is_part(tree: &Tree<'_>, index: usize) -> bool {
    let part = &tree.parts[index];
    let name = part.name().unwrap_or_default().to_ascii_lowercase();
    match part.media() {
        "multipart/encrypted" | "application/pgp-encrypted" => true,
        "application/pkcs7-mime" | "application/x-pkcs7-mime" => match part.content.parameter("smime-type") {
            Some(kind) => matches!(kind.to_ascii_lowercase().as_str(), "enveloped-data" | "authenveloped-data"),
            // RFC 8551 §3.2.1: signed and enveloped content bear the same extension; the content tells which it is.
            None => cms_content(tree, index).map_or(name.ends_with(".p7m"), |content| content == ENVELOPED_DATA),
        },
        // RFC 8551 §3.9: a gateway may have forgotten the type.
        "application/octet-stream" if name == "smime.p7m" => cms_content(tree, index).is_none_or(|content| content == ENVELOPED_DATA),
        _ => false,
    }
}

/// What the part says of its content; none if it is no CMS or says it otherwise (authEnvelopedData has an identifier of another form).
fn cms_content(tree: &Tree<'_>, index: usize) -> Option<u8> {
    let body = tree.body(index);
    let head = &body[..body.len().min(4 * CMS_HEAD)];
    let bytes = match tree.parts[index].encoding {
        Encoding::Identity => head.into(),
        encoding => decode::transfer(head, encoding).0,
    };
    let head = &bytes[..bytes.len().min(CMS_HEAD)];
    let at = memmem::find(head, CMS_CONTENT)?;
    head.get(at + CMS_CONTENT.len()).copied()
}

/// Whether the text holds an armored message, on lines of its own; quote marks may stand before it.
pub fn is_text(text: &str) -> bool {
    text.match_indices(ARMOR).take(MOST_ARMORS).any(|(at, _)| {
        let before = text[..at].bytes().rev().take_while(|&byte| byte != b'\n');
        let mut after = text[at + ARMOR.len()..].bytes().take_while(|&byte| byte != b'\n');
        before.take(ARMOR.len()).all(|byte| matches!(byte, b'>' | b' ' | b'\t')) && after.all(|byte| byte.is_ascii_whitespace())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(head: &str, body: &str, want: bool) {
        let raw = format!("{head}\n\n{body}");
        let tree = Tree::read(raw.as_bytes());
        assert_eq!((0..tree.parts.len()).any(|part| is_part(&tree, part)), want, "{head}");
    }

    #[test]
    fn parts() {
        const PKCS7: &str = "Content-Type: application/pkcs7-mime";
        check("Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=b", "--b\n\nx\n--b--", true);
        check("Content-Type: multipart/encrypted", "x", true);
        check("Content-Type: multipart/mixed; boundary=b", "--b\nContent-Type: application/pgp-encrypted\n\nVersion: 1\n--b--", true);
        check(&format!("{PKCS7}; smime-type=enveloped-data; name=smime.p7m"), "x", true);
        check(&format!("{PKCS7}; smime-type=authEnveloped-data"), "x", true);
        check("Content-Type: application/x-pkcs7-mime; name=smime.p7m", "x", true);
        check(&format!("{PKCS7}; smime-type=signed-data; name=smime.p7m"), "x", false);
        check(&format!("{PKCS7}; smime-type=compressed-data; name=smime.p7z"), "x", false);
        check(&format!("{PKCS7}; name=smime.p7c"), "x", false);
        // The same name, told apart by the content: signedData, envelopedData.
        let base64 = format!("{PKCS7}; name=smime.p7m\nContent-Transfer-Encoding: base64");
        check(&base64, "MIAGCSqGSIb3DQEHAqCAMIACAQExDzAN", false);
        check(&base64, "MIAGCSqGSIb3DQEHA6CAMIACAQAxggEw", true);
        check(
            "Content-Type: application/octet-stream; name=smime.p7m\nContent-Transfer-Encoding: base64",
            "MIAGCSqGSIb3DQEHA6CAMIACAQAxggEw",
            true,
        );
        check("Content-Type: multipart/signed; boundary=b", "--b\n\nx\n--b\nContent-Type: application/pgp-signature\n\ny\n--b--", false);
        check("Content-Type: text/plain", "x", false);
    }

    #[test]
    fn texts() {
        let check = |text: &str, want: bool| assert_eq!(is_text(text), want, "{text}");
        check("-----BEGIN PGP MESSAGE-----\n\nhQEMA\n-----END PGP MESSAGE-----", true);
        check("Hallo\n> -----BEGIN PGP MESSAGE-----\r\n> hQEMA", true);
        check("-----BEGIN PGP SIGNED MESSAGE-----\nHallo", false);
        check("Eine Zeile mit -----BEGIN PGP MESSAGE----- darin", false);
        check("-----BEGIN PGP MESSAGE----- und mehr", false);
        check("", false);
    }
}
