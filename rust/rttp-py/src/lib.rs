//! The native module `rttp_cli._core`: convert, map errors, release the GIL. Documented in `rttp_cli/_core.pyi`.
#![allow(missing_docs, reason = "Python reads the docstrings in rttp_cli/_core.pyi")]

mod codec;
mod columns;
mod decode;
mod floor;
mod load;
mod signals;
mod stats;
mod trace;

use pyo3::prelude::*;

/// Version of the package, build profile and commit.
#[pyfunction]
fn build_info() -> (&'static str, &'static str, &'static str) {
    (env!("CARGO_PKG_VERSION"), env!("RTTP_PROFILE"), env!("RTTP_COMMIT"))
}

#[pymodule]
mod _core {
    #[pymodule_export]
    use super::build_info;
    #[pymodule_export]
    use super::codec::{Address, EmitError, Parsed, Reject, UriError, detect, emit, layouts, parse, parse_uri, slugs};
    #[pymodule_export]
    use super::columns::{Column, Columns};
    #[pymodule_export]
    use super::decode::{Decode, check_filter, decode_columns};
    #[pymodule_export]
    use super::floor::{Floor, clock_cost};
    #[pymodule_export]
    use super::load::{CoreError, Load, Server, allowed_cores, idle_thread, schedule_digest, shipped_profiles};
    #[pymodule_export]
    use super::signals::StopSignals;
    #[pymodule_export]
    use super::stats::{Histogram, bootstrap_means, quantile_ranks, read_interval_log, student_quantile};
    #[pymodule_export]
    use super::trace::Trace;
}
