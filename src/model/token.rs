//! Tokens: the details of import addresses that we give out (`import+TOKEN@`).

use jiff::Timestamp;

/// The field of a mail to ourselves that bears its token. It stays where an address loses its detail.
pub const CANARY_FIELD: &str = "X-Rohrpost-Canary";

/// A new token: 80 random bits in base32, small letters and digits that survive any mail host. Not for the pure steps.
pub fn generate() -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let bits: [u8; 16] = rand::random();
    bits.iter().map(|byte| char::from(ALPHABET[usize::from(byte & 31)])).collect()
}

/// A token by which a candidate may write to one application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyToken {
    pub token: String,
    /// The application's number.
    pub reference: String,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub revoked_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    #[test]
    fn tokens_survive_mail_hosts() {
        let (one, other) = (super::generate(), super::generate());
        assert_ne!(one, other);
        assert!(one.len() == 16 && one.bytes().all(|b| b.is_ascii_lowercase() || (b'2'..=b'7').contains(&b)), "{one}");
    }
}
