use super::*;
use proptest::prelude::*;

/// A ZIP without content: its list alone, as APPNOTE has it. Name, flags, size.
fn zip(files: &[(&[u8], u16, u32)]) -> Vec<u8> {
    let mut bytes = b"PK\x03\x04".to_vec();
    bytes.extend([0; 26]);
    let at = bytes.len();
    for (name, flags, size) in files {
        bytes.extend(b"PK\x01\x02\x14\x00\x14\x00");
        bytes.extend(flags.to_le_bytes());
        bytes.extend([0; 14]);
        bytes.extend(size.to_le_bytes());
        bytes.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        bytes.extend([0; 16]);
        bytes.extend(*name);
    }
    let size = u32::try_from(bytes.len() - at).unwrap();
    let count = u16::try_from(files.len()).unwrap();
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    bytes.extend([count.to_le_bytes(), count.to_le_bytes()].concat());
    bytes.extend([size.to_le_bytes(), u32::try_from(at).unwrap().to_le_bytes()].concat());
    bytes.extend([0, 0]);
    bytes
}

fn names(bytes: &[u8]) -> (Vec<(String, u64)>, u64, bool) {
    let (archive, is_locked) = look("application/zip", bytes);
    let archive = archive.unwrap();
    (archive.files.into_iter().map(|file| (file.name, file.size)).collect(), archive.left_out, is_locked)
}

#[test]
fn lists_of_zips() {
    let owned = |names: &[(&str, u64)]| names.iter().map(|(name, size)| ((*name).to_owned(), *size)).collect::<Vec<_>>();
    let two = zip(&[(b"Zeugnisse/", 0, 0), (b"Zeugnisse/Abitur.pdf", 0, 10), ("Führerschein.pdf".as_bytes(), IS_UTF_8, 20)]);
    assert_eq!(names(&two), (owned(&[("Abitur.pdf", 10), ("Führerschein.pdf", 20)]), 0, false));
    assert_eq!(names(&zip(&[(b"a.pdf", ENCRYPTED, 1)])), (owned(&[("a.pdf", 1)]), 0, true));
    assert_eq!(names(&zip(&[])), (Vec::new(), 0, false));
    // Names that lead elsewhere, drive a terminal or are none; notes of macOS.
    let odd = zip(&[(b"../../etc/passwd", 0, 1), (b"a\x1b[2J.pdf", 0, 1), (b"..", 0, 1), (b"__MACOSX/._a.pdf", 0, 1)]);
    assert_eq!(names(&odd).0, owned(&[("passwd", 1), ("a[2J.pdf", 1), ("?", 1)]));
    // Code page 437, as Windows writes it.
    assert_eq!(names(&zip(&[(b"F\x81hrung gro\xe1.pdf", 0, 1)])).0, owned(&[("Führung groß.pdf", 1)]));
    // Bytes in front (a program that unpacks itself), and a comment behind.
    let mut shifted = [b"MZ and more".as_slice(), &two].concat();
    assert_eq!(names(&shifted).0.len(), 2);
    shifted.extend(b"comment");
    assert_eq!(names(&shifted).0.len(), 2);
}

#[test]
fn lists_are_bounded_and_believed_in_nothing() {
    let many = zip(&vec![(b"a.pdf".as_slice(), 0, 1); 20_000]);
    let (files, left_out, _) = names(&many);
    assert_eq!((files.len(), left_out), (MOST_FILES, (MOST_ENTRIES - MOST_FILES) as u64));
    // An end record that says four billion files of four gigabytes.
    let mut bomb = zip(&[(b"a.pdf", 0, u32::MAX)]);
    let end = bomb.len() - 22;
    bomb[end + 8..end + 12].copy_from_slice(&[0xff; 4]);
    assert_eq!(names(&bomb), (vec![("a.pdf".to_owned(), u64::from(u32::MAX))], 0, false));
    bomb[end + 12..end + 20].copy_from_slice(&[0xff; 8]);
    assert_eq!(look("application/zip", &bomb), (None, false));
    // The list is cut away; the first file's head says that it is encrypted.
    let mut cut = b"PK\x03\x04\x14\0\x01\0".to_vec();
    cut.extend([0; 30]);
    assert_eq!(look("application/zip", &cut), (None, true));
}

