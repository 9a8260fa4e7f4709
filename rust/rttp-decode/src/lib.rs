//! Datagrams of captures as rows of pulses, as messages, as a summary.
//!
//! Reading order: [`decoder`] reads captures into a [`batch`]; [`dialect`] and [`flow`] decide what a datagram is,
//! [`sequence`] and [`message`] what it means among the others; [`mod@column`] lists what is known of a row and [`cells`]
//! gathers it; [`filter`] and [`select`] choose rows; [`rows`], [`arrow`], [`mod@parquet`] and [`summary`] write them down. No file is opened and no
//! clock is read here.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod arrow;
pub mod batch;
pub mod cells;
pub mod column;
pub mod decoder;
pub mod dialect;
pub mod envelope;
pub mod filter;
pub mod flow;
mod head;
pub mod message;
pub mod parquet;
pub mod rows;
pub mod select;
pub mod sequence;
pub mod summary;
