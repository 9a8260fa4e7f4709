//! Which dialect a datagram of a flow has, and whether it keeps its rules (`RTTP-1.6`, `RTTP-3`).

use rttp_proto::dialect::{Dialect, Extent, Named};
use rttp_proto::dialects::{self, ALL, rttp1};
use rttp_proto::reject::Reject;

/// Index into [`ALL`] of a dialect of pulses, or [`JSON`].
pub type DialectCode = u8;

/// The default dialect.
pub const RTTP1: DialectCode = 0;

/// A datagram that is a JSON envelope and no pulse.
pub const JSON: DialectCode = ALL.len() as u8;

/// Names by code.
pub const NAMES: &[Named] = &[
    Named { value: 0, name: "rttp1" },
    Named { value: 1, name: "struct74" },
    Named { value: 2, name: "struct74-little" },
    Named { value: 3, name: "rfc64" },
    Named { value: 4, name: "pulse128" },
    Named { value: JSON as u128, name: "json" },
];

/// On what ground a datagram was taken for its dialect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Ground {
    /// Nothing fits; its reject is that of `rttp1`.
    None,
    /// The user said so.
    Asked,
    /// The first bytes name it.
    Magic,
    /// It satisfies every rule of `rttp1`.
    Rules,
    /// An earlier datagram of its flow decided it, and this one breaks a rule.
    Flow,
    /// Nothing better fits.
    Guess,
}

impl Ground {
    /// Names by number.
    pub const NAMES: &'static [Named] = &[
        Named { value: Ground::None as u128, name: "none" },
        Named { value: Ground::Asked as u128, name: "asked" },
        Named { value: Ground::Magic as u128, name: "magic" },
        Named { value: Ground::Rules as u128, name: "rules" },
        Named { value: Ground::Flow as u128, name: "flow" },
        Named { value: Ground::Guess as u128, name: "guess" },
    ];
}

/// What a flow's datagrams are, and why.
pub type Choice = (DialectCode, Ground);

/// A datagram with its dialect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Judged {
    /// Its layout.
    pub dialect: DialectCode,
    /// Why that one.
    pub ground: Ground,
    /// Its extent, or the first rule that it breaks.
    pub outcome: Result<Extent, Reject>,
}

/// How dialects are told.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Rules {
    /// All datagrams are of this one.
    pub asked: Option<DialectCode>,
    /// Never guess.
    pub strict: bool,
}

/// The dialect of a code, `None` for [`JSON`].
#[must_use]
pub fn of(code: DialectCode) -> Option<&'static Dialect> {
    ALL.get(usize::from(code)).copied()
}

impl Rules {
    /// Judges a datagram, and lets it decide for its flow if it is the first that can.
    #[inline]
    pub fn judge(self, choice: &mut Option<Choice>, datagram: &[u8]) -> Judged {
        if let (None, Some((RTTP1, ground))) = (self.asked, *choice) {
            // Nearly every datagram: the flow is `rttp1`, and so is this.
            if let Ok(extent) = rttp1::judge_fast(datagram) {
                return Judged { dialect: RTTP1, ground, outcome: Ok(extent) };
            }
        }
        self.judge_slowly(choice, datagram)
    }

    fn judge_slowly(self, choice: &mut Option<Choice>, datagram: &[u8]) -> Judged {
        let by = |dialect, ground| {
            let outcome = of(dialect).unwrap_or(&dialects::RTTP1).judge(datagram);
            Judged { dialect, ground, outcome }
        };
        if let Some(asked) = self.asked {
            return by(asked, Ground::Asked);
        }
        let Some((decided, why)) = *choice else {
            let judged = match dialects::detect(datagram, self.strict) {
                Ok((dialect, ground)) => by(code(dialect), from(ground)),
                Err(reject) => Judged { dialect: RTTP1, ground: Ground::None, outcome: Err(reject) },
            };
            if judged.outcome.is_ok() {
                *choice = Some((judged.dialect, judged.ground));
            }
            return judged;
        };
        let judged = by(decided, why);
        if judged.outcome.is_ok() {
            return judged;
        }
        // What names itself, or keeps every rule of `rttp1`, is that, whatever came before it.
        match dialects::detect(datagram, true) {
            Ok((dialect, ground)) if code(dialect) != decided => {
                let other = by(code(dialect), from(ground));
                if other.outcome.is_ok() {
                    *choice = Some((other.dialect, other.ground));
                    return other;
                }
            }
            _ => {}
        }
        Judged { ground: Ground::Flow, ..judged }
    }

    /// Whether a datagram on any port is a pulse beyond doubt: all rules kept, and a clock of this century where the
    /// layout has no magic. One of a random 64 bytes in about 10¹² is.
    #[must_use]
    pub fn certain(self, datagram: &[u8]) -> bool {
        let Ok((dialect, _)) = dialects::detect(datagram, true) else { return false };
        let clock = || {
            let field = dialect.field("timestamp_ns");
            field.and_then(|f| f.uint(dialect.order, datagram)).is_some_and(|t| PLAUSIBLE_NS.contains(&t))
        };
        dialect.judge(datagram).is_ok() && (datagram.starts_with(&dialects::MAGIC.to_be_bytes()) || clock())
    }
}

/// 2001 to 2096.
const PLAUSIBLE_NS: std::ops::Range<u128> = 1_000_000_000_000_000_000..4_000_000_000_000_000_000;

fn code(dialect: &'static Dialect) -> DialectCode {
    let found = ALL.iter().position(|d| std::ptr::eq(*d, dialect));
    found.and_then(|i| u8::try_from(i).ok()).unwrap_or(0)
}

fn from(ground: dialects::Ground) -> Ground {
    match ground {
        dialects::Ground::Magic => Ground::Magic,
        dialects::Ground::Rules => Ground::Rules,
        dialects::Ground::Guess => Ground::Guess,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_tables_in_their_order() {
        for (i, dialect) in ALL.iter().enumerate() {
            let suffix = if dialect.order == rttp_proto::dialect::Order::Little { "-little" } else { "" };
            assert_eq!(NAMES[i].name, format!("{}{suffix}", dialect.name));
            assert_eq!(NAMES[i].value, i as u128);
        }
    }
}
