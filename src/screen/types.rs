//! File types that are not filed: by the ending of the name, and by the content where that gives a type away.

use crate::model::message::SkipReason;

/// What is refused where a tenant says nothing: what a double click runs, installs, mounts, or follows to somewhere else.
pub const REFUSED: &[&str] = &[
    // programs and installers
    "exe",
    "com",
    "scr",
    "pif",
    "cpl",
    "dll",
    "ocx",
    "sys",
    "drv",
    "msi",
    "msp",
    "mst",
    "msix",
    "msixbundle",
    "appx",
    "appxbundle",
    "appinstaller",
    "application",
    "gadget",
    "jar",
    "jnlp",
    "class",
    "apk",
    "app",
    "pkg",
    "mpkg",
    "deb",
    "rpm",
    "elf",
    "run",
    "xll",
    "xla",
    "xlam",
    "vsto",
    "xbap",
    "appref-ms",
    "wll",
    // scripts
    "bat",
    "cmd",
    "ps1",
    "ps1xml",
    "ps2",
    "psm1",
    "psd1",
    "psc1",
    "vb",
    "vbs",
    "vbe",
    "js",
    "jse",
    "mjs",
    "ws",
    "wsf",
    "wsc",
    "wsh",
    "sct",
    "hta",
    "sh",
    "bash",
    "zsh",
    "csh",
    "ksh",
    "command",
    "py",
    "pyw",
    "pyz",
    "pl",
    "scpt",
    "applescript",
    "workflow",
    // shortcuts, settings and help that run something
    "lnk",
    "url",
    "website",
    "desktop",
    "webloc",
    "inetloc",
    "scf",
    "library-ms",
    "search-ms",
    "settingcontent-ms",
    "diagcab",
    "themepack",
    "reg",
    "inf",
    "ins",
    "isp",
    "iqy",
    "slk",
    "msc",
    "rdp",
    "one",
    "onepkg",
    "wsb",
    "docm",
    "dotm",
    "xlsm",
    "xltm",
    "pptm",
    "chm",
    "hlp",
    // disk images
    "iso",
    "img",
    "udf",
    "vhd",
    "vhdx",
    "vmdk",
    "vdi",
    "dmg",
];

/// Endings that a content stands for, whatever the file is called. Types of data that programs share (text, ZIP) give nothing away.
fn endings_of(media_type: &str) -> &'static [&'static str] {
    match media_type {
        "application/vnd.microsoft.portable-executable"
        | "application/x-dosexec"
        | "application/x-ms-ne-executable"
        | "application/x-mach-binary" => &["exe"],
        "application/x-executable" => &["exe", "elf"],
        "application/x-msi" => &["msi"],
        "application/vnd.ms-appx" => &["appx", "msix"],
        "application/vnd.ms-appx.bundle" => &["appxbundle", "msixbundle"],
        "application/java-archive" => &["jar"],
        "application/java-vm" => &["class"],
        "application/vnd.android.package-archive" | "application/vnd.android.dex" => &["apk"],
        "application/vnd.debian.binary-package" => &["deb"],
        "application/x-rpm" => &["rpm"],
        "application/x-ms-shortcut" => &["lnk"],
        "application/vnd.ms-htmlhelp" => &["chm"],
        "text/x-msdos-batch" => &["bat", "cmd"],
        "text/x-shellscript" => &["sh"],
        "application/x-iso9660-image" => &["iso", "img"],
        "application/x-vhd" => &["vhd"],
        "application/x-vhdx" => &["vhdx"],
        "application/x-vmdk" => &["vmdk"],
        "application/x-virtualbox-vdi" => &["vdi"],
        "application/x-apple-diskimage" => &["dmg"],
        _ => &[],
    }
}

/// Disks are no programs, whatever they are called.
const DISKS: &[&str] = &["iso", "img", "vhd", "vhdx", "vmdk", "vdi", "dmg"];

