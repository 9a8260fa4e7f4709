//! Links, clocks, threads and histograms: everything of RTTP that touches the kernel.
//!
//! Reading order: [`clock`], [`host`] (cores, priorities, idle states), [`meter`] (stalls), [`link`] (datagrams in and
//! out), [`server`] (the responder's thread); [`setup`] (a run as data), [`flight`], [`ready`] and `book` (what a sender keeps),
//! [`generator`] (the load) and [`run`] (all ends together); [`outcome`] (what was counted), [`interval`] and [`pieces`]
//! (second by second), [`recorder`] (the slowest), [`offset`] (the target's clock). Every `unsafe` of the project is in here
//! beside its proof, but for Python's buffer protocol in rttp-py.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod book;
pub mod capture;
pub mod clock;
mod dialogue;
pub mod error;
pub mod flight;
pub mod floor;
pub mod generator;
pub mod host;
pub mod interval;
pub mod link;
pub mod meter;
pub mod offset;
pub mod outcome;
pub mod pieces;
pub mod ready;
pub mod recorder;
pub mod run;
pub mod server;
pub mod setup;
pub mod signals;
mod watch;
