//! One run from setup to outcome: the host is asked, the responder started, the load sent, and what all saw put together.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rttp_load::plan::Priority;
use rttp_load::schedule::Schedule;
use rttp_proto::reject::Slug;

use crate::book::Book;
use crate::clock::{Clock, Nanos, unix_now};
use crate::error::Error;
use crate::generator::{Generator, Progress, Start, Task};
use crate::host::{self, Asked, AwakeCores};
use crate::interval::{Collected, Collector, Live, LogTo, Reporter};
use crate::link::{FaultyLink, UdpLink, UdpOptions};
use crate::meter::Heart;
use crate::outcome::{
    BANDS, BandOutcome, Outcome, Seen, SessionCounts, SessionOutcome, StreamOutcome, band_of, histogram,
};
use crate::recorder::Recorder;
use crate::server::{Idle, Server, ServerOptions};
use crate::setup::{Setup, WORKERS};
use crate::watch::{Watch, Watches};

/// Tells whoever waits that a thread has ended, however it did.
#[derive(Default)]
struct Ended {
    flag: Mutex<bool>,
    bell: Condvar,
}

struct RingsAtTheEnd(Arc<Ended>);

impl Drop for RingsAtTheEnd {
    fn drop(&mut self) {
        *self.0.flag.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.bell.notify_all();
    }
}

/// What others may see of a run while it lasts.
pub struct View {
    /// Of each sender.
    pub senders: Vec<Progress>,
    /// The latest interval.
    pub live: Arc<Mutex<Live>>,
    hearts: OnceLock<Vec<(Arc<Heart>, &'static str)>>,
}

impl View {
    /// Of a run of so many senders.
    #[must_use]
    pub fn new(workers: usize) -> View {
        let senders = (0..workers.clamp(1, WORKERS)).map(|_| Progress::default()).collect();
        View { senders, live: Arc::default(), hearts: OnceLock::new() }
    }

    /// Measured pulses sent, answered and lost, and the time since the measured time began, ns.
    #[must_use]
    pub fn totals(&self) -> (u64, u64, u64, u64) {
        self.senders.iter().fold((0, 0, 0, 0), |(sent, answered, lost, elapsed), p| {
            (
                sent + p.sent.load(Ordering::Relaxed),
                answered + p.answered.load(Ordering::Relaxed),
                lost + p.lost.load(Ordering::Relaxed),
                elapsed.max(p.elapsed_ns.load(Ordering::Relaxed)),
            )
        })
    }
}

impl View {
    /// Of each watched core: which, its role, how many stalls so far and how long all of them together, ns.
    #[must_use]
    pub fn stalls(&self) -> Vec<(Option<usize>, &'static str, usize, Nanos)> {
        let told = |(heart, role): &(Arc<Heart>, &'static str)| {
            let (count, total_ns) = heart.totals();
            (heart.core, *role, count, total_ns)
        };
        self.hearts.get().into_iter().flatten().map(told).collect()
    }

    /// Datagrams so far that are no pulses, by slug code.
    #[must_use]
    pub fn rejects(&self) -> [u64; Slug::TABLE] {
        let mut sum = [0; Slug::TABLE];
        for sender in &self.senders {
            let seen = *sender.rejects.lock().unwrap_or_else(PoisonError::into_inner);
            sum.iter_mut().zip(seen).for_each(|(all, one)| *all += one);
        }
        sum
    }
}

/// A run under way.
pub struct Run {
    ended: Arc<Ended>,
    stop: Arc<AtomicBool>,
    view: Arc<View>,
    thread: Option<JoinHandle<Result<Outcome, Error>>>,
}

impl Run {
    /// Starts a run on threads of its own. `stop` ends it early; what was measured by then is kept.
    ///
    /// # Errors
    /// The thread cannot be started. Everything else comes out of [`Run::finish`].
    pub fn start(setup: Setup, stop: Arc<AtomicBool>) -> Result<Run, Error> {
        let view = Arc::new(View::new(setup.workers));
        let (told, seen) = (stop.clone(), view.clone());
        let ended = Arc::new(Ended::default());
        let rings = RingsAtTheEnd(ended.clone());
        let thread = thread::Builder::new()
            .name("rttp-sender".into())
            .spawn(move || {
                let _rings = rings;
                execute(&setup, &told, &seen)
            })
            .map_err(|source| Error::Socket { call: "clone", source })?;
        Ok(Run { ended, stop, view, thread: Some(thread) })
    }

