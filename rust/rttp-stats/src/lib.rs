//! Histograms, percentiles and how sure they are, as pure functions. No file, no clock, no randomness of its own.
//!
//! Reading order: `geometry` (which cells a histogram has), [`histogram`] (what can be done with one), [`encoding`] (as other
//! tools write it), [`interval_log`] (many in a file), [`quantile`] (how sure a percentile is), [`bootstrap`] (how sure a mean
//! is), [`error`].
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "tests"))]

pub mod bootstrap;
pub mod encoding;
pub mod error;
mod geometry;
pub mod histogram;
pub mod interval_log;
pub mod quantile;
