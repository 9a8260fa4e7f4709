//! Floors: what this host costs before a socket is opened. How long it keeps a core from a thread that wants it
//! ([`stall_record`]), what a word costs from core to core ([`ring_round_trip`]), and what a look at the clock does
//! ([`clock_cost`]).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use hdrhistogram::Histogram;
use rtrb::{Consumer, Producer, RingBuffer};

use crate::clock::{Clock, Nanos, unix_now};
use crate::error::Error;
use crate::host;
use crate::meter::{Heart, Stall};
use crate::outcome::histogram;

/// A gap between two readings counts from here on. Two readings take 20 ns, so that a microsecond is never our own code.
pub const GAP_FROM: Nanos = 1_000;
/// Gaps are added up from each of these on: an interrupt, [`crate::meter::STALL_FROM`], the limit that pulses are held
/// to, and what only another process or a hypervisor takes.
pub const LEVELS: [Nanos; 4] = [10_000, 100_000, 300_000, 1_000_000];

/// Gaps of one length and longer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Level {
    /// The shortest that counts, ns.
    pub from: Nanos,
    /// How many.
    pub count: u64,
    /// All together, ns.
    pub total: Nanos,
}

/// What a core did while one thread did nothing but read the clock on it.
#[derive(Debug)]
pub struct CoreRecord {
    /// The core.
    pub core: usize,
    /// From the first reading to the last, ns.
    pub watched: Nanos,
    /// How often the clock was read.
    pub readings: u64,
    /// Every gap of [`GAP_FROM`] and more, ns.
    pub gaps: Histogram<u64>,
    /// The longest gap of those, ns; 0 when there was none.
    pub longest: Nanos,
    /// Counts over each of [`LEVELS`].
    pub levels: [Level; 4],
    /// Gaps longer than [`crate::meter::STALL_FROM`] one by one, the first 4,096; their start counts from the start of
    /// the whole record, so that the same instant on two cores shows.
    pub stalls: Vec<Stall>,
}

/// All cores over the same time.
#[derive(Debug)]
pub struct StallRecord {
    /// Ended before its time by a stop.
    pub interrupted: bool,
    /// One for each core asked for, in that order.
    pub cores: Vec<CoreRecord>,
}

/// Watches cores, all at once, by a thread pinned to each that only reads the clock. `stop` ends it early; what was seen
/// by then is kept.
///
/// # Errors
/// A core may not be used, or a thread cannot be started.
pub fn stall_record(cores: &[usize], duration: Duration, stop: &AtomicBool) -> Result<StallRecord, Error> {
    let clock = Clock::new();
    let failed = AtomicBool::new(false);
    let start = clock.now();
    let until = start.saturating_add(nanos(duration));
    let go_on = |now: Nanos| now < until && !stop.load(Ordering::Relaxed) && !failed.load(Ordering::Relaxed);
    let fail = |error: Error| {
        failed.store(true, Ordering::Relaxed);
        error
    };
    let (clock, go_on, fail) = (&clock, &go_on, &fail);
    let records = thread::scope(|scope| {
        let threads = cores.iter().map(|&core| {
            let watch = move || match seat(core) {
                Ok(()) => Ok(watch_core(core, clock, start, go_on)),
                Err(refused) => Err(fail(refused)),
            };
            let spawned = thread::Builder::new().name(format!("rttp-watch-{core}")).spawn_scoped(scope, watch);
            spawned.map_err(|source| fail(Error::Socket { call: "clone", source }))
        });
        // All of them start before the first is waited for.
        let threads: Vec<_> = threads.collect();
        let join = |thread: thread::ScopedJoinHandle<'_, _>| thread.join().unwrap_or(Err(Error::Panicked("watch")));
        threads.into_iter().map(|thread| thread.and_then(join)).collect::<Result<Vec<_>, Error>>()
    })?;
    Ok(StallRecord { interrupted: clock.now() < until, cores: records })
}

fn watch_core(core: usize, clock: &Clock, origin: Nanos, go_on: impl Fn(Nanos) -> bool) -> CoreRecord {
    let heart = Heart::new(Some(core));
    let mut gaps = Gaps::new();
    let first = clock.now();
    let (mut last, mut readings) = (first, 1);
    heart.beat(first);
    while go_on(last) {
        let now = clock.now();
        heart.beat(now);
        gaps.add(now - last);
        last = now;
        readings += 1;
    }
    let relative = |stall: &Stall| Stall { start: stall.start.saturating_sub(origin), length: stall.length };
    CoreRecord {
        core,
        watched: last - first,
        readings,
        gaps: gaps.histogram,
        longest: gaps.longest,
        levels: gaps.levels,
        stalls: heart.stalls().iter().map(relative).collect(),
    }
}

/// Gaps between readings, counted.
struct Gaps {
    histogram: Histogram<u64>,
    longest: Nanos,
    levels: [Level; 4],
}

impl Gaps {
    fn new() -> Gaps {
        Gaps { histogram: histogram(), longest: 0, levels: LEVELS.map(|from| Level { from, count: 0, total: 0 }) }
    }

