//! Values as texts, exact: nothing goes through a float.

use std::net::IpAddr;

/// Why a text is no value of the kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Bad {
    /// It is something else.
    Form,
    /// It is one that does not fit.
    Range,
    /// It has a fraction that is lost.
    Fraction,
}

const NS_PER_S: u64 = 1_000_000_000;
/// From here on a bare integer is ns: as seconds it would be later than any time in ns.
const LEAST_NS: u128 = 1_000_000_000_000_000;

/// `192`, `0x80`, `0b11`, `1_000`, `64k`, `2M`.
pub(super) fn number(text: &str) -> Result<u64, Bad> {
    let (text, radix, unit) = if let Some(digits) = strip(text, "0x") {
        (digits, 16, 1)
    } else if let Some(digits) = strip(text, "0b") {
        (digits, 2, 1)
    } else if let Some(digits) = text.strip_suffix(['k', 'K']) {
        (digits, 10, 1_000)
    } else if let Some(digits) = text.strip_suffix('M') {
        (digits, 10, 1_000_000)
    } else {
        (text, 10, 1)
    };
    let value = if radix == 10 { scaled(text, unit)? } else { digits(text, radix)? };
    u64::try_from(value).map_err(|_| Bad::Range)
}

/// `300us`, `1.5ms`, `-2s`, `10ns`, `3min`, `1h`; ns. Zero needs no unit.
pub(super) fn duration(text: &str) -> Result<i64, Bad> {
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let end = text.find(char::is_alphabetic).unwrap_or(text.len());
    let (count, unit) = text.split_at_checked(end).ok_or(Bad::Form)?;
    let unit = match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => NS_PER_S,
        "m" | "min" => 60 * NS_PER_S,
        "h" => 3_600 * NS_PER_S,
        "" if scaled(count, 1) == Ok(0) => 1,
        _ => return Err(Bad::Form),
    };
    let ns = i128::try_from(scaled(count, unit)?).map_err(|_| Bad::Range)?;
    i64::try_from(if negative { -ns } else { ns }).map_err(|_| Bad::Range)
}

/// RFC 3339, Unix seconds, or Unix ns from 10^15 on; ns.
pub(super) fn time(text: &str) -> Result<u64, Bad> {
    let ns = match digits(text, 10) {
        Ok(ns) if ns >= LEAST_NS => ns,
        Err(Bad::Range) => return Err(Bad::Range),
        _ => match rfc3339(text) {
            Err(Bad::Form) => scaled(text, NS_PER_S)?,
            other => other?,
        },
    };
    u64::try_from(ns).map_err(|_| Bad::Range)
}

/// Hex digits, two a byte, at least one byte.
pub(super) fn hex(text: &str) -> Result<Vec<u8>, Bad> {
    let text = strip(text, "0x").unwrap_or(text).as_bytes();
    let (pairs, rest) = text.as_chunks::<2>();
    if pairs.is_empty() || !rest.is_empty() {
        return Err(Bad::Form);
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect::<Option<_>>().ok_or(Bad::Form)
}

/// Addresses that follow one another: whether they are IPv6, the first, the last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Network {
    pub(super) v6: bool,
    pub(super) first: u128,
    pub(super) last: u128,
}

impl Network {
    /// The greatest number that an address of its family is.
    pub(super) const fn most(self) -> u128 {
        if self.v6 { u128::MAX } else { u32::MAX as u128 }
    }
}

/// `10.0.0.1`, `10.0.0.0/8`, `::1`, `fe80::/10`. Bits after the prefix do not matter.
pub(super) fn network(text: &str) -> Result<Network, Bad> {
    let (address, length) = text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
    let (v6, number) = address_key(address.parse().map_err(|_| Bad::Form)?);
    let width = if v6 { 128 } else { 32 };
    let length = match length {
        None => width,
        Some(length) if !length.starts_with('+') => length.parse::<u32>().map_err(|_| Bad::Form)?,
        Some(_) => return Err(Bad::Form),
    };
    let free = width.checked_sub(length).ok_or(Bad::Range)?;
    let hosts = 1u128.checked_shl(free).map_or(u128::MAX, |size| size - 1);
    Ok(Network { v6, first: number & !hosts, last: number | hosts })
}

/// An address as what it is ordered by: IPv4 before IPv6, then by number.
#[inline]
pub(super) fn address_key(address: IpAddr) -> (bool, u128) {
    match address {
        IpAddr::V4(v4) => (false, u128::from(v4.to_bits())),
        IpAddr::V6(v6) => (true, v6.to_bits()),
    }
}

