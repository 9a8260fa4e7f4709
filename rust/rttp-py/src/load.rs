//! The load engine and the responder as objects that Python starts, watches and stops.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use pyo3::create_exception;
use pyo3::exceptions::{PyException, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use rttp_io::clock::Clock;
use rttp_io::error::Error;
use rttp_io::host::{self, Asked, AwakeCores, Seat};
use rttp_io::link::{Faults, UdpOptions};
use rttp_io::outcome::{Outcome, ServerOutcome, Usage, encode};
use rttp_io::plan::{Pace, Plan};
use rttp_io::quantile;
use rttp_io::run;
use rttp_io::server::{self, ServerOptions};
use rttp_io::signals::StopOnSignals;
use rttp_proto::reject::Slug;
use rttp_proto::tally::Tally;

create_exception!(rttp_cli._core, CoreError, PyException);

fn core_error(error: &Error) -> PyErr {
    CoreError::new_err((error.slug(), error.to_string()))
}

fn seconds(name: &str, value: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(value).map_err(|e| PyValueError::new_err(format!("{name}: {e}")))
}

fn address(text: &str) -> PyResult<SocketAddr> {
    text.parse().map_err(|_| PyValueError::new_err(format!("`{text}` is not IP:PORT")))
}

/// Longest time until Python sees Ctrl-C. The core sees it at once; this thread sharing a core with a run, it wakes rarely.
const STEP: Duration = Duration::from_millis(250);

/// Waits without the GIL, in steps short enough for Ctrl-C.
fn wait_for(py: Python<'_>, longest: f64, wait: impl Fn(Duration) -> bool + Sync) -> PyResult<bool> {
    let until = Instant::now() + seconds("longest", longest)?.min(Duration::from_secs(1 << 30));
    loop {
        let rest = until.saturating_duration_since(Instant::now());
        if py.detach(|| wait(rest.min(STEP))) {
            return Ok(true);
        }
        py.check_signals()?;
        if rest.is_zero() {
            return Ok(false);
        }
    }
}

#[pyclass(module = "rttp_cli._core")]
pub(crate) struct Load {
    run: Option<run::Run>,
    _signals: StopOnSignals,
}

#[pymethods]
impl Load {
    #[new]
    #[pyo3(signature = (*, target, rate, size, priority, warmup, duration, count, timeout, spin, core, server_core,
        fifo, fifo_required, awake, lock_memory, meter, stamps, receive_buffer, first_seq, loss, duplicate, corrupt,
        reorder, delay, fault_seed))]
    #[allow(clippy::too_many_arguments, reason = "keywords; the Python side has a class for them")]
    fn new(
        target: Option<&str>,
        rate: Option<f64>,
        size: usize,
        priority: u8,
        warmup: f64,
        duration: f64,
        count: Option<u64>,
        timeout: f64,
        spin: bool,
        core: Option<usize>,
        server_core: Option<usize>,
        fifo: Option<u8>,
        fifo_required: bool,
        awake: bool,
        lock_memory: bool,
        meter: bool,
        stamps: bool,
        receive_buffer: usize,
        first_seq: u32,
        loss: f64,
        duplicate: f64,
        corrupt: f64,
        reorder: f64,
        delay: f64,
        fault_seed: u64,
    ) -> PyResult<Load> {
        let delay_ns = u64::try_from(seconds("delay", delay)?.as_nanos()).unwrap_or(u64::MAX);
        let plan = Plan {
            target: target.map(address).transpose()?,
            pace: match rate {
                Some(rate) if rate.is_finite() && rate > 0.0 => Pace::OpenLoop(rate),
                Some(rate) => return Err(PyValueError::new_err(format!("rate {rate}"))),
                None => Pace::PingPong,
            },
            size,
            priority,
            warmup: seconds("warmup", warmup)?,
            duration: seconds("duration", duration)?,
            count,
            timeout: seconds("timeout", timeout)?,
            spin,
            seat: Seat { core, ..Seat::default() },
            server_seat: Seat { core: server_core, fifo, fifo_required },
            awake,
            lock_memory,
            meter,
            stamps,
            receive_buffer,
            first_seq,
            faults: Faults { loss, duplicate, corrupt, reorder, delay_ns, seed: fault_seed },
        };
        let stop = Arc::new(AtomicBool::new(false));
        let signals = StopOnSignals::watch(&stop)?;
        let run = run::Run::start(plan, stop).map_err(|e| core_error(&e))?;
        Ok(Load { run: Some(run), _signals: signals })
    }

    fn wait(&self, py: Python<'_>, longest: f64) -> PyResult<bool> {
        wait_for(py, longest, |step| self.run.as_ref().is_none_or(|run| run.wait(step)))
    }

    fn progress(&self) -> (u64, u64, u64, f64) {
        self.run.as_ref().map_or((0, 0, 0, 0.0), |run| {
            let p = run.progress();
            let load = |n: &std::sync::atomic::AtomicU64| n.load(Ordering::Relaxed);
            (load(&p.sent), load(&p.answered), load(&p.lost), load(&p.elapsed_ns) as f64 / 1e9)
        })
    }

    fn stop(&self) {
        if let Some(run) = &self.run {
            run.stop();
        }
    }

    fn finish<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let run = self.run.take().ok_or_else(|| PyRuntimeError::new_err("finished before"))?;
        let outcome = py.detach(|| run.finish()).map_err(|e| core_error(&e))?;
        outcome_dict(py, &outcome)
    }
}

