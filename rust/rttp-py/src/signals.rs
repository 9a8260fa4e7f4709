//! Ctrl-C and SIGTERM as something that Python can ask about between two runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::prelude::*;
use rttp_io::signals::StopOnSignals;

#[pyclass(module = "rttp_cli._core")]
pub(crate) struct StopSignals {
    seen: Arc<AtomicBool>,
    _watch: StopOnSignals,
}

#[pymethods]
impl StopSignals {
    #[new]
    fn new() -> PyResult<StopSignals> {
        let seen = Arc::new(AtomicBool::new(false));
        Ok(StopSignals { _watch: StopOnSignals::watch(&seen)?, seen })
    }

    #[getter]
    fn seen(&self) -> bool {
        self.seen.load(Ordering::SeqCst)
    }
}
