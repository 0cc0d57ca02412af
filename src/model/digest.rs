//! Hashes as they are written down: SHA-256 in lower-case hex.

use sha2::{Digest, Sha256};

/// The SHA-256 of the bytes.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// A hash that was made piece by piece.
pub fn finished(hash: Sha256) -> String {
    hex(&hash.finalize())
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]).map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_nothing() {
        let nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!((sha256(b"").as_str(), finished(Sha256::new()).as_str()), (nothing, nothing));
    }
}
