//! A forward as the tests send it.

use super::harness::{MARIA, PETRA};

/// A forward as Outlook makes it, authenticated by the mail host in front: From Petra, inside Maria.
pub struct Forward<'a> {
    pub subject: &'a str,
    pub id: &'a str,
    pub sender: &'a str,
    pub inside: (&'a str, &'a str),
    pub text: &'a str,
    pub attachments: &'a [(&'a str, &'a str)],
}

impl Default for Forward<'_> {
    fn default() -> Self {
        Forward {
            subject: "4711 WG: kanarie-betreff",
            id: "1@acme.example",
            sender: PETRA,
            inside: ("Maria Kanarie", MARIA),
            text: "kanarienvogel-text: ich komme gern.",
            attachments: &[],
        }
    }
}

impl Forward<'_> {
    pub fn mail(&self) -> String {
        let (name, address) = self.inside;
        let body = format!(
            "Bitte ablegen.\n\nVon: {name} <{address}>\nGesendet: Freitag, 20. November 2026 18:02\nAn: Petra Huber <petra@acme.example>\n\
             Betreff: AW: kanarie-betreff\n\n{}\n",
            self.text
        );
        let domain = self.sender.rsplit('@').next().unwrap();
        let head = format!(
            "Authentication-Results: mx.acme.example; spf=pass smtp.mailfrom={domain}; dmarc=pass header.from={domain}\nReceived: from a by b; Mon, 23 Nov 2026 09:30:00 +0100\n\
             From: Somebody <{}>\nTo: import@acme.example\nSubject: {}\nDate: Mon, 23 Nov 2026 09:30:00 +0100\nMessage-ID: <{}>\nMIME-Version: 1.0\n",
            self.sender, self.subject, self.id
        );
        if self.attachments.is_empty() {
            return format!("{head}Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n{body}");
        }
        let mut mail =
            format!("{head}Content-Type: multipart/mixed; boundary=\"b0\"\n\n--b0\nContent-Type: text/plain; charset=utf-8\n\n{body}");
        for (name, content) in self.attachments {
            mail.push_str(&format!(
                "\n--b0\nContent-Type: application/octet-stream\nContent-Disposition: attachment; filename=\"{name}\"\n\n{content}"
            ));
        }
        mail.push_str("\n--b0--\n");
        mail
    }
}
