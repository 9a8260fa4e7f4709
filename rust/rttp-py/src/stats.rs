//! Histograms, and how sure their percentiles are.

use std::num::NonZero;
use std::thread;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::{PyBackedBytes, PyBackedStr};
use rttp_stats::error::Misfit;
use rttp_stats::{bootstrap, encoding, histogram, interval_log, quantile};

fn misfit(error: Misfit) -> PyErr {
    PyValueError::new_err(error.to_string())
}

/// Text or bytes.
#[derive(FromPyObject)]
pub(crate) enum Encoded {
    Text(PyBackedStr),
    Bytes(PyBackedBytes),
}

#[pyclass(frozen, eq, hash, module = "rttp_cli._core")]
#[derive(PartialEq, Eq, Hash)]
pub(crate) struct Histogram(histogram::Histogram);

#[pymethods]
impl Histogram {
    #[staticmethod]
    fn decode(text: Encoded) -> PyResult<Histogram> {
        let bytes = match &text {
            Encoded::Text(text) => text.as_bytes(),
            Encoded::Bytes(bytes) => bytes,
        };
        encoding::decode(bytes).map(Histogram).map_err(|error| PyValueError::new_err(error.to_string()))
    }

    #[staticmethod]
    fn decode_all(py: Python<'_>, texts: Vec<PyBackedStr>) -> PyResult<Vec<Histogram>> {
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        let found = py.detach(|| encoding::decode_all(&texts, threads));
        let found = found.map_err(|(i, error)| PyValueError::new_err(format!("histogram {i}: {error}")))?;
        Ok(found.into_iter().map(Histogram).collect())
    }

    #[staticmethod]
    #[pyo3(signature = (values, digits = 3))]
    fn of(values: &Bound<'_, PyAny>, digits: u8) -> PyResult<Histogram> {
        let values = values.try_iter()?.map(|pair| pair?.extract()).collect::<PyResult<Vec<(u64, u64)>>>()?;
        histogram::Histogram::of(values, digits).map(Histogram).map_err(misfit)
    }

    #[staticmethod]
    fn sum(py: Python<'_>, parts: Vec<Py<Histogram>>) -> PyResult<Histogram> {
        let sum = py.detach(|| histogram::Histogram::sum(parts.iter().map(|part| &part.get().0)));
        sum.map(Histogram).map_err(misfit)
    }

    fn minus(&self, part: &Histogram) -> PyResult<Histogram> {
        self.0.minus(&part.0).map(Histogram).map_err(misfit)
    }

    fn scaled(&self, factor: f64) -> PyResult<Histogram> {
        self.0.scaled(factor).map(Histogram).map_err(misfit)
    }

    fn encode(&self) -> String {
        encoding::encode(&self.0)
    }

    #[getter]
    fn samples(&self) -> u64 {
        self.0.samples()
    }

    #[getter]
    fn digits(&self) -> u8 {
        self.0.digits()
    }

    #[getter]
    fn min(&self) -> Option<u64> {
        self.0.min()
    }

    #[getter]
    fn max(&self) -> Option<u64> {
        self.0.max()
    }

    #[getter]
    fn mean(&self) -> Option<f64> {
        self.0.mean()
    }

    #[getter]
    fn stdev(&self) -> Option<f64> {
        self.0.stdev()
    }

    fn at_rank(&self, rank: u64) -> PyResult<u64> {
        self.0.at_rank(rank).map_err(misfit)
    }

    fn quantile(&self, q: f64) -> PyResult<u64> {
        self.0.quantile(q).map_err(misfit)
    }

    fn above(&self, value: u64) -> u64 {
        self.0.above(value)
    }

    fn cells(&self) -> Vec<(u64, u64)> {
        self.0.cells().to_vec()
    }

    fn binned(&self, edges: Vec<u64>) -> PyResult<Vec<u64>> {
        self.0.binned(&edges).map_err(misfit)
    }

    fn __repr__(&self) -> String {
        let ends = self.0.min().zip(self.0.max()).map_or(String::new(), |(min, max)| format!(", {min} … {max}"));
        format!("<Histogram of {} samples{ends}>", self.0.samples())
    }
}

#[pyfunction]
#[pyo3(signature = (n, q, confidence, inflation = 1.0))]
pub(crate) fn quantile_ranks(n: u64, q: f64, confidence: f64, inflation: f64) -> Option<(u64, u64, Option<u64>)> {
    quantile::ranks(n, q, confidence, inflation).map(|r| (r.at, r.lower, r.upper))
}

/// Tag, start, length, histogram.
type Entry = (Option<String>, f64, f64, Histogram);

#[pyfunction]
pub(crate) fn student_quantile(p: f64, degrees_of_freedom: f64) -> PyResult<f64> {
    let outside = || PyValueError::new_err("a probability between 0 and 1 and degrees of freedom above 0 are expected");
    quantile::student(p, degrees_of_freedom).ok_or_else(outside)
}

#[pyfunction]
pub(crate) fn read_interval_log(py: Python<'_>, data: &[u8]) -> PyResult<Vec<Entry>> {
    let entries = py.detach(|| interval_log::read(data)).map_err(|error| PyValueError::new_err(error.to_string()))?;
    Ok(entries.into_iter().map(|e| (e.tag, e.start_s, e.length_s, Histogram(e.histogram))).collect())
}

#[pyfunction]
pub(crate) fn bootstrap_means(py: Python<'_>, samples: Vec<f64>, resamples: usize, seed: u64) -> PyResult<Vec<f64>> {
    py.detach(|| bootstrap::means(&samples, resamples, seed)).map_err(misfit)
}
