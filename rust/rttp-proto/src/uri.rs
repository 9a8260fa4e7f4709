//! `rttp://intent.pillar.root[/action]` addresses and their route shards (`RTTP-5`).

use sha2::{Digest, Sha256};

const SCHEME: &str = "rttp://";
/// Longest label, as in DNS.
pub const MAX_LABEL: usize = 63;
/// Longest action: the field in `pulse128` has 16 bytes.
pub const MAX_ACTION: usize = 16;

/// A checked address. The text it was parsed from is its canonical form: nothing is folded or unescaped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Address<'a> {
    /// The three labels with their dots.
    pub authority: &'a str,
    /// Outermost meaning: the first label.
    pub intent: &'a str,
    /// The second label.
    pub pillar: &'a str,
    /// The third label.
    pub root: &'a str,
    /// What to do there.
    pub action: Option<&'a str>,
}

/// Why a text is not an address, and where.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BadAddress {
    /// Byte offset into the text.
    pub offset: usize,
    /// What was expected there.
    pub expected: &'static str,
}

impl core::fmt::Display for BadAddress {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "at character {}: expected {}", self.offset, self.expected)
    }
}

impl core::error::Error for BadAddress {}

impl<'a> Address<'a> {
    /// Checks an address (`RTTP-5.1`): exactly three labels `[a-z0-9-]+`, no port, query, fragment, user or escapes.
    ///
    /// # Errors
    /// The offset of the first character that does not fit and what would have.
    pub fn parse(text: &'a str) -> Result<Address<'a>, BadAddress> {
        let bad = |offset, expected| Err(BadAddress { offset, expected });
        let Some(rest) = text.strip_prefix(SCHEME) else {
            return bad(0, "the scheme `rttp://`");
        };
        let (authority, action) = match rest.split_once('/') {
            Some((authority, action)) => (authority, Some(action)),
            None => (rest, None),
        };
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if let Some(i) = authority.bytes().position(|b| !allowed(b) && b != b'.') {
            return bad(SCHEME.len() + i, "a character of `[a-z0-9-]` or a dot");
        }
        let mut labels = authority.split('.');
        let (Some(intent), Some(pillar), Some(root), None) =
            (labels.next(), labels.next(), labels.next(), labels.next())
        else {
            return bad(SCHEME.len(), "exactly three labels, `intent.pillar.root`");
        };
        let mut at = SCHEME.len();
        for label in [intent, pillar, root] {
            if label.is_empty() {
                return bad(at, "a label of at least one character");
            }
            if label.len() > MAX_LABEL {
                return bad(at + MAX_LABEL, "a label of at most 63 characters");
            }
            // As in DNS, and as the published conformance vectors have it.
            if label.starts_with('-') || label.ends_with('-') {
                let i = if label.starts_with('-') { 0 } else { label.len() - 1 };
                return bad(at + i, "a label with no `-` at either end");
            }
            at += label.len() + 1;
        }
        if let Some(action) = action {
            if action.is_empty() {
                return bad(at, "an action after the slash");
            }
            if let Some(i) = action.bytes().position(|b| !allowed(b)) {
                return bad(at + i, "an action of characters `[a-z0-9-]`");
            }
            if action.len() > MAX_ACTION {
                return bad(at + MAX_ACTION, "an action of at most 16 characters");
            }
            if !is_action(action.as_bytes()) {
                let i = if action.starts_with('-') { 0 } else { action.len() - 1 };
                return bad(at + i, "an action with no `-` at either end");
            }
        }
        Ok(Address { authority, intent, pillar, root, action })
    }

    /// First 16 bytes of SHA-256 of the authority: where `pulse128` routes it (`RTTP-5.2`).
    #[must_use]
    pub fn route_shard(&self) -> [u8; 16] {
        let digest: [u8; 32] = Sha256::digest(self.authority.as_bytes()).into();
        let mut shard = [0; 16];
        shard.copy_from_slice(&digest[..16]);
        shard
    }
}

/// `[a-z0-9-]{1,16}` with no `-` at either end.
#[must_use]
pub fn is_action(bytes: &[u8]) -> bool {
    let allowed = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-';
    (1..=MAX_ACTION).contains(&bytes.len())
        && bytes.iter().all(allowed)
        && bytes.first() != Some(&b'-')
        && bytes.last() != Some(&b'-')
}
