//! The load: one thread that sends by the schedule and receives the answers, so that neither can starve the other.
//!
//! On a machine with few cores a sender and a receiver thread put each other off the core; a single thread that turns
//! from one to the other does not, and it needs no queue and no lock (see docs/BENCHMARKS.md).

mod answers;
mod departures;
mod room;

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rttp_load::plan::{Arrival, Overflow, Priority, StreamPlan};
use rttp_load::schedule::Schedule;
use rttp_load::stream::{Item, Part, kind_of};
use rttp_proto::dialects::rttp1::{HEADER, Kind, MAX_DATAGRAM};
use rttp_proto::reject::Slug;
use rttp_proto::seq::SeqId;

use crate::book::{Book, wants_answer};
use crate::clock::{Clock, Nanos, Wall};
use crate::dialogue::{self, PROBE_WAIT, Probe};
use crate::error::Error;
use crate::flight::{Flight, Launch};
use crate::link::{Link, Wait};
use crate::outcome::{ClockOutcome, Seen, Usage};
use crate::ready::Ready;
use crate::setup::Setup;
use crate::watch::Watch;
use room::{in_flight, pulses};

/// Sends in a row before the sender looks for answers again, when it is behind its schedule.
const BURST: u32 = 16;
/// Due pulses that are queued at one look at the schedule.
const ADMITTED: u32 = 64;
/// Above this time to the next pulse the sender may sleep; below, a sleep would wake too late.
const SLEEP_FROM: Nanos = 1_000_000;
/// It wakes this much earlier than due.
const WAKE_EARLY: Nanos = 200_000;
/// Of a stream whose priority varies, what the first pulses have.
const NORMAL_PRIORITY: u8 = 128;
/// Overdue pulses that are counted one by one when the sender gives up.
const COUNTED: u64 = 100_000_000;

/// What others may see of a sender while it works.
#[derive(Default)]
pub struct Progress {
    /// Measured pulses sent.
    pub sent: AtomicU64,
    /// Measured pulses answered.
    pub answered: AtomicU64,
    /// Measured pulses lost.
    pub lost: AtomicU64,
    /// Time since the measured time began, ns; 0 during the warm-up.
    pub elapsed_ns: AtomicU64,
    /// Whole run: datagrams that are no pulses, by slug code.
    pub rejects: Mutex<[u64; Slug::TABLE]>,
}

/// What a stream's pulses look like and what becomes of them when they wait.
struct Lane {
    timeout: Nanos,
    answered: bool,
    queue: u32,
    drops: bool,
    priority_on_demand: Option<u8>,
    /// Kind and flags of each part.
    kinds: [(Kind, u8); 4],
}

impl Lane {
    fn of(plan: &StreamPlan) -> Lane {
        Lane {
            timeout: plan.timeout_ns.min(Nanos::MAX / 4),
            answered: wants_answer(plan.mode),
            queue: plan.queue,
            drops: plan.overflow == Overflow::Drop,
            priority_on_demand: None,
            kinds: [Part::Whole, Part::Fragment, Part::Request, Part::Token].map(|part| kind_of(plan, part)),
        }
    }

    #[inline]
    fn kind(&self, part: Part) -> (Kind, u8) {
        match part {
            Part::Whole => self.kinds[0],
            Part::Fragment => self.kinds[1],
            Part::Request => self.kinds[2],
            Part::Token => self.kinds[3],
        }
    }
}

/// The sender of one session.
pub(crate) struct Generator<'a, L> {
    link: L,
    setup: &'a Setup,
    clock: &'a Clock,
    watch: &'a Watch,
    target: SocketAddr,
    wall: Wall,
    schedule: Schedule,
    /// The schedule's start on the run's clock.
    start: Nanos,
    lanes: Vec<Lane>,
    timeouts: Box<[Nanos]>,
    flight: Flight,
    /// Most numbers that one message takes.
    longest: u64,
    ready: Ready,
    floods: Vec<u16>,
    /// Some stream asks for answers.
    answers: bool,
    book: Book,
    /// A stall has made pulses late, and the sender has not caught up yet.
    behind: bool,
    /// Stalls of this core that this sender knows of.
    stalls: usize,
    /// What came in a stall has not all been read.
    unread: bool,
    /// A stall's backlog is under way: until a pulse is answered that left after this instant, when this end had worked
    /// it off; `MAX` until then.
    catching_up: Option<Nanos>,
    first_seq: u32,
    out: Box<[u8]>,
    buffer: Box<[u8]>,
    /// Pulses that leave in one call.
    segments: Vec<Launch>,
    /// Their bytes, one behind the other.
    batch: Box<[u8]>,
    /// Length of the pulses that `batch` was last used for.
    batch_length: usize,
}

