//! Load as a pure function of a plan and its seed: what is sent, and when. No socket, no clock, no randomness of its own.
//!
//! Reading order: [`plan`] (the data), `arrivals` (when messages are due), `draw` (what they are), [`stream`] (their pulses),
//! [`schedule`] (all streams merged), [`trace`] (schedules from files).
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod arrivals;
mod draw;
pub mod plan;
pub mod schedule;
pub mod stream;
pub mod trace;