#[test]
fn encrypted_files() {
    let check = |media_type: &str, bytes: &[u8], want: bool| assert_eq!(look(media_type, bytes).1, want, "{media_type} {bytes:?}");
    check("application/pdf", b"%PDF-1.7\ntrailer\n<< /Root 1 0 R /Encrypt 12 0 R >>", true);
    check("application/pdf", b"%PDF-1.7\n<</Encrypt<</Filter/Standard>>>>", true);
    check("application/pdf", b"%PDF-1.7\n<</Encrypt 5 0 R/ID[<a><b>]>>", true);
    check("application/pdf", b"%PDF-1.7\n<< /EncryptMetadata false >>", false);
    check("application/pdf", b"%PDF-1.7\n(how to use /Encrypt in PDF)", false);
    let stream: Vec<u8> = "EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes).collect();
    check("application/x-cfb", &[b"\xd0\xcf\x11\xe0".as_slice(), &stream].concat(), true);
    check("application/msword", b"\xd0\xcf\x11\xe0 EncryptedPackage", false);
    check("application/vnd.rar", b"Rar!\x1a\x07\x01\x00\0\0\0\0\x21\x04\0", true);
    check("application/vnd.rar", b"Rar!\x1a\x07\x01\x00\0\0\0\0\x0a\x01\0", false);
    check("application/vnd.rar", b"Rar!\x1a\x07\x00\xcf\x90\x73\x80\x00\x0d\x00\0\0\0\0\0\0", true);
    check("application/vnd.rar", b"Rar!\x1a\x07\x00\xcf\x90\x73\x00\x00\x0d\x00\0\0\0\0\0\0\0\0\x74\x24\x90", true);
    check("application/vnd.rar", b"Rar!\x1a\x07\x00\xcf\x90\x73\x00\x00\x0d\x00\0\0\0\0\0\0\0\0\x74\x20\x90", false);
    let seven = |list: &[u8]| {
        let mut bytes = b"7z\xbc\xaf\x27\x1c\0\x04\0\0\0\0".to_vec();
        bytes.extend(0u64.to_le_bytes());
        bytes.extend((list.len() as u64).to_le_bytes());
        bytes.extend([0; 4]);
        bytes.extend(list);
        bytes
    };
    check("application/x-7z-compressed", &seven(b"\x17\x06\x06\xf1\x07\x01\x12"), true);
    check("application/x-7z-compressed", &seven(b"\x01\x04\x06\x00"), false);
    check("text/plain", b"/Encrypt 1 0 R", false);
}

proptest! {
    /// Whatever the bytes are: an answer, and within bounds.
    #[test]
    fn any_bytes_are_answered(at in any::<proptest::sample::Index>(), with in proptest::collection::vec(any::<u8>(), 1..40), kind in 0..5usize) {
        let types = ["application/zip", "application/pdf", "application/vnd.rar", "application/x-7z-compressed", "application/x-cfb"];
        let heads: [&[u8]; 5] = [b"", b"%PDF", b"Rar!\x1a\x07\x00", b"7z\xbc\xaf\x27\x1c", b"\xd0\xcf"];
        let mut bytes = [heads[kind], &zip(&[(b"a/b.pdf", 0, 1), (b"c.pdf", 1, 2)])].concat();
        let at = at.index(bytes.len());
        let end = bytes.len().min(at + with.len());
        bytes[at..end].copy_from_slice(&with[..end - at]);
        let (archive, _) = look(types[kind], &bytes);
        prop_assert!(archive.is_none_or(|archive| archive.files.len() <= MOST_FILES));
    }
}