#[pyclass(module = "rttp_cli._core")]
pub(crate) struct Server {
    server: Option<server::Server>,
    _signals: StopOnSignals,
    stopped: Arc<AtomicBool>,
    _awake: Option<AwakeCores>,
    asked: Vec<Asked>,
}

#[pymethods]
impl Server {
    #[new]
    #[allow(clippy::too_many_arguments, reason = "keywords")]
    #[pyo3(signature = (*, listen, echo, spin, core, fifo, awake, lock_memory, receive_buffer))]
    fn new(
        listen: &str,
        echo: bool,
        spin: bool,
        core: Option<usize>,
        fifo: Option<u8>,
        awake: bool,
        lock_memory: bool,
        receive_buffer: usize,
    ) -> PyResult<Server> {
        let options = ServerOptions {
            address: address(listen)?,
            fingerprint: [0; 32],
            echo,
            spin,
            seat: Seat { core, fifo, fifo_required: true },
            udp: UdpOptions { receive_buffer, ..UdpOptions::default() },
        };
        let mut asked = Vec::new();
        let held = if awake { AwakeCores::hold().map(Some) } else { Ok(None) };
        if awake {
            let granted = held.is_ok();
            let detail = held.as_ref().map_or_else(|e| format!("/dev/cpu_dma_latency: {e}"), |_| "0 µs".into());
            asked.push(Asked { what: "cpu-dma-latency", granted, detail });
        }
        if lock_memory {
            let refused = host::lock_memory().err();
            let detail = refused.as_ref().map_or_else(|| "all memory".into(), ToString::to_string);
            asked.push(Asked { what: "mlock", granted: refused.is_none(), detail });
        }
        let stopped = Arc::new(AtomicBool::new(false));
        let signals = StopOnSignals::watch(&stopped)?;
        let server = server::Server::start(options, &Clock::new(), None).map_err(|e| core_error(&e))?;
        Ok(Server { server: Some(server), _signals: signals, stopped, _awake: held.ok().flatten(), asked })
    }

    #[getter]
    fn address(&self) -> Option<String> {
        self.server.as_ref().map(|s| s.address().to_string())
    }

    fn wait(&self, py: Python<'_>, longest: f64) -> PyResult<bool> {
        wait_for(py, longest, |step| {
            std::thread::sleep(step.min(STEP / 2));
            self.stopped.load(Ordering::Relaxed)
        })
    }

    fn progress(&self) -> (u64, u64, u64) {
        self.server.as_ref().map_or((0, 0, 0), |server| {
            let live = server.live();
            let load = |n: &std::sync::atomic::AtomicU64| n.load(Ordering::Relaxed);
            (load(&live.received), load(&live.answered), load(&live.rejected))
        })
    }

    fn finish<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let server = self.server.take().ok_or_else(|| PyRuntimeError::new_err("finished before"))?;
        let mut outcome = py.detach(|| server.stop()).map_err(|e| core_error(&e))?;
        outcome.asked.append(&mut self.asked);
        server_dict(py, &outcome)
    }
}

#[pyfunction]
pub(crate) fn allowed_cores() -> Vec<usize> {
    host::allowed_cores()
}

#[pyfunction]
pub(crate) fn quantile_ranks(n: u64, q: f64, confidence: f64) -> Option<(u64, u64, Option<u64>)> {
    quantile::ranks(n, q, confidence).map(|r| (r.at, r.lower, r.upper))
}

#[pyfunction]
pub(crate) fn idle_thread() -> PyResult<()> {
    Ok(host::set_idle()?)
}

