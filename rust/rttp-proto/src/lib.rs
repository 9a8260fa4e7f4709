//! RTTP/1, pure: bytes in, bytes out. Time and randomness are arguments; there is no socket and no clock here.
//!
//! Reading order: [`dialect`] (what a layout is), [`dialects`] (the four tables), [`pulse`] (one `rttp1` pulse as a
//! view or a value), [`codec`] (any dialect, by table), [`columns`] (many headers at once), [`seq`], [`uri`],
//! [`responder`] (what a node answers), [`tally`] (the counters that two ends exchange).
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod codec;
pub mod columns;
pub mod dialect;
pub mod dialects;
pub mod pulse;
pub mod reject;
pub mod responder;
pub mod seq;
pub mod tally;
pub mod uri;

/// The port of RTTP: 0x5254, ASCII `RT`.
pub const DEFAULT_PORT: u16 = 21_076;
