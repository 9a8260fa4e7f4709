//! A run second by second: what a log and a live view need, handed from the sender without a lock or an allocation.
//!
//! The sender fills an [`Interval`]; when its time is over it swaps it for an empty one and sends it to the collector, a
//! thread that sleeps meanwhile. The collector adds intervals up (what a stream's `response` is in the end), logs them and
//! keeps the latest for onlookers.

use std::fs::File;
use std::io::{self, LineWriter};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, UNIX_EPOCH};

use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{
    IntervalLogWriter, IntervalLogWriterBuilder, IntervalLogWriterError, Tag,
};

use crate::clock::Nanos;
use crate::error::Error;
use crate::host;
use crate::outcome::histogram;
use crate::pieces::{PIECE, Piece, Pieces};

/// One stream in one interval; measured pulses only.
#[derive(Clone)]
pub struct Slice {
    /// From the scheduled send to the answer, ns.
    pub response: Histogram<u64>,
    /// Of these, what a stall touched.
    pub stalled: Histogram<u64>,
    /// Pulses sent.
    pub sent: u64,
    /// Pulses given up.
    pub lost: u64,
}

/// Slices of intervals that wait for a collector which does not get its turn on a busy host: 1.2 s of one stream.
const SPARE_SLICES: usize = 24;

/// What a sender saw in one interval.
#[derive(Default)]
pub struct Interval {
    /// When it began, ns of the run's clock.
    pub began: Nanos,
    /// When it ended.
    pub ended: Nanos,
    /// By stream.
    pub streams: Vec<Slice>,
}

impl Interval {
    pub(crate) fn new(streams: usize) -> Interval {
        let slice = |_| Slice { response: histogram(), stalled: histogram(), sent: 0, lost: 0 };
        Interval { began: Nanos::MAX, ended: 0, streams: (0..streams).map(slice).collect() }
    }

    fn clear(&mut self) {
        (self.began, self.ended) = (Nanos::MAX, 0);
        for slice in &mut self.streams {
            for histogram in [&mut slice.response, &mut slice.stalled] {
                if !histogram.is_empty() {
                    histogram.reset();
                }
            }
            (slice.sent, slice.lost) = (0, 0);
        }
    }
}

/// A sender's end.
pub(crate) struct Reporter {
    pub(crate) interval: Interval,
    full: SyncSender<(usize, Interval)>,
    returned: Receiver<Interval>,
    /// The one that was used last is on top: its memory is warm, and the others are not touched without need.
    empty: Vec<Interval>,
    worker: usize,
    length: Nanos,
    /// When the interval's time is over. Ends lie on one grid, so that those of all senders agree.
    until: Nanos,
}

impl Reporter {
    /// Starts the first interval.
    pub(crate) fn begin(&mut self, now: Nanos) {
        self.interval.began = now;
        self.until = now.saturating_add(self.length);
    }

    /// Whether the interval's time is over.
    #[inline]
    pub(crate) fn due(&self, now: Nanos) -> bool {
        now >= self.until
    }

    /// Hands the interval over, if there is an empty one; else it goes on.
    #[cold]
    pub(crate) fn turn(&mut self, now: Nanos) {
        self.empty.extend(self.returned.try_iter());
        let Some(mut next) = self.empty.pop() else { return };
        next.began = now;
        self.interval.ended = now;
        let over = now.saturating_sub(self.until) / self.length.max(1) + 1;
        self.until = self.until.saturating_add(over.saturating_mul(self.length));
        let full = std::mem::replace(&mut self.interval, next);
        // The channel has room for every interval that there is.
        let _ = self.full.try_send((self.worker, full));
    }

    /// The last interval, for the sum.
    pub(crate) fn end(mut self, now: Nanos) -> Interval {
        self.interval.ended = now;
        self.interval
    }
}

/// A stream in the latest interval.
#[derive(Clone, Debug, Default)]
pub struct LiveStream {
    /// Pulses sent per second.
    pub sent_pps: f64,
    /// Measured pulses sent, so far.
    pub sent: u64,
    /// Answered so far.
    pub answered: u64,
    /// Given up so far.
    pub lost: u64,
    /// P50, P99, P99.9, P99.99 and maximum of the interval's answers, ns; `None` without answers.
    pub percentiles: Option<[u64; 5]>,
}

