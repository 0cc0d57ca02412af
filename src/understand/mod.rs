//! Turns raw bytes into a Message. Never fails, does no I/O, knows no protocol, reads no clock.

mod answer;
mod archive;
mod automatic;
mod calendar;
mod charsets;
mod containers;
mod content;
mod dates;
mod decode;
mod encoded_words;
mod encrypted;
mod field;
mod forward;
mod html;
mod images;
mod kinds;
mod mime;
mod names;
mod parameters;
mod parts;
mod renderings;
mod role;
mod subject;
mod words;

use crate::model::address::Mailbox;
use crate::model::arrival::{Envelope, Purpose};
use crate::model::file_name::FilenameRule;
use crate::model::header::{self, Header};
use crate::model::message::{Attachment, Defect, Folds, How, Kind, Message, Original, PartRole};
use crate::model::organisation::Rules;
use crate::model::part::PartReason;
use crate::model::rendering::Rendering;
use forward::people;
use mime::{Contents, Tree};
use parts::View;
use std::borrow::Cow;
use std::collections::HashSet;
use subject::Subject;
use words::Languages;

/// More mails inside one mail than anybody forwards at once; further ones stay files.
const MOST_ORIGINALS: usize = 100;
/// All bodies of the mails inside one mail, in bytes. Those of a chain lie one in the other, so their sum may be many times the text.
const LONGEST_BODIES: usize = 4 * parts::LONGEST_TEXT;

/// Reads a mail. `envelope` is what the door knows; without one the Return-Path field speaks for the envelope sender.
pub fn read(envelope: Option<&Envelope>, raw: &[u8], rules: &Rules) -> (Message, Vec<Defect>) {
    read_all(envelope, raw, rules, None)
}

/// The same, and the HTML of the mail and of those attached, for whoever shows it: no record keeps it, the raw mail does.
pub fn read_with_renderings(raw: &[u8], rules: &Rules) -> (Message, Vec<Defect>, Vec<Rendering>) {
    let mut renderings = Vec::new();
    let (message, defects) = read_all(None, raw, rules, Some(&mut renderings));
    (message, defects, renderings)
}

fn read_all(envelope: Option<&Envelope>, raw: &[u8], rules: &Rules, renderings: Option<&mut Vec<Rendering>>) -> (Message, Vec<Defect>) {
    let (lines, contents) = (header::with_line_feeds(raw), Contents::default());
    // What came by a door is a mail, whatever it begins with; nobody has vouched for the sender in a file.
    let bare = if envelope.is_none() && renderings.is_none() { containers::bare(raw, &contents) } else { None };
    let mut tree = bare.unwrap_or_else(|| Tree::read(&lines));
    tree.is_rewritten = matches!(lines, Cow::Owned(_));
    containers::open(&mut tree, raw.len(), &contents);
    let Some(root) = tree.parts.first() else { return (Message::default(), Vec::new()) };
    let view = View::of(&tree, 0);
    let head = Head::of(&root.header);
    let subject = subject::read(&head.subject, rules);
    let mut reader = Reader { rules, message: Message::default(), defects: tree.defects.clone(), bodies: 0, renderings };
    reader.rendering(&tree, &view, 0);
    reader.defects.extend(view.defects.iter().cloned());
    reader.defects.extend(head.defects);
    reader.defects.extend(mime::between::defects(&tree));
    reader.message.encrypted = view.is_encrypted;
    reader.message.text.clone_from(&view.text);
    reader.message.automatic = match subject.reference {
        // A typed number is a person's work, but for the number that an answer repeats from the subject of our own message.
        Some(_) if !envelope.is_some_and(Envelope::is_answer) => None,
        _ => automatic::classify(&tree, null_sender(envelope, &root.header), rules),
    };
    reader.message.report = automatic::delivery_report(&tree);
    reader.inline_forward(&view.text, &subject);
    if envelope.is_some_and(|envelope| matches!(envelope.purpose, Purpose::ReceiptAnswer { .. })) {
        reader.answer(&view.text);
    }
    reader.attachments(&tree, &view);
    reader.kinds();
    let body = &raw[root.header.body.min(raw.len())..];
    reader.message.content_sha256 = content::relaxed_sha256(&root.header, body);
    reader.message.exact_sha256 = content::exact_sha256(&root.header, body);
    let message = Message {
        reference: subject.reference,
        near_reference: subject.near,
        subject: subject.rest,
        prefix: subject.prefix,
        from: head.from,
        date: head.date,
        message_id: head.message_id,
        renderings_differ: reader.defects.iter().any(|defect| matches!(defect, Defect::RenderingsDiffer(_))),
        ..reader.message
    };
    (message, reader.defects)
}

