use super::*;
use unicode_normalization::UnicodeNormalization;

fn of(name: &str, own: &[FilenameRule]) -> Kind {
    Judge::new(own).kind(name)
}

fn check(name: &str, kind: Kind) {
    assert_eq!(of(name, &[]), kind, "{name}");
}

/// Acceptance: S1.22.
#[test]
fn names_that_tell() {
    check("Anschreiben.pdf", Kind::CoverLetter);
    check("Bewerbungsanschreiben_Müller.pdf", Kind::CoverLetter);
    check("ANSCHREIBEN.PDF", Kind::CoverLetter);
    check("cover_letter.docx", Kind::CoverLetter);
    check("Cover Letter Maria.pdf", Kind::CoverLetter);
    check("Personligt brev.pdf", Kind::CoverLetter);
    check("Lebenslauf.pdf", Kind::Cv);
    check("LebenslaufMueller2026.pdf", Kind::Cv);
    check("CV_Maria.pdf", Kind::Cv);
    check("MariaCV.pdf", Kind::Cv);
    check("CVMueller.pdf", Kind::Cv);
    check("Résumé.pdf", Kind::Cv);
    check("Meritforteckning.pdf", Kind::Cv);
    check("Meritfo\u{308}rteckning.pdf", Kind::Cv);
    check("Arbeitszeugnis_2019.pdf", Kind::EmploymentReference);
    check("Abschlusszeugnis.pdf", Kind::Certificate);
    check("Zeugnisse.pdf", Kind::Certificate);
    check("Bewerbungsfoto.jpg", Kind::Photo);
    check("Portfolio.pdf", Kind::WorkSample);
    check("Bewerbungsunterlagen Müller.pdf", Kind::Dossier);
    check("Bewerbung Müller.pdf", Kind::Dossier);
    check("Bewerbung_Lebenslauf.pdf", Kind::Cv);
    check("lebenslaufmueller.pdf", Kind::Cv);
    check("Lebensläufe.pdf", Kind::Cv);
    check("Zeugniskopien.pdf", Kind::Certificate);
    check("Masterzeugnis.pdf", Kind::Certificate);
    check("Schulzeugnissen.pdf", Kind::Certificate);
    check("Zertifikate.pdf", Kind::Certificate);
    check("Zertifikatsmappe.pdf", Kind::Certificate);
    check("Certificates.pdf", Kind::Certificate);
    check("Slutbetyg.pdf", Kind::Certificate);
    check("Arbeitszeugnisse.pdf", Kind::EmploymentReference);
    check("Motivationsschreiben.pdf", Kind::CoverLetter);
}

/// Acceptance: S1.22. Names and professions that begin with a word of another kind say nothing of the file.
#[test]
fn people_and_professions_in_names() {
    check("Lebenslauf_Max_Mustermann.pdf", Kind::Cv);
    check("Anschreiben_Mustermann.pdf", Kind::CoverLetter);
    check("Zertifikat_Photoshop.pdf", Kind::Certificate);
    check("Lebenslauf_Diplomingenieur_Meier.pdf", Kind::Cv);
    check("Lebenslauf_Portfoliomanagerin.pdf", Kind::Cv);
    check("Lebenslauf_Porträtfotograf.pdf", Kind::Cv);
    check("Zeugnis_Formularwesen.pdf", Kind::Certificate);
    check("Diplomarbeit.pdf", Kind::Other);
}

/// Acceptance: S1.23, S1.E12.
#[test]
fn names_that_tell_nothing_or_two_things() {
    check("scan0047.pdf", Kind::Other);
    check("", Kind::Other);
    check(".pdf", Kind::Other);
    check("Anschreiben_Lebenslauf.pdf", Kind::Other);
    check("Zeugnis und Lebenslauf.pdf", Kind::Other);
    check("Lebenslauf_und_Zeugnisse.pdf", Kind::Other);
    check("Lebenslauf Vorlage.docx", Kind::Other);
    check("Lebenslaufvorlage.docx", Kind::Other);
    check("Zeugnismuster.docx", Kind::Other);
    check("Antrag Arbeitszeugnis.pdf", Kind::Other);
    check("Fotografie.pdf", Kind::Other);
    check("Vitamine.pdf", Kind::Other);
}

