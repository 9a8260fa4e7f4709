//! Any dialect, by its table: names and values to bytes. For tools and tests; a pulse in flight uses [`crate::pulse`].

use crate::dialect::{Default, Dialect, Field, Presence, Type, read_uint, write_uint};

/// A value for one field.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    /// For integer fields.
    Uint(u128),
    /// For bytes (exact width) and text (at most the width).
    Bytes(Vec<u8>),
}

/// Why a header cannot be written from the given values.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EmitError {
    /// The dialect has no such field.
    UnknownField(String),
    /// The number does not fit the field.
    OutOfRange {
        /// The field.
        field: &'static str,
        /// What was given.
        value: u128,
        /// The largest number that fits.
        max: u128,
    },
    /// The bytes do not have the field's width.
    Width {
        /// The field.
        field: &'static str,
        /// Bytes given.
        found: usize,
        /// Bytes wanted.
        expected: usize,
    },
    /// A number was given for bytes, or bytes for a number.
    Kind {
        /// The field.
        field: &'static str,
        /// What it holds.
        expected: &'static str,
    },
    /// The field belongs to an optional tail whose flag is not set.
    FlagMissing {
        /// The field.
        field: &'static str,
        /// The flag to set.
        flag: &'static str,
    },
}

impl core::fmt::Display for EmitError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            EmitError::UnknownField(name) => write!(f, "no field `{name}` in this dialect"),
            EmitError::OutOfRange { field, value, max } => {
                write!(f, "`{field}` is {value}, its largest value is {max}")
            }
            EmitError::Width { field, found, expected } => {
                write!(f, "`{field}` has {found} bytes, expected {expected}")
            }
            EmitError::Kind { field, expected } => write!(f, "`{field}` holds {expected}"),
            EmitError::FlagMissing { field, flag } => write!(f, "`{field}` is only sent with the flag {flag}"),
        }
    }
}

impl core::error::Error for EmitError {}

/// Writes a header with defaults for what is not given. It is *not* judged: an attacker's tool needs bad ones too.
///
/// `now_ns` fills fields whose default is the time of building.
///
/// # Errors
/// A value that cannot be written at all; see [`EmitError`].
pub fn emit(dialect: &Dialect, values: &[(String, Value)], now_ns: u64) -> Result<Vec<u8>, EmitError> {
    for (name, _) in values {
        if dialect.field(name).is_none() {
            return Err(EmitError::UnknownField(name.clone()));
        }
    }
    let given = |name: &str| values.iter().rev().find(|(n, _)| n == name).map(|(_, v)| v);
    let flags = match given("flags") {
        Some(Value::Uint(bits)) => *bits,
        _ => 0,
    };
    let length = dialect.fields.iter().filter(|f| present(f.presence, flags)).map(|f| f.end()).max().unwrap_or(0);
    let mut header = vec![0; length];
    let mut computed = false;
    for field in dialect.fields {
        let value = given(field.name);
        if !present(field.presence, flags) {
            if let (Some(_), Presence::Flag(_, flag)) = (value, field.presence) {
                return Err(EmitError::FlagMissing { field: field.name, flag });
            }
            continue;
        }
        let Some(target) = header.get_mut(field.offset..field.end()) else { continue };
        let fallback = match field.default {
            Default::Value(n) => n,
            Default::Now => u128::from(now_ns),
            Default::Computed => {
                computed |= value.is_none();
                0
            }
        };
        match (field.ty, value) {
            (Type::Uint(_), None) => write_uint(dialect.order, target, fallback & field.max()),
            (Type::Uint(_), Some(Value::Uint(n))) if *n <= field.max() => write_uint(dialect.order, target, *n),
            (Type::Uint(_), Some(Value::Uint(n))) => {
                return Err(EmitError::OutOfRange { field: field.name, value: *n, max: field.max() });
            }
            (Type::Bytes(_) | Type::Text(_), None) => target.fill(0),
            (Type::Bytes(_), Some(Value::Bytes(b))) if b.len() == target.len() => target.copy_from_slice(b),
            (Type::Text(_), Some(Value::Bytes(b))) if b.len() <= target.len() => {
                target[..b.len()].copy_from_slice(b);
            }
            (Type::Bytes(n) | Type::Text(n), Some(Value::Bytes(b))) => {
                return Err(EmitError::Width { field: field.name, found: b.len(), expected: n });
            }
            (Type::Uint(_), Some(Value::Bytes(_))) => {
                return Err(EmitError::Kind { field: field.name, expected: "a number" });
            }
            (Type::Bytes(_) | Type::Text(_), Some(Value::Uint(_))) => {
                return Err(EmitError::Kind { field: field.name, expected: "bytes" });
            }
        }
    }
    // A dialect has at most one computed field, so sealing never overwrites a value that was given.
    if computed {
        (dialect.seal_header)(&mut header);
    }
    Ok(header)
}

/// The rows of a header that are in the datagram, whatever [`Dialect::judge`] says of it: an optional row only when its
/// flag is set, and no row that the datagram cuts off.
pub fn rows<'d>(dialect: &'d Dialect, datagram: &'d [u8]) -> impl Iterator<Item = (&'static Field, Value)> + 'd {
    let flags = dialect.field("flags").and_then(|f| f.uint(dialect.order, datagram)).unwrap_or(0);
    dialect.fields.iter().filter(move |f| present(f.presence, flags)).filter_map(|field| {
        let bytes = field.bytes(datagram)?;
        let value = match field.ty {
            Type::Uint(_) => Value::Uint(read_uint(dialect.order, bytes)),
            Type::Bytes(_) => Value::Bytes(bytes.to_vec()),
            Type::Text(_) => {
                let end = bytes.iter().rposition(|b| *b != 0).map_or(0, |i| i + 1);
                Value::Bytes(bytes[..end].to_vec())
            }
        };
        Some((field, value))
    })
}

fn present(presence: Presence, flags: u128) -> bool {
    match presence {
        Presence::Always => true,
        Presence::Flag(bit, _) => flags & u128::from(bit) != 0,
    }
}