/// What the header section of a mail says of it.
struct Head {
    subject: String,
    from: Option<Mailbox>,
    /// The From fields together name more than one address.
    sender_is_unclear: bool,
    date: Option<String>,
    date_text: Option<String>,
    message_id: Option<String>,
    defects: Vec<Defect>,
}

impl Head {
    fn of(header: &Header<'_>) -> Head {
        let mut defects = Vec::new();
        let mut is_mended = false;
        let mut mend = |text: String| {
            let undone = charsets::mojibake::undone(&text);
            is_mended |= undone.is_some();
            undone.unwrap_or(text)
        };
        let from = header.all("From").flat_map(|from| field::mailboxes(from.value)).find(|from| from.address.is_some());
        let from = from.or_else(|| {
            let reply_to = header.all("Reply-To").flat_map(|to| field::mailboxes(to.value)).find(|to| to.address.is_some());
            if reply_to.is_some() {
                defects.push(Defect::FromFromReplyTo);
            }
            reply_to
        });
        // A sender without an address still has a name.
        let from = from.or_else(|| header.all("From").flat_map(|from| field::mailboxes(from.value)).next());
        let date_text = header.text("Date").filter(|text| !text.is_empty());
        let date =
            header.first("Date").and_then(field::date).or_else(|| date_text.as_deref().and_then(|text| dates::read(text, Languages::ALL)));
        if date.is_none() && date_text.is_some() {
            defects.push(Defect::BadDate);
        }
        let subject = mend(header.first("Subject").map(field::text).unwrap_or_default());
        let from = from.map(|from| Mailbox { name: from.name.map(&mut mend), ..from });
        if is_mended {
            defects.push(Defect::WrongReadingOfField);
        }
        let sender_is_unclear = is_sender_unclear(header);
        Head { subject, from, sender_is_unclear, date, date_text, message_id: header.first("Message-ID").and_then(field::id), defects }
    }
}

/// RFC 5322 §3.6.2 allows several authors; then nobody can say who of them is the candidate. A display name that is another
/// address is no better (G6), nor is a field too long to be read to its end.
fn is_sender_unclear(header: &Header<'_>) -> bool {
    let mut addresses = HashSet::new();
    for from in header.all("From") {
        if from.value.len() > field::LONGEST_VALUE {
            return true;
        }
        addresses.extend(field::mailboxes(from.value).iter().filter_map(Mailbox::key));
        addresses.extend(people::addresses(&field::text(from.value)));
    }
    addresses.len() > 1
}

struct Reader<'r> {
    rules: &'r Rules,
    message: Message,
    defects: Vec<Defect>,
    /// Bytes in the bodies of the originals so far.
    bodies: usize,
    /// Where the HTML goes, if somebody wants it.
    renderings: Option<&'r mut Vec<Rendering>>,
}

