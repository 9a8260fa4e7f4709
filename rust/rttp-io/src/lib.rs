//! Links, clocks, threads and histograms: everything of RTTP that touches the kernel.
//!
//! Reading order: [`clock`], [`host`] (cores, priorities, idle states), [`meter`] (stalls), [`link`] (datagrams in and
//! out), [`server`] (the responder's thread), [`plan`], [`generator`] (the load) and [`run`]
//! (both ends together), [`outcome`] (what was counted),
//! [`quantile`] (how sure a percentile is). Every `unsafe` of the project is in here beside its proof,
//! but for Python's buffer protocol in rttp-py.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod clock;
pub mod error;
pub mod flight;
pub mod generator;
pub mod host;
pub mod link;
pub mod meter;
pub mod outcome;
pub mod plan;
pub mod quantile;
pub mod run;
pub mod server;
pub mod signals;
mod watch;
