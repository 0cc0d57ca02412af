//! What people read when filed mail was taken back: that it was, to those who were told of it; the ordinary notice, to those
//! responsible for where it is now. A correction names no word, file or writer of the mail, and not where it went.

use super::{file_lines, shown, written};
use crate::model::address;
use crate::model::id::EntryId;
use crate::model::message::Original;
use crate::model::organisation::{Application, Tenant};
use crate::model::outbound::{MessagePurpose, Notice, ReplyTo};
use crate::model::user::Locale;
use crate::model::verdict::{Audience, Flag};
use crate::notify::texts::say;
use jiff::Timestamp;
use std::collections::HashSet;

/// What became of the mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Withdrawn,
    Moved,
}

/// Tells everybody who was told of the entry that it was taken back, each once. `told`: in the language of the notice.
pub fn corrections(fate: Fate, tenant: &Tenant, application: &Application, filed_at: Timestamp, told: &[(String, Locale)]) -> Vec<Notice> {
    let mut seen = HashSet::new();
    let once = told.iter().filter(|(to, _)| seen.insert(address::key(to)));
    once.map(|(to, locale)| correction(fate, tenant, application, filed_at, to, *locale)).collect()
}

fn correction(fate: Fate, tenant: &Tenant, application: &Application, filed_at: Timestamp, to: &str, locale: Locale) -> Notice {
    let candidate = application.candidate.name.as_str();
    let what = match fate {
        Fate::Withdrawn => "correction-withdrawn",
        Fate::Moved => "correction-moved",
    };
    let lines = [
        say(locale, what, &[("date", &shown(filed_at, tenant, locale))]),
        String::new(),
        about(application, locale),
        String::new(),
        say(locale, "correction-disregard", &[]),
        String::new(),
        "-- ".to_owned(),
        say(locale, "correction-why", &[]),
    ];
    Notice {
        purpose: MessagePurpose::Correction,
        to: to.to_owned(),
        locale,
        subject: say(locale, "correction-subject", &[("candidate", candidate), ("reference", &application.reference)]),
        text: lines.join("\n"),
        reply_to: reply_to(tenant),
    }
}

fn about(application: &Application, locale: Locale) -> String {
    let values = [
        ("reference", application.reference.as_str()),
        ("candidate", application.candidate.name.as_str()),
        ("job", application.job_title.as_str()),
    ];
    say(locale, "notice-application", &values)
}

fn reply_to(tenant: &Tenant) -> ReplyTo {
    tenant.fallback_address.clone().map_or(ReplyTo::Nobody, ReplyTo::Address)
}

/// A mail in its new place, as its entry tells of it.
#[derive(Clone, Copy, Debug)]
pub struct Moved<'a> {
    pub tenant: &'a Tenant,
    /// Where it is now.
    pub application: &'a Application,
    pub original: Option<&'a Original>,
    /// Name and address.
    pub forwarder: Option<(&'a str, &'a str)>,
    pub flags: &'a [Flag],
    /// Names and kinds.
    pub files: &'a [(&'a str, &'a str)],
    /// When the mail was first filed.
    pub imported_at: Timestamp,
    pub moved_at: Timestamp,
    /// The id that the new history entry will have, for links.
    pub entry: EntryId,
    /// `https://…` without a slash at its end.
    pub portal_url: Option<&'a str>,
}

/// The ordinary notices about a mail that was moved, with a line that says so. S1.24–S1.27, S1.E17.
pub fn of_moved(moved: Moved<'_>, audience: &Audience) -> Vec<Notice> {
    let tenant = moved.tenant;
    if audience.is_nobody() {
        let fallback = tenant.fallback_address.as_deref();
        return fallback.map(|to| notice(moved, to, tenant.locale, "notice-why-fallback")).into_iter().collect();
    }
    let forwarder = moved.forwarder.map(|(_, address)| address::key(address));
    let wanted = audience.told().filter(|user| tenant.notify_forwarder || Some(address::key(&user.email)) != forwarder);
    wanted.map(|user| notice(moved, &user.email, user.locale, "notice-why")).collect()
}

