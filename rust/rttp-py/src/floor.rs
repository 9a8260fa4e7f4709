//! Measurements of the host as objects that Python starts, waits for and stops.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use rttp_io::error::Error;
use rttp_io::floor::{self, CoreRecord, RingRecord, StallRecord, UnderWay};
use rttp_io::outcome::encode;
use rttp_io::signals::StopOnSignals;

use crate::load::{core_error, seconds};

enum Record {
    Stalls(StallRecord),
    Ring(RingRecord),
}

#[pyclass(module = "rttp_cli._core")]
pub(crate) struct Floor {
    under_way: Mutex<Option<UnderWay<Record>>>,
    stop: Arc<AtomicBool>,
    _signals: StopOnSignals,
}

impl Floor {
    fn start(measure: impl FnOnce(&AtomicBool) -> Result<Record, Error> + Send + 'static) -> PyResult<Floor> {
        let stop = Arc::new(AtomicBool::new(false));
        let signals = StopOnSignals::watch(&stop)?;
        let under_way = UnderWay::start(stop.clone(), measure).map_err(|e| core_error(&e))?;
        Ok(Floor { under_way: Mutex::new(Some(under_way)), stop, _signals: signals })
    }
}

#[pymethods]
impl Floor {
    #[staticmethod]
    #[pyo3(signature = (*, cores, duration))]
    fn stalls(cores: Vec<usize>, duration: f64) -> PyResult<Floor> {
        let duration = seconds("duration", duration)?;
        Floor::start(move |stop| floor::stall_record(&cores, duration, stop).map(Record::Stalls))
    }

    #[staticmethod]
    #[pyo3(signature = (*, core_a, core_b, duration))]
    fn ring(core_a: usize, core_b: usize, duration: f64) -> PyResult<Floor> {
        let duration = seconds("duration", duration)?;
        Floor::start(move |stop| floor::ring_round_trip(core_a, core_b, duration, stop).map(Record::Ring))
    }

    /// In one piece: a thread that wakes up to look for signals would be a gap on a core that is watched. The signals'
    /// own handler ends the measurement, and its end wakes this.
    fn wait(&self, py: Python<'_>, longest: f64) -> PyResult<bool> {
        let longest = seconds("longest", longest)?;
        let ended = py.detach(|| {
            let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
            under_way.as_mut().is_none_or(|under_way| under_way.wait(longest))
        });
        py.check_signals()?;
        Ok(ended)
    }

    fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    fn finish<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let record = py.detach(|| {
            let under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner).take();
            under_way.map(UnderWay::finish)
        });
        match record.ok_or_else(|| PyRuntimeError::new_err("finished before"))?.map_err(|e| core_error(&e))? {
            Record::Stalls(record) => stalls_dict(py, &record),
            Record::Ring(record) => ring_dict(py, &record),
        }
    }
}

/// The clock of a run and the kernel's, ns a reading.
#[pyfunction]
pub(crate) fn clock_cost(py: Python<'_>) -> (f64, f64) {
    let cost = py.detach(floor::clock_cost);
    (cost.run, cost.kernel)
}

fn stalls_dict<'py>(py: Python<'py>, record: &StallRecord) -> PyResult<Bound<'py, PyDict>> {
    let cores = PyList::empty(py);
    for core in &record.cores {
        cores.append(core_dict(py, core)?)?;
    }
    let d = PyDict::new(py);
    d.set_item("interrupted", record.interrupted)?;
    d.set_item("gaps_from_ns", floor::GAP_FROM)?;
    d.set_item("cores", cores)?;
    Ok(d)
}

fn core_dict<'py>(py: Python<'py>, record: &CoreRecord) -> PyResult<Bound<'py, PyDict>> {
    let levels = PyList::empty(py);
    for level in record.levels {
        let entry = PyDict::new(py);
        entry.set_item("from_ns", level.from)?;
        entry.set_item("count", level.count)?;
        entry.set_item("total_ns", level.total)?;
        levels.append(entry)?;
    }
    let d = PyDict::new(py);
    d.set_item("core", record.core)?;
    d.set_item("watched_ns", record.watched)?;
    d.set_item("readings", record.readings)?;
    d.set_item("gaps", encode(&record.gaps))?;
    d.set_item("longest_ns", record.longest)?;
    d.set_item("levels", levels)?;
    d.set_item("stalls", record.stalls.iter().map(|s| (s.start, s.length)).collect::<Vec<_>>())?;
    Ok(d)
}

fn ring_dict<'py>(py: Python<'py>, record: &RingRecord) -> PyResult<Bound<'py, PyDict>> {
    let d = PyDict::new(py);
    d.set_item("interrupted", record.interrupted)?;
    d.set_item("cores", vec![record.cores.0, record.cores.1])?;
    d.set_item("round_trips", encode(&record.round_trips))?;
    Ok(d)
}
