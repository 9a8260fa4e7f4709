//! The load engine and the responder as objects that Python starts, watches and stops.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use pyo3::create_exception;
use pyo3::exceptions::{PyException, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};
use rttp_io::clock::{Clock, Nanos};
use rttp_io::error::Error;
use rttp_io::host::{self, Asked, AwakeCores, Seat};
use rttp_io::link::{Faults, UdpOptions};
use rttp_io::outcome::{
    BANDS, Latencies, Outcome, ServerOutcome, SessionCounts, SessionOutcome, StreamCounts, Usage, encode,
};
use rttp_io::recorder::Record;
use rttp_io::run;
use rttp_io::server::{self, Idle, ServerOptions};
use rttp_io::setup::Setup;
use rttp_io::signals::StopOnSignals;
use rttp_load::plan::Plan;
use rttp_load::schedule;
use rttp_proto::pulse::Pulse;
use rttp_proto::reject::Slug;
use rttp_proto::tally::Tally;

use crate::trace::Trace;

create_exception!(rttp_cli._core, CoreError, PyException);

pub(crate) fn core_error(error: &Error) -> PyErr {
    CoreError::new_err((error.slug(), error.to_string()))
}

fn nanoseconds(name: &str, value: f64) -> PyResult<u64> {
    Ok(u64::try_from(seconds(name, value)?.as_nanos()).unwrap_or(u64::MAX))
}

pub(crate) fn seconds(name: &str, value: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(value).map_err(|e| PyValueError::new_err(format!("{name}: {e}")))
}

fn address(text: &str) -> PyResult<SocketAddr> {
    text.parse().map_err(|_| PyValueError::new_err(format!("`{text}` is not IP:PORT")))
}

/// The profiles of the folder of that name, by name: a package has no place for files outside of it.
const SHIPPED: [(&str, &str); 11] = {
    macro_rules! shipped {
        ($($name:literal),*) => {
            [$(($name, include_str!(concat!("../../../profiles/", $name, ".yaml")))),*]
        };
    }
    shipped!(
        "default",
        "hft",
        "game-60fps",
        "vr-90fps",
        "robot-1khz",
        "llm-stream",
        "kv-sync",
        "tensor-bulk",
        "mixed-priority",
        "burst-storm",
        "ci-smoke"
    )
};

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
    names: Vec<String>,
    _signals: StopOnSignals,
}

