//! Layouts as mail programs write them, word for word: nothing here is taken from the tables.

use super::*;

/// `{date}` is written as `date` says; `{body}`, `{> body}` and `{  body}` are its lines as they are, quoted, and indented.
struct Template {
    name: &'static str,
    text: &'static str,
    date: fn(DateTime) -> String,
    loss: Loss,
}

const NOTHING: Loss = Loss { subject: false, blanks: false };
const SUBJECT: Loss = Loss { subject: true, blanks: false };
const BLANKS: Loss = Loss { subject: false, blanks: true };

const TEMPLATES: [Template; 19] = [
    Template {
        name: "Outlook, German",
        text: "{note}\n\nVon: {name} <{address}>\nGesendet: {date}\nAn: Petra Huber <{to}>; Max <max@acme.example>\nCc: Eva <eva@acme.example>\nBetreff: {subject}\n\n{body}\n",
        date: german,
        loss: NOTHING,
    },
    Template {
        name: "Outlook, English",
        text: "{note}\n\n________________________________\nFrom: {name} <{address}>\nSent: {date}\nTo: {to} <{to}>\nSubject: {subject}\n\n{body}\n",
        date: american,
        loss: NOTHING,
    },
    Template {
        name: "Outlook 2007, English",
        text: "{note}\n\n-----Original Message-----\nFrom: {name} [mailto:{address}] \nSent: {date}\nTo: {to}\nSubject: {subject}\nImportance: High\n\n{body}\n",
        date: american,
        loss: NOTHING,
    },
    Template {
        name: "Outlook, Swedish",
        text: "{note}\n\nFrån: {name} <{address}>\nSkickat: {date}\nTill: Petra <{to}>\nÄmne: {subject}\n\n{body}\n",
        date: swedish,
        loss: NOTHING,
    },
    Template {
        name: "Outlook, French",
        text: "{note}\n\nDe : {name} <{address}>\nEnvoyé : {date}\nÀ : Petra <{to}>\nCc : Eva <eva@acme.example>\nObjet : {subject}\n\n{body}\n",
        date: french,
        loss: NOTHING,
    },
    Template {
        name: "Outlook of today, as HTML without an empty line",
        text: "{note}\n________________________________\nVon: {name} <{address}>\nGesendet: {date}\nAn: Petra Huber <{to}>\nBetreff: {subject}\n{body}\n",
        date: german,
        loss: NOTHING,
    },
    Template {
        name: "Gmail, English",
        text: "{note}\n\n---------- Forwarded message ---------\nFrom: {name} <{address}>\nDate: {date}\nSubject: {subject}\nTo: Petra <{to}>\nCc: Eva <eva@acme.example>\n\n\n{body}\n",
        date: gmail,
        loss: NOTHING,
    },
    Template {
        name: "Gmail, German",
        text: "{note}\r\n\r\n---------- Forwarded message ---------\r\nVon: *{name}* <{address}>\r\nDate: {date}\r\nSubject: {subject}\r\nTo: <{to}>\r\n\r\n\r\n{body}\r\n",
        date: gmail_german,
        loss: NOTHING,
    },
    Template {
        name: "Apple Mail, quoted",
        text: "{note}\n\n> Begin forwarded message:\n> \n> From: {name} <{address}>\n> Subject: {subject}\n> Date: {date}\n> To: {to}\n> \n{> body}\n",
        date: apple,
        loss: NOTHING,
    },
    Template {
        name: "Apple Mail, German",
        text: "{note}\n\nAnfang der weitergeleiteten Nachricht:\n\nVon: {name} <{address}>\nBetreff: {subject}\nDatum: {date}\nAn: {to}\n\n{body}\n",
        date: apple_german,
        loss: NOTHING,
    },
    Template {
        name: "Thunderbird, German",
        text: "{note}\n\n-------- Weitergeleitete Nachricht --------\nBetreff: \t{subject}\nDatum: \t{date}\nVon: \t{name} <{address}>\nAn: \t{to}\n\n\n\n{body}\n",
        date: rfc,
        loss: NOTHING,
    },
    Template {
        name: "Thunderbird, English, as a table",
        text: "{note}\n\n-------- Forwarded Message --------\nSubject: | {subject}\nDate: | {date}\nFrom: | {name} <{address}>\nTo: | {to}\n\n{body}\n",
        date: rfc,
        loss: NOTHING,
    },
    Template {
        name: "Yahoo, in one line",
        text: "{note}\n   ----- Forwarded Message ----- From: {name} <{address}>To: \"{to}\" <{to}>Sent: {date}Subject: {subject}\n\n{body}\n",
        date: yahoo,
        loss: NOTHING,
    },
    Template {
        name: "IONOS",
        text: "{note}\n\n---------- Ursprüngliche Nachricht ----------\nVon: {name} <{address}>\nAn: {to}\nDatum: {date}\nBetreff: {subject}\n\n{> body}\n",
        date: dotted,
        loss: NOTHING,
    },
    Template {
        name: "IONOS, quoted throughout",
        text: "{note}\n\n> ---------- Weitergeleitete Nachricht ----------\n> Von: {name} <{address}>\n> An: {to}\n> Datum: {date}\n> Betreff: {subject}\n>\n{> body}\n",
        date: dotted,
        loss: NOTHING,
    },
    Template {
        name: "Outlook on the Mac, English",
        text: "{note}\n\nOn {date}, \"{name}\" <{address}> wrote:\n\n{  body}\n",
        date: slashed,
        loss: SUBJECT,
    },
    Template {
        name: "Outlook on the Mac, German",
        text: "{note}\n\nAm {date} schrieb \"{name}\" <{address}>:\n\n{  body}\n",
        date: dotted_short,
        loss: SUBJECT,
    },
    Template {
        name: "GMX, an introduction above the quoted mail",
        text: "{note}\n\n{name} <{address}> hat am {date} geschrieben:\n\n{> body}\n",
        date: dotted,
        loss: SUBJECT,
    },
    Template {
        name: "Outlook's HTML, every line a paragraph",
        text: "{note}\n\n\nVon: {name} <{address}>\n\nGesendet: {date}\n\nAn: {to}\n\nBetreff: {subject}\n\n\n\n{body}\n",
        date: german,
        loss: BLANKS,
    },
];