/// Each line of the table: the kind, a tab, the name.
fn table() -> impl Iterator<Item = (Kind, &'static str)> {
    include_str!("../../../fixtures/kinds/names.tsv").lines().map(|line| {
        let (kind, name) = line.split_once('\t').unwrap();
        (Kind::parse(kind).unwrap(), name)
    })
}

/// Acceptance: S1.22, S1.23, S1.E12, S1.29. Names as candidates write them, in eight languages.
#[test]
fn the_table_of_names() {
    let missed: Vec<String> = table()
        .filter(|(kind, name)| of(name, &[]) != *kind)
        .map(|(kind, name)| format!("{name}: {:?}, not {kind:?}", of(name, &[])))
        .collect();
    assert!(table().count() >= 400, "{}", table().count());
    assert!(missed.is_empty(), "{} missed:\n{}", missed.len(), missed.join("\n"));
}

/// Words, names and professions that are one typing error, or one more part, away from a word that tells.
#[test]
fn words_that_are_near_and_tell_nothing() {
    let mut missed = Vec::new();
    for word in [
        "Bewertung",
        "Werbung",
        "Referent",
        "Referentin",
        "Preference",
        "Präferenz",
        "Fotografie",
        "Fotograf",
        "Photographer",
        "Erzeugnis",
        "Resumen",
        "Diplomat",
        "Diplomatin",
        "Rossier",
        "Portier",
        "Portofino",
        "Porter",
        "Oświadczenie",
        "Zajęcia",
        "Formula",
        "Formation",
        "Information",
        "Ausschreibung",
        "Beschreibung",
        "Rundschreiben",
        "Abschreibung",
        "Naturkunde",
        "Kulturkunde",
        "Kunde",
        "Urgrund",
        "Conference",
        "Konferenz",
        "Interferenz",
        "Differenz",
        "Motivator",
        "Motiv",
        "Transporter",
        "Transkription",
        "Applicant",
        "Applikator",
        "Candidate",
        "Kandidat",
        "Candida",
        "Certo",
        "Zeugner",
        "Zeuge",
        "Zeugen",
        "Vitali",
        "Vitalis",
        "Vitamine",
        "Photon",
        "Photini",
        "Brief",
        "Briefing",
        "Letterman",
        "List",
        "Liszt",
        "Kurt",
        "Curt",
        "Kurs",
        "Urlaub",
        "Lebensmittel",
        "Lebensversicherung",
        "Anschrift",
        "Anschlag",
        "Schreiben",
        "Laura",
        "Lauren",
        "Laurent",
        "Titel",
        "Titus",
        "Diplomarbeit",
        "Mustermann",
        "Formarbeit",
        "Malle",
        "Malmö",
        "Modellbau",
        "Wzornik",
        "Kowalska",
        "Lebeau",
        "Cvetković",
        "Cvijanović",
        "CVJM",
        "Marie",
        "Bulgarien",
        "Bullock",
        "Delfino",
        "Delfs",
        "Delegation",
        "Certus",
        "Recommend",
        "Testament",
        "Attest",
        "Attentat",
        "Atteste",
        "Presume",
        "Contemplate",
        "Dosierung",
        "Dossenheim",
        "Grad",
        "Gradient",
        "Degradation",
        "Intag",
        "Personalreferent",
        "Schulreferent",
        "Antragsteller",
        "Vertrag",
        "Auftrag",
        "Eintrag",
        "Beitrag",
        "Vortrag",
        "Vorlesung",
        "Verlage",
        "Portraitist",
        "Headhunter",
        "Dyplomata",
        "Referendar",
        "Referendariat",
        "Reverenz",
        "Sollicitor",
        "Podsumowanie",
        "Praktikum",
        "Arbeitgeber",
        "Arbeitszeit",
        "Zwischenbericht",
    ] {
        for name in [format!("{word}.pdf"), format!("{}_2024.docx", word.to_uppercase())] {
            missed.extend((of(&name, &[]) != Kind::Other).then_some(name));
        }
        // Whoever's file it is, and whatever he does.
        let name = format!("Lebenslauf {word}.pdf");
        missed.extend((of(&name, &[]) != Kind::Cv).then_some(name));
    }
    assert!(missed.is_empty(), "{missed:?}");
}