fn notice(moved: Moved<'_>, to: &str, locale: Locale, why: &str) -> Notice {
    let (tenant, application) = (moved.tenant, moved.application);
    let candidate = application.candidate.name.as_str();
    let mut lines = match moved.original.map(|original| original.from.label()).filter(|label| !label.is_empty()) {
        Some(writer) => vec![say(locale, "notice-wrote", &[("writer", writer)])],
        None => vec![say(locale, "notice-wrote-unnamed", &[("candidate", candidate)])],
    };
    lines.extend([String::new(), about(application, locale)]);
    if let Some(date) = moved.original.and_then(|original| original.date.as_deref()).and_then(|date| written(date, tenant, locale)) {
        lines.push(say(locale, "notice-written", &[("date", &date)]));
    }
    let imported = shown(moved.imported_at, tenant, locale);
    lines.extend(match moved.forwarder {
        Some((name, _)) => Some(say(locale, "notice-forwarded", &[("forwarder", name), ("date", &imported)])),
        None if moved.flags.contains(&Flag::Direct) => Some(say(locale, "notice-direct", &[("date", &imported)])),
        None => None,
    });
    lines.push(say(locale, "notice-moved", &[("date", &shown(moved.moved_at, tenant, locale))]));
    lines.extend(file_lines(locale, moved.files));
    if moved.flags.contains(&Flag::Closed) {
        lines.extend([String::new(), say(locale, "notice-closed", &[])]);
    }
    if let Some(portal) = moved.portal_url {
        lines.extend([String::new(), say(locale, "notice-open", &[]), format!("{portal}/e/{}", moved.entry)]);
    }
    lines.extend([String::new(), "-- ".to_owned(), say(locale, why, &[])]);
    Notice {
        purpose: MessagePurpose::ReplyImported,
        to: to.to_owned(),
        locale,
        subject: say(locale, "notice-subject", &[("candidate", candidate), ("reference", &application.reference)]),
        text: lines.join("\n"),
        reply_to: reply_to(tenant),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::address::Mailbox;
    use crate::model::examples;
    use crate::model::organisation::Candidate;
    use crate::model::user::{Role, User};

    fn application() -> Application {
        examples::application("4711", Candidate { id: "C1".into(), name: "Maria Müller".into() })
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// Each person once, in the language of the notice.
    #[test]
    fn everybody_once() {
        let told = [("petra@acme.example", Locale::De), ("Petra@acme.example", Locale::De), ("max@acme.example", Locale::En)];
        let told: Vec<_> = told.map(|(to, locale)| (to.to_owned(), locale)).into();
        let notices = corrections(Fate::Withdrawn, &examples::tenant(), &application(), at("2026-11-22T08:30:00Z"), &told);
        let to: Vec<_> = notices.iter().map(|notice| (notice.to.as_str(), notice.purpose)).collect();
        assert_eq!(to, [("petra@acme.example", MessagePurpose::Correction), ("max@acme.example", MessagePurpose::Correction)]);
        assert_eq!(notices[0].subject, "Zurückgenommen: Neue Antwort von Maria Müller (4711)");
        assert_eq!(
            notices[0].text,
            "Die Nachricht, die am 22.11.2026, 09:30 zu dieser Bewerbung abgelegt wurde, ist zurückgenommen.\n\n\
             Bewerbung: 4711, Maria Müller, Entwickler (m/w/d)\n\n\
             Bitte beachte sie nicht weiter. Wenn du ihren Text oder ihre Dateien gespeichert, gedruckt oder weitergegeben hast, lösch oder vernichte sie bitte.\n\n\
             -- \nDu bekommst diese E-Mail, weil dir diese Nachricht gemeldet wurde."
        );
        assert!(notices[1].text.contains("22 Nov 2026, 09:30") && notices[1].text.contains("has been withdrawn"), "{}", notices[1].text);
        let moved = corrections(Fate::Moved, &examples::tenant(), &application(), at("2026-11-22T08:30:00Z"), &told);
        assert!(moved[0].text.contains("gehört nicht zu ihr"), "{}", moved[0].text);
        assert!(corrections(Fate::Moved, &examples::tenant(), &application(), Timestamp::UNIX_EPOCH, &[]).is_empty());
    }

    #[test]
    fn notices_of_a_moved_mail() {
        let tenant = Tenant { fallback_address: Some("hr@acme.example".into()), ..examples::tenant() };
        let application = application();
        let original = Original {
            from: Mailbox::new(Some("Maria Müller"), Some("maria@example.net")),
            subject: "Geheimnis".into(),
            body: "secret".into(),
            date: Some("2026-11-20T17:02:11Z".into()),
            ..Original::default()
        };
        let moved = Moved {
            tenant: &tenant,
            application: &application,
            original: Some(&original),
            forwarder: Some(("Petra", "petra@acme.example")),
            flags: &[Flag::Assigned],
            files: &[("Anschreiben.pdf", "cover_letter")],
            imported_at: at("2026-11-22T08:30:00Z"),
            moved_at: at("2026-11-23T08:30:00Z"),
            entry: "01JDF7Q3000000000000000000".parse().unwrap(),
            portal_url: Some("https://portal.acme.example"),
        };
        let petra = User { locale: Locale::De, ..examples::user("petra@acme.example", Role::HrManager) };
        let max = User { locale: Locale::En, ..examples::user("max@acme.example", Role::Department) };
        let audience = Audience { responsible: vec![petra, max], ..Audience::default() };
        let notices = of_moved(moved, &audience);
        assert_eq!(
            notices[0].text,
            "Maria Müller hat geantwortet.\n\nBewerbung: 4711, Maria Müller, Entwickler (m/w/d)\nGeschrieben: 20.11.2026, 18:02\n\
             Weitergeleitet: von Petra, 22.11.2026, 09:30\nHierher verschoben: von Hand, 23.11.2026, 09:30\nDateien:\n  \
             Anschreiben.pdf (Anschreiben)\n\nNachricht öffnen:\nhttps://portal.acme.example/e/01JDF7Q3000000000000000000\n\n-- \n\
             Du bekommst diese E-Mail, weil du für diese Bewerbung zuständig bist."
        );
        assert!(notices.iter().all(|notice| !notice.text.contains("secret") && !notice.text.contains("Geheimnis")));
        let to = |moved, audience| of_moved(moved, audience).into_iter().map(|notice| notice.to).collect::<Vec<_>>();
        assert_eq!(to(moved, &audience), ["petra@acme.example", "max@acme.example"]);
        let quiet = Tenant { notify_forwarder: false, ..tenant.clone() };
        assert_eq!(to(Moved { tenant: &quiet, ..moved }, &audience), ["max@acme.example"]);
        assert_eq!(to(moved, &Audience::default()), ["hr@acme.example"]);
        let closed = of_moved(Moved { flags: &[Flag::Closed], ..moved }, &audience).remove(1);
        assert!(closed.text.contains("is closed already"), "{}", closed.text);
    }
}