impl Reader<'_> {
    /// The HTML of the `of`-th mail, if it has any.
    fn rendering(&mut self, tree: &Tree<'_>, view: &View, of: usize) {
        if let Some(renderings) = &mut self.renderings {
            renderings.extend(view.rendering(tree, of));
        }
    }

    /// The forward that stands in the text of the mail itself.
    fn inline_forward(&mut self, text: &str, subject: &Subject) {
        if self.message.automatic.is_some() {
            return;
        }
        match forward::read(text, subject.prefix, self.rules) {
            Some(mut found) => {
                if let Some(outermost) = found.chain.first_mut().filter(|outermost| outermost.subject.is_empty()) {
                    // Where the forward does not name it, the forward's own subject is the nearest.
                    subject::behind_prefix(&subject.rest).clone_into(&mut outermost.subject);
                }
                self.message.note = found.note;
                self.push_originals(found.chain);
            }
            None => self.message.folds = forward::folds(text),
        }
    }

    /// What an answer to a receipt says; `text` is that of the mail itself.
    fn answer(&mut self, text: &str) {
        let message = &self.message;
        self.message.first_line = match message.original {
            Some(_) => answer::read(&message.note, &forward::folds(&message.note), self.rules),
            None => answer::read(text, &message.folds, self.rules),
        };
    }

    fn push_originals(&mut self, originals: impl IntoIterator<Item = Original>) {
        for mut original in originals {
            self.bodies += original.body.len();
            if self.bodies > LONGEST_BODIES {
                self.defects.push(Defect::TextCut(LONGEST_BODIES));
                original.body = String::new();
            }
            original.folds = forward::folds(&original.body);
            if original.sender_is_unclear && !self.defects.contains(&Defect::UnclearSender) {
                self.defects.push(Defect::UnclearSender);
            }
            match self.message.original {
                None => self.message.original = Some(original),
                Some(_) => self.message.enclosed.push(original),
            }
        }
    }

    fn originals(&self) -> usize {
        usize::from(self.message.original.is_some()) + self.message.enclosed.len()
    }

    /// The leaves of the mail itself, and the mails among them.
    fn attachments(&mut self, tree: &Tree<'_>, view: &View) {
        let is_report = tree.parts[0].media() == "multipart/report";
        let had_inline = self.message.original.is_some();
        for &leaf in &view.leaves {
            // Beside a forward in the text, a mail with a file name is a file that the forwarded mail had.
            let is_file = had_inline && tree.parts[leaf].name().is_some();
            let is_mail = view.messages.contains(&leaf) && !is_file && self.originals() < MOST_ORIGINALS;
            let is_open = is_mail && !is_report && self.open(tree, leaf, 0);
            let mut attachment = view.attachment(tree, leaf, 0);
            if is_open {
                attachment.unpacked();
            } else if is_mail && is_report {
                attachment.role = PartRole::Skipped;
                attachment.reason = Some(PartReason::PartOfReport);
            }
            self.push_attachment(leaf, attachment);
        }
        self.message.unshown.extend(view.unshown(tree, 0));
        // Attached mails are listed behind the part that held them; the order of the mail is by place, not by depth.
        self.message.attachments.sort_by_key(|attachment| attachment.of);
        if !had_inline && self.message.original.is_some() {
            view.text.trim().clone_into(&mut self.message.note);
        }
    }

    /// S1.22: what each file is, by its name.
    fn kinds(&mut self) {
        let judge = kinds::Judge::new(&self.rules.file_names);
        let mut judged = 0;
        for attachment in &mut self.message.attachments {
            let Some(name) = &attachment.name else { continue };
            judged += name.len();
            attachment.kind = if judged <= kinds::LONGEST_NAMES { judge.kind(name) } else { Kind::Other };
        }
    }

    /// Opens the mail in the part `index`; false if there is nothing in it to open.
    fn open(&mut self, tree: &Tree<'_>, index: usize, level: u32) -> bool {
        let Some(root) = tree.children(index).next() else { return false };
        let header = &tree.parts[root].header;
        if header.fields.is_empty() {
            return false;
        }
        let head = Head::of(header);
        let view = View::of(tree, root);
        self.defects.extend(view.defects.iter().chain(&head.defects).cloned());
        self.message.encrypted |= view.is_encrypted;
        let people = |name: &str| header.all(name).flat_map(|field| field::mailboxes(field.value)).take(field::MOST_MAILBOXES).collect();
        let inner_subject = subject::read(&head.subject, self.rules);
        self.append_text(&head, &view.text);
        let of = self.originals() + 1;
        self.rendering(tree, &view, of);
        self.push_originals([Original {
            from: head.from.unwrap_or_default(),
            to: people("To"),
            cc: people("Cc"),
            subject: head.subject,
            date: head.date,
            date_text: head.date_text,
            body: view.text.trim_matches('\n').to_owned(),
            folds: Folds::default(),
            how: How::Attached,
            // Reply-To is its writer's to choose, and nobody has checked it.
            sender_is_unclear: head.sender_is_unclear || head.defects.contains(&Defect::FromFromReplyTo),
            level,
        }]);
        // Somebody may have forwarded inline before it was attached.
        if let Some(found) = forward::read(&view.text, inner_subject.prefix, self.rules) {
            self.push_originals(found.chain.into_iter().map(|one| Original { level: level + 1 + one.level, ..one }));
        }
        for &leaf in &view.leaves {
            let nameless = tree.parts[leaf].name().is_none();
            // A mail with a file name inside an original is that original's file; one without is a further forward.
            let is_mail = view.messages.contains(&leaf) && nameless && self.originals() < MOST_ORIGINALS;
            let is_open = is_mail && self.open(tree, leaf, level + 1);
            let mut attachment = view.attachment(tree, leaf, of);
            if is_open {
                attachment.unpacked();
            }
            self.push_attachment(leaf, attachment);
        }
        self.message.unshown.extend(view.unshown(tree, of));
        true
    }

    fn push_attachment(&mut self, leaf: usize, attachment: Attachment) {
        self.defects.extend(role::disagreement(leaf, &attachment));
        self.message.attachments.push(attachment);
    }

    /// The readable text of an attached mail joins the text of the whole, under a line that says whose it is.
    fn append_text(&mut self, head: &Head, text: &str) {
        if self.message.text.len() + text.len() > parts::LONGEST_TEXT {
            self.defects.push(Defect::TextCut(parts::LONGEST_TEXT));
            return;
        }
        let lines = [head.from.as_ref().map(Mailbox::label), head.date_text.as_deref(), Some(head.subject.as_str())];
        let heading: Vec<&str> = lines.into_iter().flatten().filter(|line| !line.is_empty()).collect();
        let whole = &mut self.message.text;
        if !whole.is_empty() {
            whole.push_str("\n\n");
        }
        whole.push_str(&heading.join("\n"));
        whole.push_str("\n\n");
        whole.push_str(text.trim_matches('\n'));
    }
}

/// The decoded bytes of a stretch of a raw mail, as a document shows them.
pub fn decoded(bytes: &[u8], encoding: crate::model::message::Encoding) -> Vec<u8> {
    decode::transfer(bytes, encoding).0.into_owned()
}

/// A field's value as people read it: decoded, unfolded, mended where the intake mends it.
pub fn field_text(value: &[u8]) -> String {
    let text = field::text(value);
    charsets::mojibake::undone(&text).unwrap_or(text)
}

/// The word of a file's name that would tell its kind, if the tenant had a rule for it; none of those people's names.
pub fn telling_word(name: &str, own: &[FilenameRule], people: &[&str]) -> Option<String> {
    kinds::Judge::new(own).telling_word(name, people)
}

fn null_sender(envelope: Option<&Envelope>, header: &Header<'_>) -> bool {
    match envelope {
        Some(envelope) => envelope.from.is_none(),
        None => header.text("Return-Path").is_some_and(|path| path == "<>"),
    }
}

#[cfg(test)]
mod accounted {
    mod tests;
}
#[cfg(test)]
mod corpus {
    mod tests;
}
#[cfg(test)]
mod damaged {
    mod tests;
}
#[cfg(test)]
mod tests;
