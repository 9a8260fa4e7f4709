//! The counters that a responder hands to the sender that asks for them with CLOSE (`RTTP-6.3`).

use crate::reject::Slug;

/// What one end counted of one peer's pulses.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Datagrams that arrived.
    pub received: u64,
    /// Pulses answered.
    pub answered: u64,
    /// Bytes of the datagrams that arrived (UDP payload).
    pub bytes: u64,
    /// Datagrams the kernel dropped because the receive buffer of the whole socket was full.
    pub buffer_drops: u64,
    /// Refused datagrams by [`Slug::code`]; entry 0 stays zero.
    pub rejects: [u64; Slug::TABLE],
}

/// Layout version of the payload.
const REVISION: u64 = 1;
const WORDS: usize = 6;

impl Tally {
    /// Length of the payload in bytes: six words, then one word for each slug.
    pub const LENGTH: usize = 8 * (WORDS + Slug::TABLE - 1);

    /// Refused datagrams of all slugs.
    #[must_use]
    pub fn rejected(&self) -> u64 {
        self.rejects.iter().sum()
    }

    /// Writes the payload: revision, received, answered, bytes, buffer drops, number of slugs, then a word per slug.
    pub fn emit(&self, out: &mut [u8; Tally::LENGTH]) {
        let head = [REVISION, self.received, self.answered, self.bytes, self.buffer_drops, Slug::ALL.len() as u64];
        let words = head.into_iter().chain(self.rejects.into_iter().skip(1));
        for (target, word) in out.as_chunks_mut::<8>().0.iter_mut().zip(words) {
            *target = word.to_be_bytes();
        }
    }

    /// Reads a payload; slugs that this build does not know are left out, trailing bytes are ignored.
    ///
    /// `None` if it is shorter than it says or of another revision.
    #[must_use]
    pub fn parse(payload: &[u8]) -> Option<Tally> {
        let mut words = payload.as_chunks::<8>().0.iter().map(|w| u64::from_be_bytes(*w));
        let mut next = || words.next();
        if next()? != REVISION {
            return None;
        }
        let mut tally =
            Tally { received: next()?, answered: next()?, bytes: next()?, buffer_drops: next()?, ..Tally::default() };
        let slugs = next()?;
        if slugs > (payload.len() / 8) as u64 {
            return None;
        }
        for code in 1..=slugs {
            let count = next()?;
            if let Some(entry) = usize::try_from(code).ok().and_then(|i| tally.rejects.get_mut(i)) {
                *entry = count;
            }
        }
        Some(tally)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tally_survives_the_wire_and_every_truncation_is_refused() {
        let mut tally = Tally { received: 9, answered: 7, bytes: 1 << 40, buffer_drops: 3, ..Tally::default() };
        tally.rejects[usize::from(Slug::Truncated.code())] = 2;
        let mut out = [0xa5; Tally::LENGTH];
        tally.emit(&mut out);
        assert_eq!(Tally::parse(&out), Some(tally));
        for cut in 0..out.len() {
            assert_eq!(Tally::parse(&out[..cut]), None, "cut at {cut}");
        }
        out[7] = 2;
        assert_eq!(Tally::parse(&out), None, "another revision");
    }

    #[test]
    fn a_claimed_number_of_slugs_buys_nothing() {
        let mut out = [0; 48];
        out[7] = 1;
        out[40..48].copy_from_slice(&u64::MAX.to_be_bytes());
        assert_eq!(Tally::parse(&out), None);
    }
}