/// No word has two meanings, and no word that is mistyped becomes one of another meaning that is written right.
#[test]
fn no_word_means_two_things() {
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    for (name, table) in &DATA.tables {
        for (words, meaning) in [(&table.strong, name.clone()), (&table.weak, format!("{name}, weak"))] {
            for word in words.values().flatten().filter(|word| !word.contains(file_name::NUMBER)) {
                let before = seen.insert(file_name::key(word), meaning.clone());
                assert!(before.as_ref().is_none_or(|before| *before == meaning), "{word}: {before:?} and {meaning}");
            }
        }
    }
    for (name, table) in &DATA.tables {
        let Some(kind) = Kind::parse(name) else { continue };
        for word in table.strong.values().flatten() {
            assert_eq!(of(word, &[]), kind, "{word}");
            assert_eq!(of(&format!("{}.PDF", word.to_uppercase()), &[]), kind, "{word} in capitals");
            assert_eq!(of(&word.nfd().collect::<String>().replace([' ', '\''], "_"), &[]), kind, "{word} with underscores");
        }
    }
}

/// One error in a long word is forgiven wherever it stands.
#[test]
fn typing_errors() {
    for (word, kind) in [
        ("lebenslauf", Kind::Cv),
        ("anschreiben", Kind::CoverLetter),
        ("motivationsschreiben", Kind::CoverLetter),
        ("zertifikat", Kind::Certificate),
        ("arbeitszeugnis", Kind::EmploymentReference),
        ("bewerbungsunterlagen", Kind::Dossier),
        ("levnadsbeskrivning", Kind::Cv),
        ("motivatiebrief", Kind::CoverLetter),
    ] {
        let letters: Vec<char> = word.chars().collect();
        for at in 0..letters.len() {
            let mut less = letters.clone();
            less.remove(at);
            let mut more = letters.clone();
            more.insert(at, 'q');
            let mut other = letters.clone();
            other[at] = 'q';
            let mut swapped = letters.clone();
            swapped.swap(at, (at + 1).min(letters.len() - 1));
            for wrong in [less, more, other, swapped] {
                let name = format!("{}_Weber.pdf", wrong.iter().collect::<String>());
                assert_eq!(of(&name, &[]), kind, "{name}");
            }
        }
    }
    check("Bewerbungsanschrieben.pdf", Kind::CoverLetter);
    check("Zeugniss.pdf", Kind::Certificate);
    check("Lebbenslauv.pdf", Kind::Other);
    check("Zegnis.pdf", Kind::Certificate);
    check("Ceugnis.pdf", Kind::Other);
}

fn rule(words: &str, kind: Kind) -> FilenameRule {
    FilenameRule { words: words.into(), kind }
}

