//! Why a datagram is not a pulse: data, never an exception.

use core::fmt;

macro_rules! slugs {
    ($($(#[doc = $doc:literal])+ $variant:ident = $code:literal, $slug:literal;)+) => {
        /// The stable name of a broken rule. Codes and slugs never change meaning; new ones go at the end.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Slug { $($(#[doc = $doc])+ $variant = $code,)+ }

        impl Slug {
            /// Every slug, in code order; code 0 is kept for "accepted".
            pub const ALL: &'static [Slug] = &[$(Slug::$variant,)+];

            /// The name used in counters, reports and tests.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Slug::$variant => $slug,)+ }
            }

            /// One line: the rule that was broken.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Slug::$variant => concat!($($doc),+).trim_ascii(),)+ }
            }
        }
    };
}

slugs! {
    /// the datagram ends before the field that starts or continues at the offset
    Truncated = 1, "truncated";
    /// the version is not the dialect's
    BadVersion = 2, "bad-version";
    /// the kind is not in the table of kinds
    UnknownKind = 3, "unknown-kind";
    /// a flag bit outside the table of flags is set
    UnknownFlag = 4, "unknown-flag";
    /// a message of zero fragments
    FragmentCountZero = 5, "fragment-count-zero";
    /// the fragment index is outside the message and its announced repair symbols
    FragmentRange = 6, "fragment-range";
    /// the FEC tail contradicts the header or itself
    FecInconsistent = 7, "fec-inconsistent";
    /// the datagram is longer than a UDP payload can be
    Oversized = 8, "oversized";
    /// the answer would be longer than the pulse that asks for it
    Amplification = 9, "amplification";
    /// the magic is not the dialect's
    BadMagic = 10, "bad-magic";
    /// the checksum does not match the header
    BadChecksum = 11, "bad-checksum";
    /// a constrained block of the header breaks the dialect's layout rules
    BadBlock = 12, "bad-block";
}

impl Slug {
    /// How many entries a table indexed by [`Slug::code`] needs.
    pub const TABLE: usize = Slug::ALL.len() + 1;

    /// The code used in columns and counters, 1 …; 0 means accepted.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The slug of a code, or `None` for 0 and for codes not in the table.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Slug> {
        Slug::ALL.get(usize::from(code).checked_sub(1)?).copied()
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A refused datagram: the rule it broke and the byte at which that shows (`RTTP-3.1`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Reject {
    /// The broken rule.
    pub slug: Slug,
    /// Offset into the datagram, in bytes; for `truncated` the length at which the bytes ended.
    pub offset: u32,
}

impl Reject {
    /// A rejection at a byte offset; an offset beyond `u32` saturates.
    #[must_use]
    pub fn at(slug: Slug, offset: usize) -> Reject {
        Reject { slug, offset: u32::try_from(offset).unwrap_or(u32::MAX) }
    }
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at offset {}: {}", self.slug, self.offset, self.slug.meaning())
    }
}

impl core::error::Error for Reject {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_dense_and_round_trip() {
        for (i, slug) in Slug::ALL.iter().enumerate() {
            assert_eq!(usize::from(slug.code()), i + 1);
            assert_eq!(Slug::from_code(slug.code()), Some(*slug));
        }
        assert_eq!(Slug::from_code(0), None);
        assert_eq!(Slug::from_code(255), None);
    }
}
