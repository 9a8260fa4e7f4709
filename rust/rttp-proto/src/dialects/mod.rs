//! The four layouts, one table each, and the choice between them (`RTTP-1.6`).

pub mod pulse128;
pub mod rfc64;
pub mod rttp1;
pub mod struct74;

use crate::dialect::{Dialect, Order, read_uint};
use crate::reject::Reject;

pub use pulse128::PULSE128;
pub use rfc64::RFC64;
pub use rttp1::RTTP1;
pub use struct74::{STRUCT74, STRUCT74_LITTLE};

/// The magic that `rfc64` and `pulse128` start with.
pub const MAGIC: u32 = u32::from_be_bytes(*b"RTTP");

/// Every layout, the default first.
pub static ALL: [&Dialect; 5] = [&RTTP1, &STRUCT74, &STRUCT74_LITTLE, &RFC64, &PULSE128];

/// The layout of a name and byte order, if there is one: only `struct74` has a little-endian form.
#[must_use]
pub fn find(name: &str, order: Order) -> Option<&'static Dialect> {
    ALL.iter().copied().find(|d| d.name == name && d.order == order)
}

/// On what ground a datagram was taken for a dialect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ground {
    /// The first bytes name it.
    Magic,
    /// It satisfies every rule of `rttp1`.
    Rules,
    /// Nothing better fits; outputs must label it a guess.
    Guess,
}

impl Ground {
    /// `magic`, `rules` or `guess`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Ground::Magic => "magic",
            Ground::Rules => "rules",
            Ground::Guess => "guess",
        }
    }
}

/// Names the dialect of a datagram: the magic, else `rttp1` by its own rules, else a guess (`RTTP-1.6`).
///
/// # Errors
/// What `rttp1` says of the datagram, if `strict` forbids the guess or no guess fits.
pub fn detect(datagram: &[u8], strict: bool) -> Result<(&'static Dialect, Ground), Reject> {
    if datagram.starts_with(&MAGIC.to_be_bytes()) {
        // rfc64 has version 0x0100 in two bytes; pulse128 has the high bytes of a 128-bit 130 there.
        let dialect = match datagram.get(4..6) {
            Some([0, 0]) => &PULSE128,
            _ => &RFC64,
        };
        return Ok((dialect, Ground::Magic));
    }
    match RTTP1.judge(datagram) {
        Ok(_) => Ok((&RTTP1, Ground::Rules)),
        Err(reject) if strict => Err(reject),
        Err(reject) => guess(datagram).map(|d| (d, Ground::Guess)).ok_or(reject),
    }
}

/// A dumped struct no longer than a datagram: version 1, fragments that make sense and a clock between 2001 and 2096 in one byte order only.
fn guess(datagram: &[u8]) -> Option<&'static Dialect> {
    let plausible = |d: &&'static Dialect| {
        let number = |name| d.field(name).and_then(|f| f.uint(d.order, datagram));
        d.judge(datagram).is_ok()
            && datagram.len() <= rttp1::MAX_DATAGRAM
            && number("timestamp_ns")
                .is_some_and(|t| (1_000_000_000_000_000_000..4_000_000_000_000_000_000).contains(&t))
            && number("fragment_count").is_some_and(|k| number("fragment_index").is_some_and(|i| i < k))
    };
    // A clock read backwards is plausible in one case of six; the smaller number of fragments is then the likelier.
    let fragments = |d: &&'static Dialect| d.field("fragment_count").and_then(|f| f.uint(d.order, datagram));
    [&STRUCT74, &STRUCT74_LITTLE].into_iter().filter(plausible).min_by_key(fragments)
}

/// Internet checksum (RFC 1071) over a header whose checksum field counts as zero.
#[must_use]
pub(crate) fn internet_checksum(header: &[u8], checksum_at: usize) -> u16 {
    let mut sum: u32 = 0;
    for (i, pair) in header.chunks(2).enumerate() {
        if i * 2 != checksum_at {
            // A 64-byte header adds 32 words: the sum stays below 2^21.
            sum += u32::try_from(read_uint(Order::Big, pair)).unwrap_or(0);
        }
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(0)
}
