//! Layouts built from the tables: any name of any field in any language, in any order, between any dashes.

use super::*;
use serde::Deserialize;

/// A language as `words.toml` has it; the reader's own form of it no longer says which separator is whose.
#[derive(Clone, Debug, Deserialize)]
struct Language {
    forward: Vec<String>,
    either: Vec<String>,
    from: Vec<String>,
    date: Vec<String>,
    to: Vec<String>,
    subject: Vec<String>,
    other: Vec<String>,
    months: Vec<String>,
}

#[derive(Deserialize)]
struct Tables {
    language: Vec<Language>,
}

static LANGUAGES: LazyLock<Vec<Language>> = LazyLock::new(|| toml::from_str::<Tables>(include_str!("../../words.toml")).unwrap().language);

/// What a mail program does with the text, apart from its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Plain,
    /// The whole forward.
    Quoted,
    BodyQuoted,
    /// An empty line behind each line.
    Doubled,
    /// The subject comes last, and the body right behind it.
    NoEmptyLine,
}

#[derive(Clone, Debug)]
struct Layout {
    language: &'static Language,
    /// None: the header block stands alone.
    separator: Option<(Separator, String)>,
    names: Vec<String>,
    /// The order of from, date, to, subject and another field, by where each goes.
    order: Vec<usize>,
    shape: Shape,
    /// Around a field's name: before, and behind it with the colon.
    around: (&'static str, &'static str),
    person: &'static str,
    date: &'static str,
    month: Index,
    line_end: &'static str,
}

fn capital(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn separators(language: &'static Language) -> impl Strategy<Value = Option<(Separator, String)>> {
    let kinds = [(Separator::Forward, &language.forward), (Separator::Either, &language.either)];
    let all = kinds.into_iter().flat_map(|(kind, words)| words.iter().map(move |words| (kind, capital(words))));
    // Those that go on with a person's name stand between dashes alone; the corpus has them.
    let all = all.filter(|(_, words)| !words.ends_with('…')).collect::<Vec<_>>();
    let dashes = select(vec![
        ("---------- ", " ---------"),
        ("-----", "-----"),
        ("-------- ", " --------"),
        ("", ":"),
        ("*", ":*"),
        ("_____ ", " _____"),
    ]);
    proptest::option::of((select(all), dashes).prop_map(|((kind, words), (before, behind))| (kind, format!("{before}{words}{behind}"))))
}

fn layout() -> impl Strategy<Value = Layout> {
    select((0..LANGUAGES.len()).collect::<Vec<_>>()).prop_flat_map(|at| {
        let language = &LANGUAGES[at];
        let fields = [&language.from, &language.date, &language.to, &language.subject, &language.other];
        let names = fields.map(|names| select(names.iter().map(|name| capital(name)).collect::<Vec<_>>()));
        let looks = (
            select(vec![Shape::Plain, Shape::Plain, Shape::Quoted, Shape::BodyQuoted, Shape::Doubled, Shape::NoEmptyLine]),
            select(vec![("", ": "), ("", " : "), ("", ":\t"), ("*", ":* "), ("", ":\u{a0}"), ("", "： ")]),
            select(vec!["{n} <{a}>", "\"{n}\" <{a}>", "{n} [mailto:{a}]", "{n} <{a}<mailto:{a}>>", "{n} ({a})", "'{n}' <{a}>"]),
            select(vec![
                "{d}. {M} {y} {h}:{m}",
                "{M} {d}, {y} {h}:{m}",
                "{d} {M} {y}, {h}:{m}:00",
                "{d}.{0}.{y} {h}:{m}",
                "{y}-{0}-{d} {h}:{m}",
            ]),
            select(vec!["\n", "\r\n"]),
        );
        let order = Just((0..5).collect::<Vec<usize>>()).prop_shuffle();
        (separators(language), names, order, looks, any::<Index>()).prop_map(move |(separator, names, order, looks, month)| {
            let (shape, around, person, date, line_end) = looks;
            Layout { language, separator, names: names.into(), order, shape, around, person, date, month, line_end }
        })
    })
}

impl Layout {
    fn date(&self, mail: &Mail) -> String {
        let date = mail.date;
        let names: Vec<&str> = self.language.months[usize::try_from(date.month()).unwrap() - 1].split(' ').collect();
        let month = names[self.month.index(names.len())];
        let text =
            self.date.replace("{M}", month).replace("{0}", &format!("{:02}", date.month())).replace("{d}", &format!("{:02}", date.day()));
        text.replace("{y}", &date.year().to_string())
            .replace("{h}", &format!("{:02}", date.hour()))
            .replace("{m}", &format!("{:02}", date.minute()))
    }

    /// The lines of the header block.
    fn block(&self, mail: &Mail) -> Vec<String> {
        let person = self.person.replace("{n}", &mail.name).replace("{a}", &mail.address);
        let values = [person, self.date(mail), mail.to.clone(), mail.subject.clone(), "x@acme.example".to_owned()];
        let mut order = self.order.clone();
        if self.shape == Shape::NoEmptyLine {
            order.retain(|field| *field != 3);
            order.push(3);
        }
        order.iter().map(|&field| format!("{}{}{}{}", self.around.0, self.names[field], self.around.1, values[field])).collect()
    }

    fn write(&self, mail: &Mail) -> String {
        let is_quoted = |body: bool| self.shape == Shape::Quoted || body && self.shape == Shape::BodyQuoted;
        let mut forward: Vec<(bool, String)> = Vec::new();
        if let Some((_, separator)) = &self.separator {
            forward.push((false, separator.clone()));
        }
        forward.extend(self.block(mail).into_iter().map(|line| (false, line)));
        if self.shape != Shape::NoEmptyLine {
            forward.push((false, String::new()));
        }
        forward.extend(mail.body.iter().map(|line| (true, line.clone())));
        let quoted = forward.into_iter().map(|(body, line)| if is_quoted(body) { format!("> {line}") } else { line });
        let mut lines = mail.note.clone();
        lines.push(String::new());
        lines.extend(quoted);
        let end = if self.shape == Shape::Doubled { self.line_end.repeat(2) } else { self.line_end.to_owned() };
        lines.join(&end)
    }

    /// A block alone, and an `Original Message`, are a forward's only under a forward's subject; what an answer quotes may be
    /// anybody's words.
    fn prefixes(&self) -> Vec<Option<Prefix>> {
        match self.separator {
            _ if self.shape == Shape::Quoted => vec![Some(Prefix::Forward), None],
            Some((Separator::Forward, _)) => vec![Some(Prefix::Forward), None, Some(Prefix::Reply)],
            _ => vec![Some(Prefix::Forward), None],
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn any_mail_in_any_layout_of_the_tables(mail in mail(), layout in layout()) {
        let text = layout.write(&mail);
        for prefix in layout.prefixes() {
            check(&mail, &text, prefix, Loss { blanks: layout.shape == Shape::Doubled, ..Loss::default() })?;
        }
    }
}