/// What onlookers see.
#[derive(Clone, Debug, Default)]
pub struct Live {
    /// Complete intervals so far.
    pub intervals: u64,
    /// By stream.
    pub streams: Vec<LiveStream>,
    /// Of the whole run: counts of answers from 1 µs up, four cells an octave (a rough picture of the tail).
    pub tail: Vec<u64>,
}

/// Cells of [`Live::tail`]: 1 µs … 16 s.
pub const TAIL_CELLS: usize = 96;

fn tail_cell(ns: u64) -> usize {
    let octaves = (ns.max(1) as f64 / 1_000.0).log2().max(0.0);
    ((octaves * 4.0) as usize).min(TAIL_CELLS - 1)
}

/// What the intervals of all senders add up to.
pub(crate) struct Collected {
    /// Of each stream: `response`, and what of it a stall touched.
    pub(crate) streams: Vec<(Histogram<u64>, Histogram<u64>)>,
    pub(crate) pieces: Vec<Piece>,
}

/// The collector's thread.
pub(crate) struct Collector {
    live: Arc<Mutex<Live>>,
    thread: JoinHandle<Result<Collected, Error>>,
    full: SyncSender<(usize, Interval)>,
}

/// Where and how the log is written.
pub(crate) struct LogTo {
    pub(crate) path: PathBuf,
    pub(crate) names: Vec<String>,
    pub(crate) timeouts: Vec<Nanos>,
    pub(crate) comment: String,
    /// Unix time of the run's clock at 0, ns.
    pub(crate) unix_at_zero: u64,
}

impl Collector {
    /// Starts the thread and gives each of `workers` its end. It runs on `cores`: even an idle-class thread takes a whole
    /// tick beside a sender that never sleeps. An empty list leaves that to the kernel.
    ///
    /// # Errors
    /// The log cannot be written, or the thread not be started.
    pub(crate) fn start(
        workers: usize,
        streams: usize,
        length: Nanos,
        log: Option<LogTo>,
        live: Arc<Mutex<Live>>,
        cores: Vec<usize>,
    ) -> Result<(Collector, Vec<Reporter>), Error> {
        let spare = (SPARE_SLICES / streams.max(1)).max(2);
        let (full, filled) = sync_channel(workers * (spare + 1) + 1);
        let mut back = Vec::new();
        let mut reporters = Vec::new();
        for worker in 0..workers {
            let (give, returned) = channel();
            back.push(give);
            let empty = (0..spare).map(|_| Interval::new(streams)).collect();
            let (interval, length) = (Interval::new(streams), length.min(PIECE));
            reporters.push(Reporter { interval, full: full.clone(), returned, empty, worker, length, until: 0 });
        }
        let log = match log {
            Some(to) => Some((LineWriter::new(File::create(&to.path).map_err(|e| to.unwritable(e))?), to)),
            None => None,
        };
        let seen = live.clone();
        let thread = thread::Builder::new()
            .name("rttp-collector".into())
            .spawn(move || {
                // It must never delay a pulse; where the kernel refuses, it works all the same.
                let _ = host::set_idle();
                if !cores.is_empty() {
                    let _ = host::pin(&cores);
                }
                collect(&filled, &back, (streams, length), log, &seen)
            })
            .map_err(|source| Error::Socket { call: "clone", source })?;
        Ok((Collector { live, thread, full }, reporters))
    }

    /// Takes the senders' last intervals, ends the thread and gives what all add up to.
    ///
    /// # Errors
    /// The log could not be written.
    pub(crate) fn finish(self, last: Vec<Interval>) -> Result<Collected, Error> {
        for (worker, interval) in last.into_iter().enumerate() {
            let _ = self.full.send((worker, interval));
        }
        drop(self.full);
        drop(self.live);
        self.thread.join().unwrap_or(Err(Error::Panicked("collector")))
    }
}