    #[inline]
    fn add(&mut self, gap: Nanos) {
        if gap >= GAP_FROM {
            self.count(gap);
        }
    }

    #[cold]
    fn count(&mut self, gap: Nanos) {
        self.histogram.saturating_record(gap);
        self.longest = self.longest.max(gap);
        for level in self.levels.iter_mut().filter(|level| gap >= level.from) {
            level.count += 1;
            level.total += gap;
        }
    }
}

/// Round trips of a word between two cores.
#[derive(Debug)]
pub struct RingRecord {
    /// Who asks, who answers.
    pub cores: (usize, usize),
    /// Ended before its time by a stop.
    pub interrupted: bool,
    /// Round trips, ns; one reading of the clock is in each.
    pub round_trips: Histogram<u64>,
}

/// Words that a ring holds. One is on its way at a time, so that its size does not matter.
const RING: usize = 8;

/// Sends a number from core to core and back through two rings, one number at a time, both threads spinning.
///
/// # Errors
/// Both are one core (each would wait for the other to yield it), a core may not be used, or a thread cannot be started.
pub fn ring_round_trip(
    core_a: usize,
    core_b: usize,
    duration: Duration,
    stop: &AtomicBool,
) -> Result<RingRecord, Error> {
    if core_a == core_b {
        return Err(Error::HostLimit(format!("a ring between cores needs two of them, both ends are on {core_a}")));
    }
    let clock = Clock::new();
    let (ask, asked) = RingBuffer::new(RING);
    let (answer, answered) = RingBuffer::new(RING);
    let until = clock.now().saturating_add(nanos(duration));
    let over = || clock.now() >= until || stop.load(Ordering::Relaxed);
    let over = &over;
    let clock = &clock;
    thread::scope(|scope| {
        // An end that leaves, for whatever reason, drops its halves of the rings; that tells the other.
        let far = thread::Builder::new().name("rttp-ring-b".into()).spawn_scoped(scope, move || {
            seat(core_b)?;
            turn_around(asked, answer, over);
            Ok(())
        });
        let far = far.map_err(|source| Error::Socket { call: "clone", source })?;
        let near = thread::Builder::new().name("rttp-ring-a".into()).spawn_scoped(scope, move || {
            seat(core_a)?;
            Ok(go_round(ask, answered, clock, over))
        });
        let near = near.map_err(|source| Error::Socket { call: "clone", source })?;
        let round_trips = near.join().unwrap_or(Err(Error::Panicked("ring")));
        far.join().unwrap_or(Err(Error::Panicked("ring")))?;
        Ok(RingRecord { cores: (core_a, core_b), interrupted: clock.now() < until, round_trips: round_trips? })
    })
}

fn go_round(
    mut ask: Producer<u64>,
    mut answered: Consumer<u64>,
    clock: &Clock,
    over: impl Fn() -> bool,
) -> Histogram<u64> {
    let mut round_trips = histogram();
    // The first one waits for the other thread to start, and is not counted.
    for number in 0.. {
        let sent = clock.now();
        if ask.push(number).is_err() || await_word(&mut answered, &over) != Some(number) {
            break;
        }
        let back = clock.now();
        if number > 0 {
            round_trips.saturating_record(back - sent);
        }
        if over() {
            break;
        }
    }
    round_trips
}

fn turn_around(mut asked: Consumer<u64>, mut answer: Producer<u64>, over: impl Fn() -> bool) {
    while let Some(number) = await_word(&mut asked, &over) {
        if answer.push(number).is_err() {
            break;
        }
    }
}

/// Looks at a ring until there is a word; `None` when the other end has left or time is over.
fn await_word(ring: &mut Consumer<u64>, over: impl Fn() -> bool) -> Option<u64> {
    // The clock is not looked at before a wait is far longer than a round trip.
    const PATIENCE: u32 = 4096;
    let mut looks = 0_u32;
    loop {
        if let Ok(number) = ring.pop() {
            return Some(number);
        }
        looks += 1;
        if looks.is_multiple_of(PATIENCE) && over() {
            return None;
        }
        if ring.is_abandoned() && ring.is_empty() {
            return None;
        }
        std::hint::spin_loop();
    }
}

/// What one reading of a clock costs, ns.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ClockCost {
    /// The clock of a run ([`Clock::now`]).
    pub run: f64,
    /// The kernel's (`clock_gettime`), which stamps what goes on the wire.
    pub kernel: f64,
}

/// Readings in one batch, enough for a clock that only counts microseconds.
const BATCH: u32 = 500;
/// Batches; their median does not see a stall.
const BATCHES: usize = 101;

/// Reads both clocks for some milliseconds (where a reading costs a microsecond: a tenth of a second).
#[must_use]
pub fn clock_cost() -> ClockCost {
    let clock = Clock::new();
    let run = median_cost(&clock, || clock.now());
    ClockCost { run, kernel: median_cost(&clock, unix_now) }
}

fn median_cost(clock: &Clock, read: impl Fn() -> u64) -> f64 {
    let mut batches = [0; BATCHES];
    for batch in &mut batches {
        let before = clock.now();
        for _ in 0..BATCH {
            std::hint::black_box(read());
        }
        *batch = clock.now() - before;
    }
    batches.sort_unstable();
    batches[BATCHES / 2] as f64 / f64::from(BATCH)
}