fn outcome_dict<'py>(py: Python<'py>, o: &Outcome) -> PyResult<Bound<'py, PyDict>> {
    let d = PyDict::new(py);
    d.set_item("target", o.target.to_string())?;
    d.set_item("local", o.local.to_string())?;
    d.set_item("started_unix_ns", o.seen.started_unix_ns)?;
    d.set_item("sending_ns", o.seen.sending_ns)?;
    d.set_item("lasted_ns", o.seen.lasted_ns)?;
    d.set_item("interrupted", o.seen.interrupted)?;
    d.set_item("receive_buffer", o.receive_buffer)?;
    let c = PyDict::new(py);
    for (name, count) in [
        ("sent_in_all", o.seen.counts.sent_in_all),
        ("sent", o.seen.counts.sent),
        ("send_refused", o.seen.counts.send_refused),
        ("answered", o.seen.counts.answered),
        ("lost", o.seen.counts.lost),
        ("unfinished", o.seen.counts.unfinished),
        ("unsent", o.seen.counts.unsent),
        ("late", o.seen.counts.late),
        ("duplicates", o.seen.counts.duplicates),
        ("reordered", o.seen.counts.reordered),
        ("unexpected", o.seen.counts.unexpected),
        ("network_errors", o.seen.counts.network_errors),
        ("buffer_drops", o.seen.counts.buffer_drops),
    ] {
        c.set_item(name, count)?;
    }
    c.set_item("rejects", rejects_dict(py, &o.seen.counts.rejects)?)?;
    d.set_item("counts", c)?;
    let h = PyDict::new(py);
    let l = &o.seen.latencies;
    for (name, histogram) in
        [("response", &l.response), ("service", &l.service), ("lateness", &l.lateness), ("wakeup", &l.wakeup)]
    {
        h.set_item(name, encode(histogram))?;
    }
    d.set_item("histograms", h)?;
    d.set_item("tally", o.seen.tally.as_ref().map(|t| tally_dict(py, t)).transpose()?)?;
    d.set_item("server", o.server.as_ref().map(|s| server_dict(py, s)).transpose()?)?;
    d.set_item("usage", usage_dict(py, &o.seen.usage)?)?;
    d.set_item("asked", asked_list(py, &o.asked)?)?;
    let stalls = PyList::empty(py);
    for s in &o.stalls {
        let entry = PyDict::new(py);
        entry.set_item("core", s.core)?;
        entry.set_item("role", s.role)?;
        entry.set_item("count", s.count)?;
        entry.set_item("total_ns", s.total_ns)?;
        entry.set_item("longest_ns", s.longest_ns)?;
        entry.set_item("stalls", s.stalls.clone())?;
        stalls.append(entry)?;
    }
    d.set_item("stalls", stalls)?;
    Ok(d)
}

fn server_dict<'py>(py: Python<'py>, s: &ServerOutcome) -> PyResult<Bound<'py, PyDict>> {
    let d = tally_dict(py, &s.total)?;
    d.set_item("answers_dropped", s.answers_dropped)?;
    d.set_item("receive_buffer", s.receive_buffer)?;
    d.set_item("usage", usage_dict(py, &s.usage)?)?;
    d.set_item("asked", asked_list(py, &s.asked)?)?;
    Ok(d)
}

fn tally_dict<'py>(py: Python<'py>, t: &Tally) -> PyResult<Bound<'py, PyDict>> {
    let d = PyDict::new(py);
    d.set_item("received", t.received)?;
    d.set_item("answered", t.answered)?;
    d.set_item("bytes", t.bytes)?;
    d.set_item("buffer_drops", t.buffer_drops)?;
    d.set_item("rejects", rejects_dict(py, &t.rejects)?)?;
    Ok(d)
}

fn rejects_dict<'py>(py: Python<'py>, counts: &[u64; Slug::TABLE]) -> PyResult<Bound<'py, PyDict>> {
    let d = PyDict::new(py);
    for slug in Slug::ALL {
        let count = counts[usize::from(slug.code())];
        if count > 0 {
            d.set_item(slug.as_str(), count)?;
        }
    }
    Ok(d)
}

fn usage_dict<'py>(py: Python<'py>, u: &Usage) -> PyResult<Bound<'py, PyDict>> {
    let d = PyDict::new(py);
    d.set_item("user_ns", u.user_ns)?;
    d.set_item("system_ns", u.system_ns)?;
    d.set_item("voluntary_switches", u.voluntary_switches)?;
    d.set_item("involuntary_switches", u.involuntary_switches)?;
    Ok(d)
}

fn asked_list<'py>(py: Python<'py>, asked: &[Asked]) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    for a in asked {
        let entry = PyDict::new(py);
        entry.set_item("what", a.what)?;
        entry.set_item("granted", a.granted)?;
        entry.set_item("detail", &a.detail)?;
        list.append(entry)?;
    }
    Ok(list)
}