#[pymethods]
impl Load {
    #[new]
    #[pyo3(signature = (plan, traces, *, targets, workers, spin, cores, server_core, fifo, fifo_required, awake,
        lock_memory, meter, stamps, receive_buffer, first_seq, segments, interval, interval_log, slowest, loss, duplicate,
        corrupt, reorder, delay, fault_seed))]
    #[allow(clippy::too_many_arguments, reason = "keywords; the Python side has a class for them")]
    fn new(
        plan: &str,
        traces: Vec<Bound<'_, Trace>>,
        targets: Vec<String>,
        workers: usize,
        spin: bool,
        cores: Vec<Option<usize>>,
        server_core: Option<usize>,
        fifo: Option<u8>,
        fifo_required: bool,
        awake: bool,
        lock_memory: bool,
        meter: bool,
        stamps: bool,
        receive_buffer: usize,
        first_seq: u32,
        segments: u16,
        interval: f64,
        interval_log: Option<PathBuf>,
        slowest: usize,
        loss: f64,
        duplicate: f64,
        corrupt: f64,
        reorder: f64,
        delay: f64,
        fault_seed: u64,
    ) -> PyResult<Load> {
        let delay_ns = nanoseconds("delay", delay)?;
        let setup = Setup {
            plan: Plan::from_json(plan).map_err(PyValueError::new_err)?,
            traces: traces.iter().map(|trace| trace.get().share()).collect(),
            targets: targets.iter().map(|text| address(text)).collect::<PyResult<_>>()?,
            workers,
            spin,
            seats: cores.into_iter().map(|core| Seat { core, ..Seat::default() }).collect(),
            server_seat: Seat { core: server_core, fifo, fifo_required },
            awake,
            lock_memory,
            meter,
            stamps,
            receive_buffer,
            first_seq,
            segments,
            faults: Faults { loss, duplicate, corrupt, reorder, delay_ns, seed: fault_seed },
            interval_ns: nanoseconds("interval", interval)?.max(1_000_000),
            interval_log,
            slowest: slowest.min(100_000),
        };
        let names = setup.plan.streams.iter().map(|s| s.name.clone()).collect();
        let stop = Arc::new(AtomicBool::new(false));
        let signals = StopOnSignals::watch(&stop)?;
        let run = run::Run::start(setup, stop).map_err(|e| core_error(&e))?;
        Ok(Load { run: Some(run), names, _signals: signals })
    }

    fn wait(&self, py: Python<'_>, longest: f64) -> PyResult<bool> {
        wait_for(py, longest, |step| self.run.as_ref().is_none_or(|run| run.wait(step)))
    }

    fn progress(&self) -> (u64, u64, u64, f64) {
        self.run.as_ref().map_or((0, 0, 0, 0.0), |run| {
            let (sent, answered, lost, elapsed_ns) = run.view().totals();
            (sent, answered, lost, elapsed_ns as f64 / 1e9)
        })
    }

    fn live<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let live = self.run.as_ref().map(|run| run.view().live.lock().unwrap_or_else(PoisonError::into_inner).clone());
        let live = live.unwrap_or_default();
        let d = PyDict::new(py);
        d.set_item("intervals", live.intervals)?;
        d.set_item("tail", live.tail)?;
        let streams = PyList::empty(py);
        for (stream, name) in live.streams.iter().zip(&self.names) {
            let entry = PyDict::new(py);
            entry.set_item("name", name)?;
            entry.set_item("sent_pps", stream.sent_pps)?;
            entry.set_item("sent", stream.sent)?;
            entry.set_item("answered", stream.answered)?;
            entry.set_item("lost", stream.lost)?;
            entry.set_item("percentiles_ns", stream.percentiles)?;
            streams.append(entry)?;
        }
        d.set_item("streams", streams)?;
        let rejects = self.run.as_ref().map_or([0; Slug::TABLE], |run| run.view().rejects());
        d.set_item("rejects", rejects_dict(py, &rejects)?)?;
        let stalls = PyList::empty(py);
        for (core, role, count, total_ns) in self.run.iter().flat_map(|run| run.view().stalls()) {
            let entry = PyDict::new(py);
            entry.set_item("core", core)?;
            entry.set_item("role", role)?;
            entry.set_item("count", count)?;
            entry.set_item("total_ns", total_ns)?;
            stalls.append(entry)?;
        }
        d.set_item("stalls", stalls)?;
        Ok(d)
    }

    fn stop(&self) {
        if let Some(run) = &self.run {
            run.stop();
        }
    }

    fn finish<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let run = self.run.take().ok_or_else(|| PyRuntimeError::new_err("finished before"))?;
        let outcome = py.detach(|| run.finish()).map_err(|e| core_error(&e))?;
        outcome_dict(py, &outcome, &self.names)
    }
}

#[pyfunction]
pub(crate) fn schedule_digest(py: Python<'_>, plan: &str, traces: Vec<Bound<'_, Trace>>) -> PyResult<String> {
    let plan = Plan::from_json(plan).map_err(PyValueError::new_err)?;
    let traces: Vec<_> = traces.iter().map(|trace| trace.get().share()).collect();
    py.detach(|| schedule::digest(&plan, &traces)).map_err(PyValueError::new_err)
}

#[pyfunction]
pub(crate) fn shipped_profiles(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let d = PyDict::new(py);
    for (name, text) in SHIPPED {
        d.set_item(name, text)?;
    }
    Ok(d)
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
            idle: match (spin, echo) {
                (true, _) => Idle::Spin,
                (false, true) => Idle::Block,
                (false, false) => Idle::Nap,
            },
            seat: Seat { core, fifo, fifo_required: true },
            udp: UdpOptions { receive_buffer, merged: !echo && !spin, ..UdpOptions::default() },
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
            (live.received, live.answered, live.rejected())
        })
    }

    fn live<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        tally_dict(py, &self.server.as_ref().map(server::Server::live).unwrap_or_default())
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
pub(crate) fn idle_thread() -> PyResult<()> {
    Ok(host::set_idle()?)
}