    /// How far it is.
    #[must_use]
    pub fn view(&self) -> &View {
        &self.view
    }

    /// Waits for the end, at most so long, without a wake-up in between that would disturb it; whether it has come.
    #[must_use]
    pub fn wait(&self, longest: Duration) -> bool {
        let flag = self.ended.flag.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.ended.bell.wait_timeout_while(flag, longest, |ended| !*ended);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Ends it early.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// Why the run could not start or go on.
    pub fn finish(mut self) -> Result<Outcome, Error> {
        let ended = self.thread.take().map(JoinHandle::join);
        ended.and_then(Result::ok).unwrap_or(Err(Error::Panicked("sender")))
    }
}

impl Drop for Run {
    /// Nobody could stop it any more.
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.stop();
        }
    }
}

/// All senders start their schedules at one instant, when the last is ready.
struct Gate {
    state: Mutex<(usize, bool, Option<Nanos>)>,
    bell: Condvar,
    workers: usize,
}

/// From the moment when the last sender is ready to the start: the others have to wake up.
const HEAD_START: Nanos = 2_000_000;

impl Gate {
    fn new(workers: usize) -> Gate {
        Gate { state: Mutex::new((0, false, None)), bell: Condvar::new(), workers }
    }

    fn fail(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).1 = true;
        self.bell.notify_all();
    }
}