/// What is one sender's alone.
pub(crate) struct Task {
    pub(crate) target: SocketAddr,
    pub(crate) schedule: Schedule,
    pub(crate) book: Book,
    pub(crate) worker: u32,
}

/// When a sender's schedule starts: all of a run at the same instant.
pub(crate) trait Start {
    /// Waits until all are ready; `None` when one failed.
    fn agree(&self, now: Nanos) -> Option<Nanos>;
}

impl<'a, L: Link> Generator<'a, L> {
    pub(crate) fn new(
        link: L,
        setup: &'a Setup,
        clock: &'a Clock,
        watch: &'a Watch,
        task: Task,
    ) -> Result<Generator<'a, L>, Error> {
        let Task { target, schedule, book, worker } = task;
        let plan = &setup.plan;
        let most: Vec<u64> = plan.streams.iter().map(|stream| pulses(setup, stream).0).collect();
        let lanes: Vec<Lane> = plan.streams.iter().map(Lane::of).collect();
        let longest = most.into_iter().max().unwrap_or(1);
        let flight = Flight::with_room(in_flight(setup)).ok_or_else(|| {
            let most = Flight::MOST;
            Error::HostLimit(format!(
                "{} pulses may be on their way at once (rate × timeout), at most {most} can be: lower one of them",
                in_flight(setup)
            ))
        })?;
        let queue = plan.streams.iter().map(|s| s.queue as usize).sum();
        let floods = plan.streams.iter().enumerate().filter(|(_, s)| s.arrival == Arrival::Flood {});
        Ok(Generator {
            link,
            setup,
            clock,
            watch,
            target,
            wall: Wall::new(clock),
            schedule,
            start: 0,
            timeouts: lanes.iter().map(|lane| lane.timeout).collect(),
            answers: lanes.iter().any(|lane| lane.answered),
            lanes,
            flight,
            longest,
            ready: Ready::new(plan.streams.len(), queue),
            floods: floods.filter_map(|(i, _)| u16::try_from(i).ok()).collect(),
            book,
            behind: false,
            stalls: 0,
            unread: false,
            catching_up: None,
            first_seq: setup.first_seq.wrapping_add(worker << 24),
            out: vec![0; MAX_DATAGRAM].into_boxed_slice(),
            buffer: vec![0; 1 << 16].into_boxed_slice(),
            segments: Vec::with_capacity(usize::from(setup.segments)),
            batch: vec![0; if setup.segments > 1 { MAX_DATAGRAM } else { 0 }].into_boxed_slice(),
            batch_length: 0,
        })
    }

    pub(crate) fn run(mut self, start: &impl Start, stop: &AtomicBool, progress: &Progress) -> Result<Seen, Error> {
        self.probe(stop)?;
        let before = Usage::of_thread();
        let Some(start) = start.agree(self.clock.now()) else { return Err(Error::Panicked("sender")) };
        self.start = start;
        self.wait_for_start();
        self.watch.restart();
        let plan = &self.setup.plan;
        let origin = start.saturating_add(plan.measured_from());
        let end = start.saturating_add(plan.end());
        self.book.begin(origin..start.saturating_add(plan.measured_until()));
        let sent_until =
            if plan.closed() { self.closed_loop(stop, progress) } else { self.open_loop(end, stop, progress)? };
        self.drain(stop);
        let usage = Usage::of_thread().since(before);
        let lasted_until = self.clock.now();
        let interrupted = stop.load(Ordering::Relaxed);
        let seq = SeqId(self.first_seq).plus(self.flight.next() as u32);
        let tally = dialogue::close(&mut self.link, self.clock, &mut self.wall, seq);
        self.book.session.buffer_drops = self.link.buffer_drops();
        self.publish(progress, lasted_until);
        let wall_now = self.wall.unix(lasted_until);
        let measured_until = start.saturating_add(plan.measured_until());
        let book = self.book;
        Ok(Seen {
            origin,
            started_unix_ns: wall_now.wrapping_sub(lasted_until.wrapping_sub(origin)),
            // A sender that is behind goes on after the measured time is over.
            sending_ns: sent_until.min(measured_until).max(book.last_sent).saturating_sub(origin),
            lasted_ns: lasted_until.saturating_sub(origin),
            interrupted,
            session: book.session,
            streams: book.streams,
            bands: book.bands,
            pacing: book.pacing,
            stalled_pulses: book.stalled_pulses,
            interval: book.reporter.end(lasted_until),
            recorder: book.recorder,
            tally,
            clock: ClockOutcome {
                shared: book.offset.shared(),
                fit: book.offset.fit(),
                below_zero: book.offset.below_zero,
            },
            usage,
            syscalls: self.link.syscalls(),
            numbers: self.schedule.numbers(),
        })
    }

    /// Several senders agree on a start that lies ahead: nothing is due before it.
    fn wait_for_start(&self) {
        while let Some(left) = self.start.checked_sub(self.clock.now()).filter(|left| *left > 0) {
            match left.checked_sub(2 * WAKE_EARLY) {
                Some(sleep) => std::thread::sleep(Duration::from_nanos(sleep)),
                None => std::hint::spin_loop(),
            }
        }
    }

    /// No load is sent at a target that does not answer.
    fn probe(&mut self, stop: &AtomicBool) -> Result<(), Error> {
        let streams = &self.setup.plan.streams;
        // As long as the longest: what does not fit the path is an error now, not a loss later.
        let payload = streams.iter().map(StreamPlan::most_payload).max().unwrap_or(0);
        let probe = Probe {
            target: self.target,
            first_seq: self.first_seq,
            length: HEADER + usize::try_from(payload).unwrap_or(0).min(MAX_DATAGRAM - HEADER),
            priority: match streams.first().map(|s| &s.priority) {
                Some(Priority::Fixed { value }) => *value,
                _ => NORMAL_PRIORITY,
            },
            patience: self.timeouts.iter().copied().max().unwrap_or(0).max(1_000_000_000),
            wait: if self.setup.spin { Wait::Poll } else { Wait::Block },
        };
        let (sent, greeting) = dialogue::probe(&mut self.link, &probe, (self.clock, &mut self.wall), stop)?;
        self.book.session.sent_in_all += u64::from(sent);
        if let Some(greeting) = greeting {
            let _ = self.book.offset.one_way(greeting.now, greeting.sent, greeting.taken, greeting.landed);
        }
        Ok(())
    }

    /// One pulse at a time. Returns when sending ended.
    fn closed_loop(&mut self, stop: &AtomicBool, progress: &Progress) -> Nanos {
        let spin = self.setup.spin;
        let wait = if spin { Wait::Poll } else { Wait::Block };
        loop {
            let now = self.now();
            // Nothing is on its way: whatever a stall left has been worked off.
            (self.behind, self.unread, self.catching_up) = (false, false, None);
            let item = self.schedule.take_on_demand(0, now.saturating_sub(self.start));
            let Some(item) = item.filter(|_| !stop.load(Ordering::Relaxed)) else {
                self.publish(progress, now);
                return now;
            };
            self.enter(&item);
            self.send(&item, now);
            while !self.flight.empty() {
                let now = match self.receive(wait) {
                    Some(now) => now,
                    None if spin => {
                        // Before the clock is read: a stall that it shows came after the look.
                        self.unread = false;
                        self.now()
                    }
                    // A wait that ended without an answer is no stall: there was nothing to do.
                    None => {
                        let now = self.clock.now();
                        self.woke(now, 0);
                        now
                    }
                };
                self.give_up(now);
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                if item.number & 0x3ff == 0 {
                    self.publish(progress, now);
                }
                if self.book.reporter.due(now) {
                    self.book.reporter.turn(now);
                }
            }
        }
    }

    /// By the clock. Returns when sending ended.
    fn open_loop(&mut self, end: Nanos, stop: &AtomicBool, progress: &Progress) -> Result<Nanos, Error> {
        let patience = self.timeouts.iter().copied().max().unwrap_or(0);
        let overrun_from = end.saturating_add(patience);
        let mut next_publication = 0;
        let mut now = self.now();
        loop {
            for _ in 0..BURST {
                self.admit(now);
                let Some(item) = self.next(now) else { break };
                if self.setup.segments > 1 && self.is_flood(item.stream) {
                    self.send_segments(item, now);
                } else {
                    self.send(&item, now);
                }
                now = self.now();
            }
            let over = self.schedule.due().is_none() && self.ready.is_empty() && self.no_flood(now);
            let overrun = now >= overrun_from;
            if over || overrun || stop.load(Ordering::Relaxed) {
                if overrun {
                    self.count_unsent(end);
                }
                // The time after the last pulse belongs to the run: one second at 10 per second lasts 1 s.
                let next = self.start.saturating_add(self.schedule.next_regardless());
                let sent_until = if over { now.max(next) } else { now };
                self.publish(progress, now);
                return Ok(sent_until);
            }
            if self.answers {
                let mut empty = false;
                for _ in 0..BURST {
                    let Some(received) = self.receive(Wait::Poll) else {
                        empty = true;
                        break;
                    };
                    now = received;
                }
                if empty {
                    self.drained(now);
                }
                self.give_up(now);
            }
            if now >= next_publication {
                self.publish(progress, now);
                next_publication = now + SLEEP_FROM;
                if self.book.reporter.due(now) {
                    self.book.reporter.turn(now);
                }
            }
            let due = self.schedule.due().map_or(end, |due| self.start.saturating_add(due));
            if !self.setup.spin && self.ready.is_empty() && self.floods.is_empty() && due > now + SLEEP_FROM {
                self.sleep_until(due - WAKE_EARLY, stop)?;
            }
            now = self.now();
        }
    }

    /// Queues what is due.
    #[inline]
    fn admit(&mut self, now: Nanos) {
        let elapsed = now.saturating_sub(self.start);
        for _ in 0..ADMITTED {
            if self.schedule.due().is_none_or(|due| due > elapsed) {
                self.behind &= !self.ready.is_empty();
                return;
            }
            let stream = self.schedule.stream().unwrap_or(0);
            let lane = &self.lanes[stream];
            let full = self.ready.waiting(stream as u16) >= lane.queue || !self.ready.has_room();
            // A full ring waits for answers or timeouts; what is due meanwhile is late, and says so. A message that has
            // begun goes on: its numbers are given, and the ring may be waiting for nothing else.
            if (full && !lane.drops) || !self.flight.has_room(self.schedule.wanted()) {
                return;
            }
            let Some(item) = self.schedule.take() else { return };
            self.enter(&item);
            if full {
                self.discard(&item, true);
            } else {
                self.ready.push(item);
            }
        }
    }

    /// The pulse to send now: the highest priority of those that are due and of the floods, which are due at any time.
    #[inline]
    fn next(&mut self, now: Nanos) -> Option<Item> {
        if self.floods.is_empty() {
            return self.ready.pop();
        }
        // Before its first pulse a flood's priority is unknown; it is learned by sending one.
        let priority = |lane: &Lane| lane.priority_on_demand.unwrap_or(u8::MAX);
        let best = self.floods.iter().enumerate().rev().max_by_key(|(_, s)| priority(&self.lanes[usize::from(**s)]));
        let Some((place, stream)) = best.map(|(place, stream)| (place, usize::from(*stream))) else {
            return self.ready.pop();
        };
        let known = self.lanes[stream].priority_on_demand;
        if known.zip(self.ready.top()).is_some_and(|(flood, due)| due >= flood) || !self.flight.has_room(self.longest) {
            return self.ready.pop();
        }
        let Some(item) = self.schedule.take_on_demand(stream, now.saturating_sub(self.start)) else {
            return self.ready.pop();
        };
        self.lanes[stream].priority_on_demand = Some(item.priority);
        self.enter(&item);
        if self.floods.len() > 1 {
            // Floods of one priority take turns: of equals the first is taken, and this one goes to the end.
            self.floods[place..].rotate_left(1);
        }
        Some(item)
    }

    /// Whether no flood has anything left to send.
    fn no_flood(&self, now: Nanos) -> bool {
        self.floods.is_empty() || now.saturating_sub(self.start) >= self.setup.plan.end() || self.schedule.counted_out()
    }

    #[inline]
    fn enter(&mut self, item: &Item) {
        if self.flight.queue(item, self.start, self.schedule.numbers()) {
            self.book.began(item.stream, self.start + item.message_due);
        }
    }

    /// What was due and never left, since the sender is a timeout behind.
    fn count_unsent(&mut self, end: Nanos) {
        while let Some(item) = self.ready.pop() {
            self.discard(&item, false);
        }
        for _ in 0..COUNTED {
            let Some(item) = self.schedule.take().filter(|item| self.start + item.due < end) else { break };
            self.book.never_sent(item.stream, self.start + item.due, false);
            if item.number == item.first {
                self.book.missed(item.stream, self.start + item.message_due);
            }
        }
    }

    /// Takes a pulse that was due out again: its queue is full (`dropped`), or its time is over.
    fn discard(&mut self, item: &Item, dropped: bool) {
        let launch = self.flight.cancel(item.number);
        self.book.never_sent(item.stream, launch.due, dropped);
        if self.flight.fail(&launch) {
            self.book.missed(item.stream, launch.message_due);
        }
    }

    /// Sleeps in the kernel until shortly before an instant; answers that come meanwhile are taken as they come.
    fn sleep_until(&mut self, instant: Nanos, stop: &AtomicBool) -> Result<(), Error> {
        loop {
            let now = self.clock.now();
            if now >= instant || stop.load(Ordering::Relaxed) {
                self.woke(now, instant);
                return Ok(());
            }
            let longest = Duration::from_nanos((instant - now).min(PROBE_WAIT));
            self.link.wait(longest).map_err(|source| Error::Socket { call: "ppoll", source })?;
            let now = self.clock.now();
            if now >= instant {
                self.woke(now, instant);
            }
            // What comes in here counts as taken after a sleep, though the call itself does not wait.
            while let Some(arrival) = self.take(Wait::Poll) {
                let now = self.clock.now();
                self.account(arrival, now, Wait::Block);
            }
            let now = self.clock.now();
            self.drained(now);
            self.give_up(now);
        }
    }

    /// Answers still on their way get their time.
    fn drain(&mut self, stop: &AtomicBool) {
        while let Some(item) = self.ready.pop() {
            self.flight.cancel(item.number);
        }
        self.flight.close();
        let stopped = stop.load(Ordering::Relaxed);
        let longest = self.timeouts.iter().copied().max().unwrap_or(0);
        // A second Ctrl-C is not needed: an interrupted run waits for its answers only briefly.
        let patience = if stopped { longest.min(50_000_000) } else { longest.saturating_add(1_000_000_000) };
        let until = self.clock.now().saturating_add(patience);
        while !self.flight.empty() {
            let now = match self.receive(Wait::Poll) {
                Some(now) => now,
                None => {
                    self.unread = false;
                    self.now()
                }
            };
            if now >= until || (!stopped && stop.load(Ordering::Relaxed)) {
                while let Some(launch) = self.flight.abandon() {
                    self.book.unfinished(&launch);
                }
                return;
            }
            self.give_up(now);
        }
        // Answers to pulses given up long ago may still come; what is there now is counted.
        for _ in 0..Flight::MOST {
            let Some(_) = self.receive(Wait::Poll) else { break };
        }
    }

    /// Reads the clock and shows that this core is alive.
    #[inline]
    fn now(&mut self) -> Nanos {
        let now = self.clock.now();
        if let Some(heart) = &self.watch.sender {
            heart.beat(now);
            self.notice();
        }
        now
    }

    /// Nothing is waiting at this end: after a stall, what is still on its way is the rest of the backlog.
    #[inline]
    fn drained(&mut self, now: Nanos) {
        self.unread = false;
        if self.catching_up == Some(Nanos::MAX) && !self.behind {
            self.catching_up = (!self.flight.empty()).then_some(now);
        }
    }

    /// Takes notice of stalls, whichever thread of the core saw them.
    #[inline]
    fn notice(&mut self) {
        let count = self.watch.sender.as_ref().map_or(0, |heart| heart.count());
        if count > self.stalls {
            (self.behind, self.unread, self.catching_up) = (true, true, Some(Nanos::MAX));
        }
        self.stalls = count;
    }

    fn is_flood(&self, stream: u16) -> bool {
        self.floods.contains(&stream)
    }

    /// Shows that this core is alive after a sleep, and since when there was work for it (0: unknown).
    #[inline]
    fn woke(&mut self, now: Nanos, work_since: Nanos) {
        if let Some(heart) = &self.watch.sender {
            // Where somebody else beats it meanwhile, sleep is no gap.
            if self.watch.idled {
                heart.beat(now)
            } else {
                heart.woke(now, work_since)
            };
            self.notice();
        }
    }

    fn publish(&self, progress: &Progress, now: Nanos) {
        let (sent, answered, lost) = self.book.totals();
        progress.sent.store(sent, Ordering::Relaxed);
        progress.answered.store(answered, Ordering::Relaxed);
        progress.lost.store(lost, Ordering::Relaxed);
        let origin = self.start.saturating_add(self.setup.plan.measured_from());
        progress.elapsed_ns.store(now.saturating_sub(origin), Ordering::Relaxed);
        // It never waits: whoever is looking right now sees the counts of before.
        if let Ok(mut rejects) = progress.rejects.try_lock() {
            *rejects = self.book.session.rejects;
        }
    }
}

#[cfg(test)]
mod tests;
