//! A wire that a test holds in its hand: what leaves is recorded, answers come when the test says so.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use hdrhistogram::Histogram;
use rttp_load::plan::{Class, Cut, Fragments, Mode, Order, Plan, Priority, Size};
use rttp_load::stream::answer_of;
use rttp_load::trace::{Entry, Format, NO_PRIORITY, NO_SIZE, Trace};
use rttp_proto::pulse::Pulse;

use super::super::*;
use crate::host::Seat;
use crate::interval::Collector;
use crate::link::{Arrival as Received, Faults, FaultyLink};
use crate::outcome::StreamCounts;
use crate::watch::Watches;

pub(super) const MS: u64 = 1_000_000;

/// What becomes of a pulse: the answers it gets, each so much later.
pub(super) type Fate = Vec<Duration>;

pub(super) fn at_once() -> Fate {
    vec![Duration::ZERO]
}

/// A link whose far end is a closure: of a pulse's place in the order of sending and its bytes.
struct Wire<F> {
    sent: Rc<RefCell<Vec<Vec<u8>>>>,
    answers: VecDeque<(Instant, Vec<u8>)>,
    fate: F,
}

fn answer_to(datagram: &[u8]) -> Vec<u8> {
    let mut answer = datagram.to_vec();
    let kind = Kind::from_wire(answer[3]).unwrap();
    answer[3] = if kind == Kind::Ping { Kind::Pong as u8 } else { answer_of(kind) as u8 };
    answer
}

impl<F: FnMut(usize, &[u8]) -> io::Result<Option<Fate>>> Link for Wire<F> {
    fn send(&mut self, datagram: &[u8]) -> io::Result<bool> {
        let now = Instant::now();
        let pulse = Pulse::parse(datagram).unwrap();
        // What asks for the target has a number before the first; what asks for its counts is a CLOSE.
        if number_of(&pulse) >= 1 << 31 || pulse.kind() == Kind::Close {
            self.answers.push_back((now, answer_to(datagram)));
            return Ok(true);
        }
        let place = self.sent.borrow().len();
        let Some(fate) = (self.fate)(place, datagram)? else { return Ok(false) };
        self.sent.borrow_mut().push(datagram.to_vec());
        self.answers.extend(fate.into_iter().map(|later| (now + later, answer_to(datagram))));
        Ok(true)
    }

    fn answer(&mut self, _: &[u8]) -> io::Result<bool> {
        panic!("a sender answers nobody")
    }

    fn recv(&mut self, buffer: &mut [u8], _: Wait) -> io::Result<Option<Received>> {
        let now = Instant::now();
        let Some(i) = self.answers.iter().position(|(at, _)| *at <= now) else { return Ok(None) };
        let (_, answer) = self.answers.remove(i).unwrap();
        buffer[..answer.len()].copy_from_slice(&answer);
        Ok(Some(Received { length: answer.len(), kernel_ns: None, segment: 0 }))
    }

    fn wait(&mut self, longest: Duration) -> io::Result<()> {
        thread::sleep(longest.min(Duration::from_micros(200)));
        Ok(())
    }

    fn from(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, 9).into()
    }

    fn buffer_drops(&self) -> u64 {
        0
    }

    fn syscalls(&self) -> u64 {
        0
    }
}

/// Close to the wrap: every test crosses it.
pub(super) const FIRST_SEQ: u32 = 0xffff_fff0;

pub(super) fn number_of(pulse: &Pulse) -> u32 {
    pulse.seq_id().0.wrapping_sub(FIRST_SEQ)
}

/// So many ns from now.
struct After(Nanos);

impl Start for After {
    fn agree(&self, now: Nanos) -> Option<Nanos> {
        Some(now + self.0)
    }
}

/// A stream of one-way pulses of a size and priority; both tell it from the others.
pub(super) fn stream(arrival: Arrival, bytes: u64, priority: u8) -> StreamPlan {
    StreamPlan {
        name: format!("{bytes}"),
        arrival,
        priority: Priority::Fixed { value: priority },
        size: Size::Fixed { bytes },
        fragments: Fragments { cut: Cut::None {}, order: Order::InOrder, interleave: 1, gap_ns: 0 },
        mode: Mode::OneWay,
        timeout_ns: 2_000 * MS,
        deadline_ns: None,
        class: Class::Soft,
        queue: 65_536,
        overflow: Overflow::Delay,
        first_token_ns: 0,
    }
}

pub(super) fn echo(arrival: Arrival, bytes: u64, priority: u8) -> StreamPlan {
    StreamPlan { mode: Mode::Echo, ..stream(arrival, bytes, priority) }
}