/// Acceptance: S1.22. What a tenant says goes first.
#[test]
fn rules_of_a_tenant() {
    let own =
        [rule("Steckbrief", Kind::Cv), rule("über mich", Kind::CoverLetter), rule("ZV", Kind::Certificate), rule("Portfolio", Kind::Other)];
    let check = |name: &str, kind| assert_eq!(of(name, &own), kind, "{name}");
    check("Steckbrief_Weber.pdf", Kind::Cv);
    check("Kurzsteckbriefe.pdf", Kind::Cv);
    check("Stekbrief.pdf", Kind::Cv);
    check("Ueber_Mich.pdf", Kind::CoverLetter);
    check("ÜberMich.pdf", Kind::CoverLetter);
    check("ZV 2025.pdf", Kind::Certificate);
    check("ZVB.pdf", Kind::Other);
    // Whatever else the name says.
    check("Steckbrief zum Zeugnis.pdf", Kind::Cv);
    check("Steckbrief über mich.pdf", Kind::Other);
    check("Portfolio.pdf", Kind::Other);
    // What tells nothing leaves it to the rest of the name.
    check("Portfolio Lebenslauf.pdf", Kind::Cv);
    check("Steckbrief Portfolio.pdf", Kind::Cv);
    assert_eq!(of("Lebenslauf Muster.pdf", &[rule("Muster", Kind::Other)]), Kind::Cv);
    assert_eq!(of("Lebenslauf mit Steckbriefbild.pdf", &[rule("Steckbriefbild", Kind::Photo)]), Kind::Cv);
    check("Steckbrief Vorlage.docx", Kind::Other);
    check("Lebenslauf.pdf", Kind::Cv);
    assert_eq!(of("Muster.pdf", &[rule("Muster", Kind::WorkSample)]), Kind::WorkSample);
    assert_eq!(of("Steckbrief_Weber.pdf", &[]), Kind::Other);
}

/// An ending is no word of the name, whoever says what it would tell.
#[test]
fn endings_tell_nothing() {
    let own = [rule("pdf", Kind::Photo), rule("Steckbrief.docx", Kind::Cv)];
    for name in ["Portfolio_Weber.pdf", "Portfolio_Weber.docx.pdf", "PORTFOLIO.PDF"] {
        assert_eq!(of(name, &own), Kind::WorkSample, "{name}");
    }
    assert_eq!(of("scan.pdf", &own), Kind::Other);
    assert_eq!(of("Steckbrief_Weber.pdf", &own), Kind::Cv);
}

#[test]
fn the_word_that_would_have_told() {
    let told = |name: &str| Judge::new(&[rule("Beiblatt", Kind::Other)]).telling_word(name, &["Maria Weber-Schönfeld", "Otto"]);
    let check = |name: &str, word: Option<&str>| assert_eq!(told(name).as_deref(), word, "{name}");
    check("Steckbrief_Maria_Weber_2026.pdf", Some("steckbrief"));
    check("WeberSteckbriefNeu (2).docx", Some("steckbrief"));
    check("Über mich Schoenfeld.pdf", Some("ueber"));
    // Nobody's name, no number, no date, no ending, nothing that stands on every file, nothing that tells already.
    check("Maria Weber.pdf", None);
    check("scan_20260122-4711.jpeg", None);
    check("Kopie von Dokument final.pdf", None);
    check("Lebenslauf Beiblatt.pdf", None);
    check("A1 B2.pdf", None);
}

/// Acceptance: G4. The names of a mail's files cost what they cost together: behind so many words, a typing error is another word.
#[test]
fn typing_errors_are_looked_for_so_often() {
    let judge = Judge::new(&[]);
    assert_eq!(judge.kind("Lebenslauv.pdf"), Kind::Cv);
    let name = "unbekannteswort-".repeat(15);
    for _ in 0..1_000 {
        assert_eq!(judge.kind(&name), Kind::Other);
    }
    assert_eq!(judge.looks.get(), 0);
    assert_eq!((judge.kind("Lebenslauv.pdf"), judge.kind("Lebenslauf.pdf")), (Kind::Other, Kind::Cv));
    assert_eq!((Judge::exact().kind("Lebenslauv.pdf"), Judge::exact().kind("Lebenslauf.pdf")), (Kind::Other, Kind::Cv));
}