/// Adds intervals up until every sender has gone.
fn collect(
    filled: &Receiver<(usize, Interval)>,
    back: &[Sender<Interval>],
    (streams, length): (usize, Nanos),
    log: Option<(LineWriter<File>, LogTo)>,
    live: &Mutex<Live>,
) -> Result<Collected, Error> {
    let mut serializer = V2DeflateSerializer::new();
    let (mut file, to) = log.unzip();
    let mut log = match (&mut file, &to) {
        (Some(file), Some(to)) => Some(Log::begin(to, file, &mut serializer)?),
        _ => None,
    };
    let mut totals: Vec<_> = (0..streams).map(|_| (histogram(), histogram())).collect();
    let mut counts = vec![(0u64, 0u64); streams];
    let mut pieces = Pieces::new(length.min(PIECE));
    // Of all senders, until it is as long as onlookers want it.
    let mut current = Interval::new(streams);
    let mut heard: Vec<bool> = vec![false; back.len()];
    let mut intervals = 0;
    let mut tail = vec![0u64; TAIL_CELLS];
    let mut failed = None;
    loop {
        let next = filled.recv();
        let again = next.as_ref().is_ok_and(|(worker, _)| heard.get(*worker).copied().unwrap_or(false));
        if again || heard.iter().all(|heard| *heard) {
            heard.fill(false);
        }
        let long = current.ended >= current.began.saturating_add(length) && !heard.contains(&true);
        if long || (next.is_err() && current.ended > 0) {
            if let Some(written) = log.as_mut().map(|log| log.write(&current)) {
                failed = failed.or(written.err());
            }
            intervals += 1;
            publish(&current, &counts, &totals, intervals, &tail, live);
            current.clear();
        }
        let Ok((worker, mut interval)) = next else { break };
        current.began = current.began.min(interval.began);
        current.ended = current.ended.max(interval.ended);
        pieces.add(&interval);
        for (i, slice) in interval.streams.iter().enumerate() {
            if !slice.response.is_empty() {
                for cell in slice.response.iter_recorded() {
                    tail[tail_cell(cell.value_iterated_to())] += cell.count_at_value();
                }
                let _ = totals[i].0.add(&slice.response);
                let _ = current.streams[i].response.add(&slice.response);
            }
            if !slice.stalled.is_empty() {
                let _ = totals[i].1.add(&slice.stalled);
            }
            current.streams[i].sent += slice.sent;
            current.streams[i].lost += slice.lost;
            counts[i].0 += slice.sent;
            counts[i].1 += slice.lost;
        }
        if let Some(heard) = heard.get_mut(worker) {
            *heard = true;
        }
        interval.clear();
        if let Some(give) = back.get(worker) {
            let _ = give.send(interval);
        }
    }
    let done = Collected { streams: totals, pieces: pieces.finish() };
    failed.map_or(Ok(done), Err)
}

fn publish(
    current: &Interval,
    counts: &[(u64, u64)],
    totals: &[(Histogram<u64>, Histogram<u64>)],
    intervals: u64,
    tail: &[u64],
    live: &Mutex<Live>,
) {
    let seconds = current.ended.saturating_sub(current.began) as f64 / 1e9;
    let streams = current.streams.iter().zip(counts).zip(totals).map(|((slice, (sent, lost)), total)| LiveStream {
        sent_pps: if seconds > 0.0 { slice.sent as f64 / seconds } else { 0.0 },
        sent: *sent,
        answered: total.0.len(),
        lost: *lost,
        percentiles: (!slice.response.is_empty())
            .then(|| [0.5, 0.99, 0.999, 0.9999, 1.0].map(|q| slice.response.value_at_quantile(q))),
    });
    let view = Live { intervals, streams: streams.collect(), tail: tail.to_vec() };
    *live.lock().unwrap_or_else(PoisonError::into_inner) = view;
}

/// The interval log (.hlog): one line a stream and interval, tagged with the stream's name.
struct Log<'a> {
    to: &'a LogTo,
    writer: IntervalLogWriter<'a, 'a, LineWriter<File>, V2DeflateSerializer>,
    with_losses: Histogram<u64>,
}