pub(super) fn cut(count: u16, stream: StreamPlan) -> StreamPlan {
    let fragments = Fragments { cut: Cut::Fixed { count }, ..stream.fragments.clone() };
    StreamPlan { fragments, ..stream }
}

pub(super) fn all_at_once() -> Arrival {
    Arrival::Trace { trace: 0, speed: 1.0, repeat: false }
}

/// A trace of so many messages that are all due at the start.
pub(super) fn crowd(messages: usize, fragments: u16) -> Vec<Arc<Trace>> {
    let entry = Entry { due_ns: 0, size: NO_SIZE, priority: NO_PRIORITY, fragments };
    vec![Arc::new(Trace { entries: vec![entry; messages].into(), format: Format::Csv, skipped: 0, sorted: 0 })]
}

pub(super) fn setup(duration_ms: u64, streams: Vec<StreamPlan>) -> Setup {
    let plan = Plan { seed: 1, warmup_ns: 0, duration_ns: duration_ms * MS, cooldown_ns: 0, count: None, streams };
    Setup {
        plan,
        traces: Vec::new(),
        targets: vec![(Ipv4Addr::LOCALHOST, 9).into()],
        workers: 1,
        spin: true,
        seats: vec![Seat::default()],
        server_seat: Seat::default(),
        awake: false,
        lock_memory: false,
        meter: true,
        stamps: false,
        receive_buffer: 1 << 20,
        first_seq: FIRST_SEQ,
        segments: 1,
        faults: Faults::default(),
        interval_ns: 1_000 * MS,
        interval_log: None,
        slowest: 8,
    }
}

/// A run and what left.
pub(super) struct Run {
    pub(super) seen: Seen,
    pub(super) responses: Vec<Histogram<u64>>,
    /// What of them a stall touched.
    pub(super) stalled: Vec<Histogram<u64>>,
    pub(super) sent: Vec<Vec<u8>>,
}

impl Run {
    pub(super) fn counts(&self, stream: usize) -> StreamCounts {
        self.seen.streams[stream].counts
    }

    /// Numbers in the order of sending, with what tells the stream.
    pub(super) fn order(&self) -> Vec<(u32, u8)> {
        let of = |d: &Vec<u8>| {
            let pulse = Pulse::parse(d).unwrap();
            (number_of(&pulse), pulse.priority())
        };
        self.sent.iter().map(of).collect()
    }
}

pub(super) fn drive(setup: &Setup, fate: impl FnMut(usize, &[u8]) -> io::Result<Option<Fate>>) -> Run {
    let sent = Rc::new(RefCell::new(Vec::new()));
    let wire = Wire { sent: sent.clone(), answers: VecDeque::new(), fate };
    if setup.faults.none() {
        run_on(wire, setup, &sent)
    } else {
        run_on(FaultyLink::new(wire, setup.faults, Clock::new()), setup, &sent)
    }
}

fn run_on(link: impl Link, setup: &Setup, sent: &RefCell<Vec<Vec<u8>>>) -> Run {
    let clock = Clock::new();
    let watch = Watches::new(setup, &clock, &mut Vec::new()).of(0);
    let streams = setup.plan.streams.len();
    let (collector, mut reporters) =
        Collector::start(1, streams, setup.interval_ns, None, Arc::default(), vec![]).unwrap();
    let book = Book::new(&setup.plan, true, setup.slowest, reporters.remove(0));
    let schedule = Schedule::new(&setup.plan, &setup.traces, (0, 1)).unwrap();
    let task = Task { target: setup.targets[0], schedule, book, worker: 0 };
    let generator = Generator::new(link, setup, &clock, &watch, task).unwrap();
    let (stop, done) = (AtomicBool::new(false), AtomicBool::new(false));
    let mut seen = thread::scope(|scope| {
        // A run that does not end by itself is a failure, not a test that hangs.
        scope.spawn(|| {
            for _ in 0..1_500 {
                if done.load(Ordering::Relaxed) {
                    return;
                }
                thread::sleep(Duration::from_millis(10));
            }
            stop.store(true, Ordering::Relaxed);
        });
        let seen = generator.run(&After(3 * MS), &stop, &Progress::default());
        done.store(true, Ordering::Relaxed);
        seen.unwrap()
    });
    assert!(!seen.interrupted, "the run did not end");
    let collected = collector.finish(vec![std::mem::take(&mut seen.interval)]).unwrap();
    let (responses, stalled) = collected.streams.into_iter().unzip();
    Run { seen, responses, stalled, sent: sent.take() }
}

pub(super) fn above(histogram: &Histogram<u64>, ms: u64) -> u64 {
    histogram.count_between(ms * MS, u64::MAX)
}