impl Start for Gate {
    fn agree(&self, now: Nanos) -> Option<Nanos> {
        if self.workers == 1 {
            return Some(now);
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.0 += 1;
        if state.0 == self.workers {
            state.2 = Some(now + HEAD_START);
            self.bell.notify_all();
        }
        loop {
            match *state {
                (_, true, _) => return None,
                (_, _, Some(start)) => return Some(start),
                _ => state = self.bell.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

/// A sender that fails must not leave the others waiting.
struct FailsUnlessDone<'a>(&'a Gate, bool);

impl Drop for FailsUnlessDone<'_> {
    fn drop(&mut self) {
        if !self.1 {
            self.0.fail();
        }
    }
}

/// What one sender needs.
struct Worker<'a> {
    setup: &'a Setup,
    clock: &'a Clock,
    watch: Watch,
    target: SocketAddr,
    index: usize,
    /// Which of the messages for its target it sends: shard of shards.
    shard: (u64, u64),
    reporter: Reporter,
}

/// What one sender leaves.
struct Done {
    seen: Seen,
    session: SessionOutcome,
    asked: Vec<Asked>,
}

/// Runs a setup; the first sender on the calling thread.
///
/// # Errors
/// The target cannot be reached or does not answer, or the host refuses what the setup asks for.
pub fn execute(setup: &Setup, stop: &AtomicBool, view: &View) -> Result<Outcome, Error> {
    let clock = Clock::new();
    let mut asked = Vec::new();
    let _awake = setup.awake.then(|| match AwakeCores::hold() {
        Ok(held) => {
            asked.push(Asked { what: "cpu-dma-latency", granted: true, detail: "0 µs".into() });
            Some(held)
        }
        Err(e) => {
            asked.push(Asked::of("cpu-dma-latency", "/dev/cpu_dma_latency", Err(e)));
            None
        }
    });
    if setup.lock_memory {
        asked.push(Asked::of("mlock", "all memory", host::lock_memory()));
    }
    let watches = Watches::new(setup, &clock, &mut asked);
    let _ = view.hearts.set(watches.hearts());
    let server = match setup.targets.is_empty() {
        false => None,
        true => {
            let options = ServerOptions {
                address: (Ipv4Addr::LOCALHOST, 0).into(),
                fingerprint: [0; 32],
                echo: true,
                idle: setup.idle(),
                seat: setup.server_seat.clone(),
                udp: UdpOptions {
                    receive_buffer: setup.receive_buffer,
                    // Only where nothing is answered: control data costs every receive something.
                    merged: setup.idle() == Idle::Nap,
                    ..UdpOptions::default()
                },
            };
            Some(Server::start(options, &clock, watches.responder.clone())?)
        }
    };
    let targets: Vec<SocketAddr> = match &server {
        Some(server) => vec![server.address()],
        None => setup.targets.clone(),
    };
    let workers = setup.workers.clamp(1, WORKERS).max(targets.len());
    let names: Vec<String> = setup.plan.streams.iter().map(|s| s.name.clone()).collect();
    let now = clock.now();
    let log = setup.interval_log.clone().map(|path| LogTo {
        path,
        names,
        timeouts: setup.plan.streams.iter().map(|s| s.timeout_ns).collect(),
        comment: "[rttp: response from schedule by stream, ns; a lost pulse is a sample at its timeout]".into(),
        unix_at_zero: unix_now().saturating_sub(now),
    });
    let senders: Vec<Option<usize>> = (0..workers).map(|worker| setup.seat(worker).core).collect();
    let free = host::allowed_cores().into_iter().filter(|core| !senders.contains(&Some(*core))).collect();
    let streams = setup.plan.streams.len();
    let (collector, reporters) = Collector::start(workers, streams, setup.interval_ns, log, view.live.clone(), free)?;
    let shards = workers as u64;
    let mut jobs: Vec<Worker> = reporters
        .into_iter()
        .enumerate()
        .map(|(index, reporter)| Worker {
            setup,
            clock: &clock,
            watch: watches.of(index),
            target: targets[index % targets.len()],
            index,
            shard: (index as u64, shards),
            reporter,
        })
        .collect();
    let gate = Gate::new(workers);
    let first = jobs.remove(0);
    let seen: Vec<Result<Done, Error>> = thread::scope(|scope| {
        let others: Vec<_> = jobs
            .into_iter()
            .map(|job| {
                let gate = &gate;
                let progress = view.senders.get(job.index);
                thread::Builder::new()
                    .name(format!("rttp-sender-{}", job.index))
                    .spawn_scoped(scope, move || work(job, gate, stop, progress))
            })
            .collect();
        if others.iter().any(Result::is_err) {
            gate.fail();
        }
        let mine = work(first, &gate, stop, view.senders.first());
        let theirs = others.into_iter().map(|thread| match thread {
            Ok(thread) => thread.join().unwrap_or(Err(Error::Panicked("sender"))),
            Err(source) => Err(Error::Socket { call: "clone", source }),
        });
        std::iter::once(mine).chain(theirs).collect()
    });
    let server = server.map(Server::stop).transpose();
    let mut outcome = put_together(setup, seen, collector, watches, server?, asked)?;
    // A stop that came after the senders had ended is one all the same: whoever makes several runs must hear of it.
    outcome.interrupted |= stop.load(Ordering::Relaxed);
    Ok(outcome)
}

fn work(job: Worker, gate: &Gate, stop: &AtomicBool, progress: Option<&Progress>) -> Result<Done, Error> {
    let mut failing = FailsUnlessDone(gate, false);
    let spare = Progress::default();
    let progress = progress.unwrap_or(&spare);
    let setup = job.setup;
    let seat = setup.seat(job.index);
    let asked = seat.take()?;
    let shortest = setup.plan.streams.iter().map(|s| s.timeout_ns).min().unwrap_or(0);
    let patience = Duration::from_nanos(shortest).clamp(Duration::from_millis(1), Duration::from_millis(100));
    let options =
        UdpOptions { receive_buffer: setup.receive_buffer, stamps: setup.stamps, patience, ..UdpOptions::default() };
    let link = UdpLink::connected(job.target, &options)?;
    let (local, receive_buffer) = (link.local(), link.receive_buffer());
    let schedule = Schedule::new(&setup.plan, &setup.traces, job.shard).map_err(Error::BadPlan)?;
    let shared_clock = setup.targets.is_empty() || job.target.ip().is_loopback();
    let book = Book::new(&setup.plan, shared_clock, setup.slowest, job.reporter);
    let (clock, target) = (job.clock, job.target);
    let task = Task { target, schedule, book, worker: job.index as u32 };
    let seen = if setup.faults.none() {
        Generator::new(link, setup, clock, &job.watch, task)?.run(gate, stop, progress)
    } else {
        let link = FaultyLink::new(link, setup.faults, clock.clone());
        Generator::new(link, setup, clock, &job.watch, task)?.run(gate, stop, progress)
    }?;
    failing.1 = true;
    let session = SessionOutcome {
        target,
        local,
        receive_buffer,
        tally: seen.tally,
        clock: seen.clock,
        usage: seen.usage,
        core: seat.core,
        sent_in_all: seen.session.sent_in_all,
        syscalls: seen.syscalls,
    };
    Ok(Done { seen, session, asked })
}

fn put_together(
    setup: &Setup,
    seen: Vec<Result<Done, Error>>,
    collector: Collector,
    watches: Watches,
    server: Option<crate::outcome::ServerOutcome>,
    asked: Vec<Asked>,
) -> Result<Outcome, Error> {
    let mut outcome = Outcome {
        started_unix_ns: 0,
        origin: 0,
        sending_ns: 0,
        lasted_ns: 0,
        interrupted: false,
        sessions: Vec::new(),
        session: SessionCounts::default(),
        streams: vec![StreamOutcome::default(); setup.plan.streams.len()],
        bands: vec![BandOutcome::default(); BANDS],
        pacing: histogram(),
        stalled_pulses: 0,
        recorder: Recorder::new(setup.slowest),
        server,
        asked,
        stalls: Vec::new(),
        pieces: Vec::new(),
        numbers: 0,
    };
    let mut last = Vec::new();
    // The error that began it: the others ended because of it.
    let mut failed = None;
    for result in seen {
        match result {
            Ok(Done { mut seen, session, asked }) => {
                last.push(std::mem::take(&mut seen.interval));
                outcome.add(seen, session);
                outcome.asked.extend(asked.into_iter().filter(|a| !outcome.asked.contains(a)).collect::<Vec<_>>());
            }
            Err(Error::Panicked(who)) => failed = failed.or(Some(Error::Panicked(who))),
            Err(error) => failed = Some(error),
        }
    }
    let collected = collector.finish(last);
    if let Some(error) = failed {
        return Err(error);
    }
    outcome.stalls = watches.finish(outcome.origin);
    let Collected { streams, pieces } = collected?;
    outcome.pieces = pieces;
    for ((stream, (response, stalled)), plan) in outcome.streams.iter_mut().zip(streams).zip(&setup.plan.streams) {
        if !outcome.stalls.is_empty() {
            stream.latencies.undisturbed = response.clone();
            // What a stall touched is a part of it.
            let _ = stream.latencies.undisturbed.subtract(&stalled);
        }
        stream.latencies.response = response;
        if setup.plan.closed() {
            stream.latencies.service = stream.latencies.response.clone();
            stream.latencies.lateness.saturating_record_n(0, stream.counts.sent);
        }
        if let Priority::Fixed { value } = plan.priority {
            let band = &mut outcome.bands[band_of(value)];
            let _ = band.response.add(&stream.latencies.response);
            band.sent += stream.counts.sent;
            band.answered += stream.counts.answered;
            band.missing += stream.counts.lost + stream.counts.unfinished;
            band.longest_loss = band.longest_loss.max(stream.longest_loss);
        }
        stream.enter_losses(plan.timeout_ns, !outcome.stalls.is_empty());
    }
    let longest = setup.plan.streams.iter().map(|s| s.timeout_ns).max().unwrap_or(0);
    for band in &mut outcome.bands {
        band.longest_loss = band.longest_loss.max(longest);
        band.enter_losses();
    }
    Ok(outcome)
}