/// A measurement under way on a thread of its own, for callers that must not block.
pub struct UnderWay<T> {
    /// Raised when it is dropped: then nobody else could end it.
    stop: Arc<AtomicBool>,
    done: std::sync::mpsc::Receiver<Result<T, Error>>,
    outcome: Option<Result<T, Error>>,
}

impl<T: Send + 'static> UnderWay<T> {
    /// Starts it. It is to end soon after `stop` is raised.
    ///
    /// # Errors
    /// The thread cannot be started. Everything else comes out of [`UnderWay::finish`].
    pub fn start(
        stop: Arc<AtomicBool>,
        measure: impl FnOnce(&AtomicBool) -> Result<T, Error> + Send + 'static,
    ) -> Result<UnderWay<T>, Error> {
        let (tell, done) = std::sync::mpsc::channel();
        let stopped = stop.clone();
        let run = move || {
            // Nobody listens any more when it was dropped.
            let _ = tell.send(measure(&stopped));
        };
        let thread = thread::Builder::new().name("rttp-floor".into()).spawn(run);
        thread.map_err(|source| Error::Socket { call: "clone", source })?;
        Ok(UnderWay { stop, done, outcome: None })
    }

    /// Waits for the end, at most so long, without a wake-up in between that would show in the record; whether it has
    /// come.
    pub fn wait(&mut self, longest: Duration) -> bool {
        use std::sync::mpsc::RecvTimeoutError::{Disconnected, Timeout};
        if self.outcome.is_none() {
            self.outcome = match self.done.recv_timeout(longest) {
                Ok(outcome) => Some(outcome),
                Err(Timeout) => None,
                Err(Disconnected) => Some(Err(Error::Panicked("floor"))),
            };
        }
        self.outcome.is_some()
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// Those of the measurement.
    pub fn finish(mut self) -> Result<T, Error> {
        let outcome = self.outcome.take();
        outcome.unwrap_or_else(|| self.done.recv().unwrap_or(Err(Error::Panicked("floor"))))
    }
}

impl<T> Drop for UnderWay<T> {
    /// Ends it early.
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn seat(core: usize) -> Result<(), Error> {
    host::pin(&[core]).map_err(|source| Error::Forbidden { what: format!("running on core {core}"), source })
}

fn nanos(duration: Duration) -> Nanos {
    Nanos::try_from(duration.as_nanos()).unwrap_or(Nanos::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_counts_on_every_level_that_it_reaches_and_on_no_other() {
        let mut gaps = Gaps::new();
        for gap in [20, 999, 1_000, 9_999, 10_000, 100_000, 299_999, 300_000, 5_000_000] {
            gaps.add(gap);
        }
        let counts = gaps.levels.map(|level| (level.from, level.count, level.total));
        assert_eq!(counts[0], (10_000, 5, 5_709_999));
        assert_eq!(counts[1], (100_000, 4, 5_699_999));
        assert_eq!(counts[2], (300_000, 2, 5_300_000));
        assert_eq!(counts[3], (1_000_000, 1, 5_000_000));
        assert_eq!(gaps.histogram.len(), 7, "a gap below a microsecond is our own code");
        assert_eq!(gaps.longest, 5_000_000);
    }

    #[test]
    fn a_gap_beyond_the_histogram_is_counted_all_the_same() {
        let mut gaps = Gaps::new();
        gaps.add(Nanos::MAX / 2);
        assert_eq!((gaps.histogram.len(), gaps.levels[3].count, gaps.longest), (1, 1, Nanos::MAX / 2));
    }

    #[test]
    fn an_end_that_leaves_ends_the_wait_of_the_other() {
        let (far, mut near) = RingBuffer::<u64>::new(RING);
        drop(far);
        assert_eq!(await_word(&mut near, || false), None);
    }

    #[test]
    fn a_word_sent_before_leaving_still_arrives() {
        let (mut far, mut near) = RingBuffer::new(RING);
        far.push(7u64).unwrap();
        drop(far);
        assert_eq!(await_word(&mut near, || false), Some(7));
        assert_eq!(await_word(&mut near, || false), None);
    }

    #[test]
    fn a_silent_other_end_is_waited_for_no_longer_than_the_time_given() {
        let (_far, mut near) = RingBuffer::<u64>::new(RING);
        assert_eq!(await_word(&mut near, || true), None);
    }

    #[test]
    fn words_that_came_back_wrong_end_the_ring() {
        let (ask, _asked) = RingBuffer::new(RING);
        let (mut answer, answered) = RingBuffer::new(RING);
        answer.push(99).unwrap();
        assert!(go_round(ask, answered, &Clock::new(), || false).is_empty());
    }

    #[test]
    fn a_reading_costs_something_and_less_than_a_system_call_to_a_disk() {
        let cost = clock_cost();
        for ns in [cost.run, cost.kernel] {
            assert!(ns > 0.0 && ns < 1e6, "{cost:?}");
        }
    }
}