fn outcome_dict<'py>(py: Python<'py>, o: &Outcome, names: &[String]) -> PyResult<Bound<'py, PyDict>> {
    let d = PyDict::new(py);
    d.set_item("started_unix_ns", o.started_unix_ns)?;
    d.set_item("sending_ns", o.sending_ns)?;
    d.set_item("lasted_ns", o.lasted_ns)?;
    d.set_item("interrupted", o.interrupted)?;
    d.set_item("stalled_pulses", o.stalled_pulses)?;
    d.set_item("session", session_counts_dict(py, &o.session)?)?;
    let (mut counts, mut latencies) = (StreamCounts::default(), Latencies::default());
    let streams = PyList::empty(py);
    for (stream, name) in o.streams.iter().zip(names) {
        counts.add(&stream.counts);
        latencies.add(&stream.latencies);
        let entry = PyDict::new(py);
        entry.set_item("name", name)?;
        entry.set_item("counts", stream_counts_dict(py, &stream.counts)?)?;
        entry.set_item("histograms", histograms_dict(py, &stream.latencies, false)?)?;
        entry.set_item("drift_ppm", stream.drift.ppm())?;
        streams.append(entry)?;
    }
    d.set_item("streams", streams)?;
    d.set_item("counts", stream_counts_dict(py, &counts)?)?;
    let h = histograms_dict(py, &latencies, true)?;
    h.set_item("pacing", encode(&o.pacing))?;
    d.set_item("histograms", h)?;
    let bands = PyList::empty(py);
    for (i, band) in o.bands.iter().enumerate().filter(|(_, band)| band.sent > 0) {
        let entry = PyDict::new(py);
        entry.set_item("from_priority", i * 256 / BANDS)?;
        entry.set_item("to_priority", (i + 1) * 256 / BANDS - 1)?;
        entry.set_item("sent", band.sent)?;
        entry.set_item("answered", band.answered)?;
        entry.set_item("missing", band.missing)?;
        entry.set_item("response", encode(&band.response))?;
        bands.append(entry)?;
    }
    d.set_item("bands", bands)?;
    let sessions = PyList::empty(py);
    for session in &o.sessions {
        sessions.append(session_dict(py, session, o.origin)?)?;
    }
    d.set_item("sessions", sessions)?;
    let (slowest, lost) = o.recorder.records();
    let flights = |records: &[Record]| -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        for record in records {
            list.append(record_dict(py, record, o.origin, names)?)?;
        }
        Ok(list)
    };
    d.set_item("slowest", flights(slowest)?)?;
    d.set_item("lost", flights(lost)?)?;
    d.set_item("server", o.server.as_ref().map(|s| server_dict(py, s)).transpose()?)?;
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
    let pieces = PyList::empty(py);
    for piece in &o.pieces {
        let entry = PyDict::new(py);
        entry.set_item("from_ns", piece.began.cast_signed() - o.origin.cast_signed())?;
        entry.set_item("length_ns", piece.ended - piece.began)?;
        entry.set_item("sent", piece.sent)?;
        entry.set_item("lost", piece.lost)?;
        entry.set_item("response", encode(&piece.response))?;
        entry.set_item("stalled", (!piece.stalled.is_empty()).then(|| encode(&piece.stalled)))?;
        pieces.append(entry)?;
    }
    d.set_item("intervals", pieces)?;
    Ok(d)
}

fn session_counts_dict<'py>(py: Python<'py>, c: &SessionCounts) -> PyResult<Bound<'py, PyDict>> {
    let d = PyDict::new(py);
    d.set_item("sent_in_all", c.sent_in_all)?;
    d.set_item("unexpected", c.unexpected)?;
    d.set_item("network_errors", c.network_errors)?;
    d.set_item("buffer_drops", c.buffer_drops)?;
    d.set_item("rejects", rejects_dict(py, &c.rejects)?)?;
    Ok(d)
}