/// Without a prefix in either case.
fn strip<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// Digits with `_` between them.
fn digits(text: &str, radix: u32) -> Result<u128, Bad> {
    let apart = text.bytes().zip(text.bytes().skip(1)).any(|pair| pair == (b'_', b'_'));
    if text.is_empty() || apart || text.starts_with('_') || text.ends_with('_') {
        return Err(Bad::Form);
    }
    let mut value = Some(0u128);
    for c in text.chars().filter(|c| *c != '_') {
        let digit = c.to_digit(radix).ok_or(Bad::Form)?;
        value = value.and_then(|v| v.checked_mul(u128::from(radix))?.checked_add(u128::from(digit)));
    }
    value.ok_or(Bad::Range)
}

/// A decimal number times a unit, whole.
fn scaled(text: &str, unit: u64) -> Result<u128, Bad> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let whole = digits(whole, 10);
    // Zeros at the end change nothing, and without them a fraction of up to 30 digits is exact.
    let places = fraction.trim_end_matches('0').len();
    let part = digits(fraction, 10);
    if whole == Err(Bad::Form) || part == Err(Bad::Form) || fraction.contains('_') {
        return Err(Bad::Form);
    }
    let part = if places == 0 { 0 } else { digits(fraction.get(..places).unwrap_or(fraction), 10).map_err(lost)? };
    let part = part.checked_mul(u128::from(unit)).ok_or(Bad::Fraction)?;
    let size = u32::try_from(places).ok().and_then(|places| 10u128.checked_pow(places)).ok_or(Bad::Fraction)?;
    if part % size != 0 {
        return Err(Bad::Fraction);
    }
    whole?.checked_mul(u128::from(unit)).and_then(|ns| ns.checked_add(part / size)).ok_or(Bad::Range)
}

fn lost(_: Bad) -> Bad {
    Bad::Fraction
}

/// `2026-11-21T10:00:00Z`, with a fraction and an offset; ns since 1970.
fn rfc3339(text: &str) -> Result<u128, Bad> {
    let mut rest = text;
    let year = part(&mut rest, 4, &['-'])?;
    let month = part(&mut rest, 2, &['-'])?;
    let day = part(&mut rest, 2, &['T', 't', ' '])?;
    let hour = part(&mut rest, 2, &[':'])?;
    let minute = part(&mut rest, 2, &[':'])?;
    let second = part(&mut rest, 2, &[])?;
    let end = rest.find(['Z', 'z', '+', '-']).ok_or(Bad::Form)?;
    let (fraction, offset) = rest.split_at_checked(end).ok_or(Bad::Form)?;
    let fraction = match fraction.strip_prefix('.') {
        Some(_) => i128::try_from(scaled(&format!("0{fraction}"), NS_PER_S)?).map_err(|_| Bad::Range)?,
        None if fraction.is_empty() => 0,
        None => return Err(Bad::Form),
    };
    let offset = match offset {
        "Z" | "z" => 0,
        _ => {
            let (sign, mut rest) = offset.split_at_checked(1).ok_or(Bad::Form)?;
            let hours = part(&mut rest, 2, &[':'])?;
            let minutes = part(&mut rest, 2, &[])?;
            if !rest.is_empty() {
                return Err(Bad::Form);
            }
            if hours > 23 || minutes > 59 {
                return Err(Bad::Range);
            }
            (hours * 3_600 + minutes * 60) * if sign == "-" { -1 } else { 1 }
        }
    };
    // RFC 3339 has a second 60 for leap seconds; Unix time counts it as the next one.
    if !(1..=12).contains(&month)
        || !(1..=days_in(year, month)).contains(&day)
        || hour > 23
        || minute > 59
        || second > 60
    {
        return Err(Bad::Range);
    }
    let seconds = days_since_1970(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - offset;
    u128::try_from(i128::from(seconds) * i128::from(NS_PER_S) + fraction).map_err(|_| Bad::Range)
}

/// So many digits and, unless nothing is named, one of these characters after them.
fn part(rest: &mut &str, length: usize, after: &[char]) -> Result<i64, Bad> {
    let (found, mut left) = rest.split_at_checked(length).ok_or(Bad::Form)?;
    if !found.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Bad::Form);
    }
    if !after.is_empty() {
        left = left.strip_prefix(after).ok_or(Bad::Form)?;
    }
    *rest = left;
    found.parse().map_err(|_| Bad::Form)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days of the Gregorian calendar. Years begin in March, so that a leap day ends one.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + (153 * month + 2) / 5 + day - 1 - 719_468
}
