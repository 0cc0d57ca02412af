//! Outlook's own forms of a mail: winmail.dat (TNEF) and saved .msg files. They are known by their first bytes, whatever they call
//! themselves.

mod compound;
mod head;
mod mail;
mod meeting;
mod msg;
mod object;
mod rtf;
mod tnef;
mod writer;

#[cfg(test)]
#[path = "../../../../tests/system/outlook_files.rs"]
mod files;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod tests;

use object::Object;

pub use mail::{Opened, TooMuch};

/// So many bytes tell whether it may be one, with whatever line ends an encoding puts before them.
pub const HEAD: usize = 64;

/// Which form it is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// What it holds belongs to the mail that it stands in.
    Tnef,
    /// A mail of its own.
    Msg,
}

/// Whether bytes that begin so may be one of them. Old Word and Excel begin as .msg does.
pub fn form(head: &[u8]) -> Option<Form> {
    if head.starts_with(tnef::SIGNATURE) {
        return Some(Form::Tnef);
    }
    head.starts_with(writer::MAGIC).then_some(Form::Msg)
}

/// Opens one. None: it is something else, or a thing of Outlook's that is no mail. Of a broken one, what could be read; nothing at all
/// if that is nothing. At most `left` bytes come out.
pub fn open(form: Form, bytes: &[u8], left: usize) -> Option<Result<Opened, TooMuch>> {
    let object = read(form, bytes)?;
    Some(match form {
        Form::Tnef => mail::contents(&object, left),
        Form::Msg => mail::mail(&object, left),
    })
}

/// The same as a mail of its own, whichever form it is in.
pub fn open_mail(form: Form, bytes: &[u8], left: usize) -> Option<Opened> {
    mail::mail(&read(form, bytes)?, left).ok()
}

fn read(form: Form, bytes: &[u8]) -> Option<Object<'_>> {
    match form {
        Form::Tnef => tnef::read(bytes),
        Form::Msg => msg::read(bytes).filter(Object::is_mail),
    }
}