/// Whether a file of this name and content is refused, and why. `refused`: endings in lower case without the dot.
pub fn refusal(refused: &[impl AsRef<str>], name: Option<&str>, media_type: &str) -> Option<SkipReason> {
    let is_listed = |ending: &str| refused.iter().any(|one| one.as_ref() == ending);
    if name.and_then(ending).is_some_and(|ending| is_listed(&ending)) {
        return Some(SkipReason::TypeRefused);
    }
    let found = endings_of(media_type).iter().find(|ending| is_listed(ending))?;
    // Who is told that his PDF is of a type that is not taken would send it again.
    let is_disguised = name.is_some() && !DISKS.contains(found);
    Some(if is_disguised { SkipReason::Disguised } else { SkipReason::TypeRefused })
}

/// The ending that a name has on a disk, in lower case: the last one, behind which dots, blanks and what cannot be seen do not count.
/// `cv.exe::$DATA` is written as `cv.exe` by Windows.
fn ending(name: &str) -> Option<String> {
    let name = name.split("::").next().unwrap_or_default();
    let visible: String = name.chars().filter(|c| !is_hidden(*c)).collect();
    let trimmed = visible.trim_end_matches(|c: char| c == '.' || c.is_whitespace());
    let (_, ending) = trimmed.rsplit_once('.')?;
    Some(ending.trim().to_lowercase())
}

/// Controls and format characters. `understand` takes them out of names; what is decided here must not hang on that.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Acceptance: S1.E14.
    #[test]
    fn by_name() {
        let check = |name: &str, want: bool| {
            let want = want.then_some(SkipReason::TypeRefused);
            assert_eq!(refusal(REFUSED, Some(name), "application/octet-stream"), want, "{name:?}");
        };
        for name in
            ["setup.exe", "SETUP.EXE", "Lebenslauf.pdf.exe", "cv.exe.", "cv.exe . .", "cv.exe\u{202e}", "cv.e\u{200b}xe", "cv.exe::$DATA"]
        {
            check(name, true);
        }
        check("cv\u{202e}fdp.scr", true);
        check("cv. exe", true);
        for name in
            ["cv.pdf", "exe", "exe.pdf", "Zeugnis.docx", "noten.xls", "foto.jpg", "", ".", "Firma.com: Bewerbung.pdf", "bewerbung.zip"]
        {
            check(name, false);
        }
    }

    /// Acceptance: S1.E14.
    #[test]
    fn by_content() {
        let (named, disguised) = (Some(SkipReason::TypeRefused), Some(SkipReason::Disguised));
        let check = |refused: &[&str], name: &str, media_type: &str, want: Option<SkipReason>| {
            assert_eq!(refusal(refused, Some(name), media_type), want, "{refused:?} {name} {media_type}");
        };
        check(&["exe"], "cv.pdf", "application/x-dosexec", disguised);
        check(&["exe"], "cv.pdf", "application/x-executable", disguised);
        check(&["exe"], "cv.exe", "application/x-dosexec", named);
        check(&["elf"], "cv.pdf", "application/x-dosexec", None);
        check(&["js"], "cv.pdf", "application/x-dosexec", None);
        check(&["js"], "setup.exe", "application/x-dosexec", None);
        check(&[], "setup.exe", "application/x-dosexec", None);
        check(&["pdf"], "cv.pdf", "application/pdf", named);
        check(&["exe"], "cv.pdf", "application/pdf", None);
        // A disk is no program, and what has no name has no other one.
        check(&["iso"], "cv.pdf", "application/x-iso9660-image", named);
        assert_eq!(refusal(&["iso".to_owned()], None, "application/x-iso9660-image"), named);
        assert_eq!(refusal(&["exe".to_owned()], None, "application/x-dosexec"), named);
        for disk in DISKS {
            assert!(REFUSED.contains(disk), "{disk}");
        }
    }

    #[test]
    fn the_list_is_in_lower_case_and_once() {
        let mut seen = std::collections::HashSet::new();
        for one in REFUSED {
            assert!(seen.insert(one) && *one == one.to_lowercase() && !one.contains('.'), "{one}");
        }
    }
}
