//! Sequence numbers and the arithmetic of messages on them (`RTTP-2`).

use core::cmp::Ordering;

/// The 32-bit `seq_id` of a pulse, compared by serial-number arithmetic (RFC 1982, `RTTP-2.1`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SeqId(pub u32);

impl SeqId {
    /// The number `n` steps on, wrapping.
    #[must_use]
    pub const fn plus(self, n: u32) -> SeqId {
        SeqId(self.0.wrapping_add(n))
    }

    /// Signed distance from `other` to `self` along the shorter way; −2³¹ when they are opposite.
    #[must_use]
    pub const fn since(self, other: SeqId) -> i32 {
        self.0.wrapping_sub(other.0).cast_signed()
    }

    /// Order by serial arithmetic; `None` for the one distance (2³¹) that RFC 1982 leaves undefined.
    #[must_use]
    pub fn serial_cmp(self, other: SeqId) -> Option<Ordering> {
        match self.since(other) {
            i32::MIN => None,
            d => Some(d.cmp(&0)),
        }
    }

    /// The 64-bit number with these low bits that lies nearest to `near` (`RTTP-2.2`).
    ///
    /// Halfway, and where the nearest would be below zero or above 2⁶⁴−1, the one inside is taken.
    #[must_use]
    pub fn extend(self, near: u64) -> u64 {
        let step = i64::from(self.since(SeqId(near as u32)));
        near.checked_add_signed(step).unwrap_or_else(|| near.wrapping_add_signed(step - step.signum() * (1 << 32)))
    }
}

/// A message: `fragment_count` pulses with consecutive sequence numbers, repair symbols after them (`RTTP-2.3`).
///
/// Its id is `seq_id − fragment_index`, so the header needs no field for it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct MessageId(pub u32);

impl MessageId {
    /// The message that a pulse belongs to.
    #[must_use]
    pub const fn of(seq_id: SeqId, fragment_index: u16) -> MessageId {
        MessageId(seq_id.0.wrapping_sub(fragment_index as u32))
    }

    /// The sequence number of one of its fragments or repair symbols.
    #[must_use]
    pub const fn seq_of(self, fragment_index: u16) -> SeqId {
        SeqId(self.0.wrapping_add(fragment_index as u32))
    }

    /// The id of the next message of a sender, after `count` source fragments and `repair` symbols.
    #[must_use]
    pub const fn next(self, count: u16, repair: u16) -> MessageId {
        MessageId(self.0.wrapping_add(count as u32).wrapping_add(repair as u32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_survives_the_wrap() {
        assert_eq!(SeqId(0).serial_cmp(SeqId(u32::MAX)), Some(Ordering::Greater));
        assert_eq!(SeqId(u32::MAX).serial_cmp(SeqId(0)), Some(Ordering::Less));
        assert_eq!(SeqId(7).serial_cmp(SeqId(7)), Some(Ordering::Equal));
        assert_eq!(SeqId(0).serial_cmp(SeqId(1 << 31)), None);
    }

    #[test]
    fn extension_takes_the_nearest_number() {
        assert_eq!(SeqId(5).extend(3), 5);
        assert_eq!(SeqId(1).extend(0xffff_ffff), 0x1_0000_0001);
        assert_eq!(SeqId(0xffff_fffe).extend(0x1_0000_0002), 0xffff_fffe);
        assert_eq!(SeqId(0xffff_ffff).extend(0), 0xffff_ffff, "nothing lies below zero");
        assert_eq!(SeqId(0).extend(u64::MAX), 0xffff_ffff_0000_0000, "nothing lies above 2^64");
    }

    #[test]
    fn a_message_id_wraps_with_its_sequence_numbers() {
        let id = MessageId::of(SeqId(2), 5);
        assert_eq!(id, MessageId(u32::MAX - 2));
        assert_eq!(id.seq_of(5), SeqId(2));
        assert_eq!(id.next(8, 4), MessageId(9));
    }
}