impl<'a> Log<'a> {
    fn begin(
        to: &'a LogTo,
        file: &'a mut LineWriter<File>,
        serializer: &'a mut V2DeflateSerializer,
    ) -> Result<Log<'a>, Error> {
        let base = UNIX_EPOCH + Duration::from_nanos(to.unix_at_zero);
        let mut builder = IntervalLogWriterBuilder::new();
        builder.add_comment(&to.comment).with_start_time(base).with_base_time(base).with_max_value_divisor(1e6);
        let writer = builder.begin_log_with(file, serializer).map_err(|source| to.unwritable(source))?;
        Ok(Log { to, writer, with_losses: histogram() })
    }

    fn write(&mut self, interval: &Interval) -> Result<(), Error> {
        let (began, length) = (interval.began, interval.ended.saturating_sub(interval.began));
        for ((slice, name), timeout) in interval.streams.iter().zip(&self.to.names).zip(&self.to.timeouts) {
            let mut response = &slice.response;
            if slice.lost > 0 {
                self.with_losses.reset();
                let _ = self.with_losses.add(response);
                self.with_losses.saturating_record_n(*timeout, slice.lost);
                response = &self.with_losses;
            }
            let (at, lasted) = (Duration::from_nanos(began), Duration::from_nanos(length));
            self.writer.write_histogram(response, at, lasted, Tag::new(name)).map_err(|e| match e {
                IntervalLogWriterError::IoError(source) => self.to.unwritable(source),
                IntervalLogWriterError::SerializeError(e) => self.to.unwritable(io::Error::other(e.to_string())),
            })?;
        }
        Ok(())
    }
}

impl LogTo {
    fn unwritable(&self, source: io::Error) -> Error {
        Error::Unwritable { path: self.path.clone(), source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    fn log_to(path: PathBuf) -> LogTo {
        LogTo {
            path,
            names: vec!["a".into(), "b".into()],
            timeouts: vec![1_000_000; 2],
            comment: "test".into(),
            unix_at_zero: 1_700_000_000_000_000_000,
        }
    }

    #[test]
    fn what_senders_hand_over_adds_up_and_is_logged() {
        let path = std::env::temp_dir().join(format!("rttp-interval-{}.hlog", std::process::id()));
        let live = Arc::new(Mutex::new(Live::default()));
        let (collector, mut reporters) =
            Collector::start(2, 2, 1_000, Some(log_to(path.clone())), live.clone(), vec![]).unwrap();
        for second in 0..5u64 {
            for reporter in &mut reporters {
                if second == 0 {
                    reporter.begin(0);
                }
                let slice = &mut reporter.interval.streams[0];
                slice.response.record(1_000 * (second + 1)).unwrap();
                (slice.sent, slice.lost) = (2, 1);
                let before = reporter.interval.began;
                // The collector may be slow to give an interval back: then this one goes on.
                while reporter.interval.began == before {
                    reporter.turn(1_000 * (second + 1));
                }
            }
        }
        let last = reporters.into_iter().map(|r| r.end(6_000)).collect();
        let collected = collector.finish(last).unwrap();
        let totals: Vec<u64> = collected.streams.iter().map(|(response, _)| response.len()).collect();
        assert_eq!(totals, [10, 0]);
        assert_eq!(collected.pieces.iter().map(|piece| piece.response.len()).sum::<u64>(), 10);
        let seen = live.lock().unwrap().clone();
        assert_eq!((seen.streams[0].sent, seen.streams[0].lost, seen.streams[0].answered), (20, 10, 10));
        assert_eq!(seen.tail.iter().sum::<u64>(), 10);
        let text = std::fs::read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let mut logged = (0, 0);
        for entry in IntervalLogIterator::new(&text) {
            if let LogEntry::Interval(line) = entry.unwrap() {
                logged.0 += u64::from(line.tag().is_some_and(|t| t.as_str() == "a"));
                logged.1 += 1;
            }
        }
        assert!(logged.0 >= 5 && logged.1 == 2 * logged.0, "{logged:?}");
    }

    #[test]
    fn a_log_that_cannot_be_made_is_an_error_before_the_run() {
        let live = Arc::new(Mutex::new(Live::default()));
        let to = log_to("/nowhere/at/all.hlog".into());
        let refused = Collector::start(1, 2, 1_000, Some(to), live, vec![]).err().unwrap();
        assert_eq!(refused.slug(), "unwritable");
    }
}