fn stream_counts_dict<'py>(py: Python<'py>, c: &StreamCounts) -> PyResult<Bound<'py, PyDict>> {
    let d = PyDict::new(py);
    for (name, count) in [
        ("sent", c.sent),
        ("bytes", c.bytes),
        ("send_refused", c.send_refused),
        ("answered", c.answered),
        ("lost", c.lost),
        ("one_way", c.one_way),
        ("unfinished", c.unfinished),
        ("unsent", c.unsent),
        ("dropped", c.dropped),
        ("late", c.late),
        ("duplicates", c.duplicates),
        ("reordered", c.reordered),
        ("messages", c.messages),
        ("complete", c.complete),
        ("kept", c.kept),
        ("missed", c.missed),
    ] {
        d.set_item(name, count)?;
    }
    Ok(d)
}

/// By name; empty ones only when all are wanted.
fn histograms_dict<'py>(py: Python<'py>, latencies: &Latencies, all: bool) -> PyResult<Bound<'py, PyDict>> {
    let d = PyDict::new(py);
    for (name, histogram) in latencies.named().into_iter().filter(|(_, h)| all || !h.is_empty()) {
        d.set_item(name, encode(histogram))?;
    }
    Ok(d)
}

fn session_dict<'py>(py: Python<'py>, s: &SessionOutcome, origin: Nanos) -> PyResult<Bound<'py, PyDict>> {
    let d = PyDict::new(py);
    d.set_item("target", s.target.to_string())?;
    d.set_item("local", s.local.to_string())?;
    d.set_item("core", s.core)?;
    d.set_item("receive_buffer", s.receive_buffer)?;
    d.set_item("sent_in_all", s.sent_in_all)?;
    d.set_item("syscalls", s.syscalls)?;
    d.set_item("tally", s.tally.as_ref().map(|t| tally_dict(py, t)).transpose()?)?;
    d.set_item("usage", usage_dict(py, &s.usage)?)?;
    let clock = PyDict::new(py);
    clock.set_item("shared", s.clock.shared)?;
    clock.set_item("below_zero", s.clock.below_zero)?;
    let fit = s.clock.fit;
    clock.set_item("offset_ns", fit.map(|f| f.offset_ns))?;
    clock.set_item("at_ns", fit.map(|f| f.at.cast_signed() - origin.cast_signed()))?;
    clock.set_item("skew_ppm", fit.map(|f| f.skew_ppm))?;
    clock.set_item("uncertainty_ns", fit.map(|f| f.uncertainty_ns))?;
    clock.set_item("points", fit.map_or(0, |f| f.points))?;
    d.set_item("clock", clock)?;
    Ok(d)
}

fn record_dict<'py>(py: Python<'py>, r: &Record, origin: Nanos, names: &[String]) -> PyResult<Bound<'py, PyDict>> {
    let d = PyDict::new(py);
    let after = |t: Nanos| t.cast_signed() - origin.cast_signed();
    let answered = r.landed != 0;
    d.set_item("stream", names.get(usize::from(r.launch.stream)))?;
    d.set_item("seq_id", r.seq_id)?;
    d.set_item("priority", r.launch.priority)?;
    d.set_item("length", r.launch.length)?;
    d.set_item("due_ns", after(r.launch.due))?;
    d.set_item("sent_ns", after(r.launch.sent))?;
    d.set_item("sent_unix_ns", r.sent_unix)?;
    let target_unix = Pulse::parse(&r.answer).ok().filter(|_| answered).map(|p| p.timestamp_ns());
    d.set_item("target_unix_ns", target_unix)?;
    d.set_item("kernel_unix_ns", r.kernel_unix)?;
    d.set_item("landed_ns", answered.then(|| after(r.landed)))?;
    d.set_item("landed_unix_ns", answered.then_some(r.landed_unix))?;
    d.set_item("pulse", PyBytes::new(py, &r.pulse))?;
    d.set_item("answer", answered.then(|| PyBytes::new(py, &r.answer)))?;
    Ok(d)
}

fn server_dict<'py>(py: Python<'py>, s: &ServerOutcome) -> PyResult<Bound<'py, PyDict>> {
    let d = tally_dict(py, &s.total)?;
    d.set_item("answers_dropped", s.answers_dropped)?;
    d.set_item("receive_buffer", s.receive_buffer)?;
    d.set_item("syscalls", s.syscalls)?;
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
