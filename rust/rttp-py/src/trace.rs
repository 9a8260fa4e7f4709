//! Traces and captures as objects that Python holds and hands to a load.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pyo3::prelude::*;
use rttp_load::trace::{self, Format, Options};

use crate::load::CoreError;

/// Largest file that is read, bytes.
const LARGEST: u64 = 1 << 32;

#[pyclass(frozen, module = "rttp_cli._core")]
pub(crate) struct Trace {
    trace: Arc<trace::Trace>,
}

impl Trace {
    /// The trace itself, for a load.
    pub(crate) fn share(&self) -> Arc<trace::Trace> {
        self.trace.clone()
    }
}

#[pymethods]
impl Trace {
    #[staticmethod]
    #[pyo3(signature = (path, port = None))]
    fn load(py: Python<'_>, path: PathBuf, port: Option<u16>) -> PyResult<Trace> {
        let complaint = |slug: &'static str, why: &dyn std::fmt::Display| {
            CoreError::new_err((slug, format!("{}: {why}", path.display())))
        };
        py.detach(|| {
            let bytes = read(&path).map_err(|e| complaint("unreadable", &e))?;
            let bytes = bytes.ok_or_else(|| complaint("bad-trace", &"more than 4 GiB, expected less"))?;
            let trace = trace::Trace::parse_with(&bytes, Format::detect(&bytes), Options { port });
            let trace = trace.map_err(|e| complaint("bad-trace", &e))?;
            Ok(Trace { trace: Arc::new(trace) })
        })
    }

    #[getter]
    fn format(&self) -> &'static str {
        self.trace.format.name()
    }

    #[getter]
    fn entries(&self) -> usize {
        self.trace.entries.len()
    }

    #[getter]
    fn duration_ns(&self) -> u64 {
        self.trace.duration_ns()
    }

    #[getter]
    fn has_sizes(&self) -> bool {
        self.trace.has_sizes()
    }

    #[getter]
    fn has_priorities(&self) -> bool {
        self.trace.has_priorities()
    }

    #[getter]
    fn skipped(&self) -> u64 {
        self.trace.skipped
    }

    #[getter]
    fn sorted(&self) -> u64 {
        self.trace.sorted
    }

    fn sizes(&self, py: Python<'_>) -> Vec<(u32, u64)> {
        py.detach(|| self.trace.sizes())
    }
}

/// A whole file, `None` for one that is too large. A pipe says no length beforehand, so what comes is counted.
fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    if length > LARGEST {
        return Ok(None);
    }
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    file.take(LARGEST + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= LARGEST).then_some(bytes))
}