const DAYS: [[&str; 7]; 4] = [
    ["Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"],
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
    ["måndag", "tisdag", "onsdag", "torsdag", "fredag", "lördag", "söndag"],
    ["lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"],
];

const MONTHS: [[&str; 12]; 4] = [
    ["Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember"],
    ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"],
    ["januari", "februari", "mars", "april", "maj", "juni", "juli", "augusti", "september", "oktober", "november", "december"],
    ["janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre", "décembre"],
];

/// Name of the day, day, name of the month, year, hour, minute; in German, English, Swedish or French.
fn parts(at: DateTime, language: usize) -> (&'static str, i8, &'static str, i16, i8, i8) {
    let day = DAYS[language][usize::try_from(at.weekday().to_monday_zero_offset()).unwrap()];
    (day, at.day(), MONTHS[language][usize::try_from(at.month()).unwrap() - 1], at.year(), at.hour(), at.minute())
}

/// `6:02 PM`
fn half_days(at: DateTime, blank: &str) -> String {
    let (hour, half) = (at.hour(), if at.hour() < 12 { "AM" } else { "PM" });
    format!("{}:{:02}{blank}{half}", if hour % 12 == 0 { 12 } else { hour % 12 }, at.minute())
}

fn german(at: DateTime) -> String {
    let (name, day, month, year, hour, minute) = parts(at, 0);
    format!("{name}, {day}. {month} {year} {hour:02}:{minute:02}")
}

fn american(at: DateTime) -> String {
    let (name, day, month, year, ..) = parts(at, 1);
    format!("{name}, {month} {day}, {year} {}", half_days(at, " "))
}

fn swedish(at: DateTime) -> String {
    let (_, day, month, year, hour, minute) = parts(at, 2);
    format!("den {day} {month} {year} {hour:02}:{minute:02}")
}

fn french(at: DateTime) -> String {
    let (name, day, month, year, hour, minute) = parts(at, 3);
    format!("{name} {day} {month} {year} {hour:02}:{minute:02}")
}

fn gmail(at: DateTime) -> String {
    let (name, day, month, year, ..) = parts(at, 1);
    format!("{}, {} {day}, {year} at {}", &name[..3], &month[..3], half_days(at, "\u{202f}"))
}

fn gmail_german(at: DateTime) -> String {
    let (name, day, month, year, hour, minute) = parts(at, 0);
    // Short months have no dot.
    let month = if month.chars().count() < 5 { month.to_owned() } else { month.chars().take(3).chain(['.']).collect() };
    format!("{}., {day}. {month} {year} um {hour:02}:{minute:02} Uhr", &name[..2])
}

fn apple(at: DateTime) -> String {
    let (_, day, month, year, hour, minute) = parts(at, 1);
    format!("{day} {month} {year} at {hour:02}:{minute:02}:00")
}

fn apple_german(at: DateTime) -> String {
    let (_, day, month, year, hour, minute) = parts(at, 0);
    format!("{day}. {month} {year} um {hour:02}:{minute:02}:00")
}

fn rfc(at: DateTime) -> String {
    let (name, day, month, year, hour, minute) = parts(at, 1);
    format!("{}, {day} {} {year} {hour:02}:{minute:02}:00", &name[..3], &month[..3])
}

fn yahoo(at: DateTime) -> String {
    let (name, day, month, year, ..) = parts(at, 1);
    format!("{name}, {month} {day}, {year} at {}", half_days(at, " "))
}

fn dotted(at: DateTime) -> String {
    format!("{:02}.{:02}.{} {:02}:{:02}", at.day(), at.month(), at.year(), at.hour(), at.minute())
}

fn dotted_short(at: DateTime) -> String {
    format!("{:02}.{:02}.{:02}, {:02}:{:02}", at.day(), at.month(), at.year() % 100, at.hour(), at.minute())
}

fn slashed(at: DateTime) -> String {
    format!("{:02}/{:02}/{}, {:02}:{:02}", at.day(), at.month(), at.year(), at.hour(), at.minute())
}

impl Template {
    fn write(&self, mail: &Mail) -> String {
        let body = |before: &str| mail.body.iter().map(|line| format!("{before}{line}")).collect::<Vec<_>>().join("\n");
        let text = self.text.replace("{date}", &(self.date)(mail.date)).replace("{name}", &mail.name).replace("{address}", &mail.address);
        let text = text.replace("{to}", &mail.to).replace("{subject}", &mail.subject).replace("{note}", &mail.note.join("\n"));
        text.replace("{> body}", &body("> ")).replace("{  body}", &body("    ")).replace("{body}", &body(""))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_mail_in_the_layout_of_every_program(mail in mail()) {
        for template in &TEMPLATES {
            let checked = check(&mail, &template.write(&mail), Some(Prefix::Forward), template.loss);
            checked.map_err(|error| TestCaseError::fail(format!("{}: {error}", template.name)))?;
        }
    }
}
