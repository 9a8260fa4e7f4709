//! The load: one thread that sends by the plan and receives the answers, so that neither can starve the other.
//!
//! On a machine with few cores a sender and a receiver thread put each other off the core; a single thread that turns
//! from one to the other does not, and it needs no queue and no lock (see docs/BENCHMARKS.md).

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rttp_proto::dialects::rttp1::{FLAG_ECHO, HEADER, Kind, MAX_DATAGRAM};
use rttp_proto::pulse::{Header, Pulse, stamp};
use rttp_proto::seq::SeqId;
use rttp_proto::tally::Tally;

use crate::clock::{Clock, Nanos, Wall};
use crate::error::Error;
use crate::flight::{Flight, Landing, Launch};
use crate::link::{Arrival, Link, Wait};
use crate::outcome::{Counts, Latencies, Seen, Usage};
use crate::plan::{Pace, Plan, Schedule};
use crate::watch::Watch;

/// Sends in a row before the sender looks for answers again, when it is behind its schedule.
const BURST: u32 = 16;
/// Looks at an empty socket before the clock is read again: what lies between two looks is added to a round trip.
const LOOKS: u32 = 16;
/// Above this time to the next pulse the sender may sleep; below, a sleep would wake too late.
const SLEEP_FROM: Nanos = 1_000_000;
/// It wakes this much earlier than due.
const WAKE_EARLY: Nanos = 200_000;
/// How long one look for a silent target lasts.
const PROBE_WAIT: Nanos = 200_000_000;

/// What others may see of a run while it lasts.
#[derive(Default)]
pub struct Progress {
    /// Measured pulses sent.
    pub sent: AtomicU64,
    /// Measured pulses answered.
    pub answered: AtomicU64,
    /// Measured pulses lost.
    pub lost: AtomicU64,
    /// Time since the first measured due time, ns; 0 during the warm-up.
    pub elapsed_ns: AtomicU64,
}

/// The sender of one run.
pub(crate) struct Generator<'a, L> {
    link: L,
    plan: &'a Plan,
    clock: &'a Clock,
    watch: &'a Watch,
    target: SocketAddr,
    wall: Wall,
    out: Box<[u8]>,
    buffer: Box<[u8]>,
    flight: Flight,
    timeout: Nanos,
    /// Due time from which pulses are measured.
    measured_from: Nanos,
    counts: Counts,
    latencies: Latencies,
    /// Longest time from schedule to timeout of a lost pulse.
    longest_loss: Nanos,
}

impl<'a, L: Link> Generator<'a, L> {
    pub(crate) fn new(
        link: L,
        plan: &'a Plan,
        clock: &'a Clock,
        watch: &'a Watch,
        target: SocketAddr,
    ) -> Result<Generator<'a, L>, Error> {
        let timeout = Nanos::try_from(plan.timeout.as_nanos()).unwrap_or(Nanos::MAX / 4).min(Nanos::MAX / 4);
        let flying = match plan.pace {
            Pace::PingPong => 1.0,
            // A quarter more than the rate times the timeout: after a stall the sender makes up what is overdue.
            Pace::OpenLoop(rate) => rate * (timeout as f64 / 1e9) * 1.25 + 1024.0,
        };
        let flight = Flight::with_room(flying as u64).ok_or_else(|| {
            let most = Flight::MOST;
            Error::HostLimit(format!(
                "{flying:.0} pulses may be on their way at once (rate × timeout), at most {most} can be: lower one of them"
            ))
        })?;
        let mut out = vec![0; plan.size.clamp(HEADER, MAX_DATAGRAM)].into_boxed_slice();
        if let Some(header) = out.first_chunk_mut::<HEADER>() {
            Header { priority: plan.priority, ..Header::new(Kind::Ping, SeqId(plan.first_seq), 0) }.emit(header);
        }
        Ok(Generator {
            link,
            plan,
            clock,
            watch,
            target,
            wall: Wall::new(clock),
            out,
            buffer: vec![0; 1 << 16].into_boxed_slice(),
            flight,
            timeout,
            measured_from: 0,
            counts: Counts::default(),
            latencies: Latencies::default(),
            longest_loss: 0,
        })
    }

    pub(crate) fn run(mut self, stop: &AtomicBool, progress: &Progress) -> Result<Seen, Error> {
        self.probe(stop)?;
        let before = Usage::of_thread();
        self.watch.restart();
        let start = self.clock.now();
        let length = |d: Duration| Nanos::try_from(d.as_nanos()).unwrap_or(Nanos::MAX / 4).min(Nanos::MAX / 4);
        self.measured_from = start + length(self.plan.warmup);
        let end = self.measured_from + length(self.plan.duration);
        let sent_until = match self.plan.pace {
            Pace::PingPong => self.ping_pong(end, stop, progress)?,
            Pace::OpenLoop(rate) => self.open_loop(&Schedule::new(start, rate), end, stop, progress)?,
        };
        self.drain(stop);
        let usage = Usage::of_thread().since(before);
        let lasted_until = self.clock.now();
        let interrupted = stop.load(Ordering::Relaxed);
        if !self.scheduled() {
            self.latencies.service = self.latencies.response.clone();
            self.latencies.lateness.saturating_record_n(0, self.counts.sent);
        }
        self.enter_losses();
        let tally = self.close();
        self.counts.buffer_drops = self.link.buffer_drops();
        self.publish(progress, lasted_until);
        let (wall_now, mono_now) = (self.wall.unix(lasted_until), lasted_until);
        Ok(Seen {
            origin: self.measured_from,
            started_unix_ns: wall_now.wrapping_sub(mono_now.wrapping_sub(self.measured_from)),
            sending_ns: sent_until.saturating_sub(self.measured_from),
            lasted_ns: lasted_until.saturating_sub(self.measured_from),
            interrupted,
            counts: self.counts,
            latencies: self.latencies,
            tally,
            usage,
        })
    }

    /// Finds out whether anybody answers, before a load is sent: PINGs, one at a time, until one comes back.
    fn probe(&mut self, stop: &AtomicBool) -> Result<(), Error> {
        let begun = self.clock.now();
        let patience = self.timeout.max(1_000_000_000);
        let mut garbage = None;
        let mut sent = 0;
        while self.clock.now() < begun + patience && !stop.load(Ordering::Relaxed) {
            let seq = SeqId(self.plan.first_seq.wrapping_sub(1 + sent));
            let now = self.clock.now();
            self.stamp(seq, now);
            self.link.send(&self.out).map_err(|e| Error::of_send(e, self.target, self.out.len()))?;
            sent += 1;
            self.counts.sent_in_all += 1;
            let until = now + PROBE_WAIT.min(patience);
            while self.clock.now() < until && !stop.load(Ordering::Relaxed) {
                let wait = if self.plan.spin { Wait::Poll } else { Wait::Block };
                let arrival = self
                    .link
                    .recv(&mut self.buffer, wait)
                    .map_err(|e| Error::of_send(e, self.target, self.out.len()))?;
                let Some(arrival) = arrival else { continue };
                let datagram = self.buffer.get(..arrival.length).unwrap_or(&self.buffer);
                match Pulse::parse(datagram) {
                    Ok(pulse) if pulse.kind() == Kind::Pong && pulse.seq_id().since(seq) >= 0 => return Ok(()),
                    Ok(pulse) => {
                        garbage = Some((datagram.len(), format!("a pulse of kind {:?}", pulse.kind())));
                    }
                    Err(reject) => garbage = Some((datagram.len(), reject.to_string())),
                }
            }
        }
        if stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        let waited_ms = (self.clock.now() - begun) / 1_000_000;
        Err(match garbage {
            Some((length, reason)) => Error::NotRttp { target: self.target, length, reason },
            None => Error::NoAnswer { target: self.target, sent, waited_ms },
        })
    }

    /// One pulse at a time. Returns when sending ended.
    fn ping_pong(&mut self, end: Nanos, stop: &AtomicBool, progress: &Progress) -> Result<Nanos, Error> {
        let wait = if self.plan.spin { Wait::Poll } else { Wait::Block };
        let count = self.plan.count.unwrap_or(u64::MAX);
        loop {
            let now = self.now();
            if now >= end || self.counts.sent >= count || stop.load(Ordering::Relaxed) {
                self.publish(progress, now);
                return Ok(now);
            }
            self.send(now, now);
            while !self.flight.empty() {
                let now = match self.receive(wait) {
                    Some(now) => now,
                    None if self.plan.spin => self.now(),
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
                if self.counts.sent & 0x3ff == 0 {
                    self.publish(progress, now);
                }
            }
        }
    }

    /// By the clock. Returns when sending ended.
    fn open_loop(
        &mut self,
        schedule: &Schedule,
        end: Nanos,
        stop: &AtomicBool,
        progress: &Progress,
    ) -> Result<Nanos, Error> {
        let count = self.plan.count.unwrap_or(u64::MAX);
        let mut due = schedule.due(0);
        let mut next_publication = 0;
        loop {
            let mut now = self.now();
            for _ in 0..BURST {
                if due > now || due >= end || self.counts.sent >= count {
                    break;
                }
                self.send(due, now);
                due = schedule.due(self.flight.next());
                now = self.now();
            }
            let overrun = now >= end.saturating_add(self.timeout);
            if due >= end || self.counts.sent >= count || overrun || stop.load(Ordering::Relaxed) {
                if overrun {
                    self.counts.unsent = schedule.due_before(end).saturating_sub(self.flight.next());
                }
                self.publish(progress, now);
                // The interval after the last pulse belongs to it: a run of one second at 10 per second lasts 1 s.
                return Ok(if stop.load(Ordering::Relaxed) { now } else { now.max(due.min(end)) });
            }
            for _ in 0..BURST {
                let Some(received) = self.receive(Wait::Poll) else { break };
                now = received;
            }
            self.give_up(now);
            if now >= next_publication {
                self.publish(progress, now);
                next_publication = now + SLEEP_FROM;
            }
            if !self.plan.spin && due > now + SLEEP_FROM {
                self.sleep_until(due - WAKE_EARLY, stop)?;
            }
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
            // What comes in here counts as taken after a sleep, though the call itself does not wait.
            while let Some(arrival) = self.take(Wait::Poll) {
                let now = self.clock.now();
                self.account(arrival, now, Wait::Block);
            }
            self.give_up(self.clock.now());
        }
    }

    /// Answers still on their way get their time.
    fn drain(&mut self, stop: &AtomicBool) {
        let stopped = stop.load(Ordering::Relaxed);
        // A second Ctrl-C is not needed: an interrupted run waits for its answers only briefly.
        let until = if stopped { self.clock.now() + self.timeout.min(50_000_000) } else { Nanos::MAX };
        while !self.flight.empty() {
            let now = self.receive(Wait::Poll).unwrap_or_else(|| self.now());
            if now >= until || (!stopped && stop.load(Ordering::Relaxed)) {
                while let Some(launch) = self.flight.give_up(Nanos::MAX) {
                    self.counts.unfinished += u64::from(launch.due >= self.measured_from);
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

    /// Lost and unfinished pulses become samples: each at the longest timeout of one, or at the slowest answer where that is later, for
    /// an answer that came is faster than one that did not.
    fn enter_losses(&mut self) {
        let Latencies { response, service, .. } = &mut self.latencies;
        let missing = self.counts.lost + self.counts.unfinished;
        for (histogram, at_least) in [(response, self.longest_loss.max(self.timeout)), (service, self.timeout)] {
            if missing > 0 {
                histogram.saturating_record_n(at_least.max(histogram.max()), missing);
            }
        }
    }

    /// Asks the target what it counted.
    fn close(&mut self) -> Option<Tally> {
        let mut question = vec![0; HEADER + Tally::LENGTH];
        let seq = SeqId(self.plan.first_seq).plus(self.flight.next() as u32);
        let header = Header { flags: FLAG_ECHO, ..Header::new(Kind::Close, seq, self.wall.unix(self.clock.now())) };
        header.emit(question.first_chunk_mut::<HEADER>()?);
        for _ in 0..5 {
            // An ICMP error of an earlier pulse may come out of this send; the next try is free of it.
            if self.link.send(&question).is_err() {
                continue;
            }
            let until = self.clock.now() + PROBE_WAIT;
            while self.clock.now() < until {
                let Ok(Some(Arrival { length, .. })) = self.link.recv(&mut self.buffer, Wait::Poll) else { continue };
                match self.buffer.get(..length).map(Pulse::parse) {
                    Some(Ok(pulse)) if pulse.kind() == Kind::Close => return Tally::parse(pulse.payload()),
                    _ => {}
                }
            }
        }
        None
    }

    /// Whether a pulse can leave later than it is due. In ping-pong it is due when it leaves: what is known beforehand is
    /// not recorded pulse by pulse.
    fn scheduled(&self) -> bool {
        self.plan.pace != Pace::PingPong
    }

    /// Reads the clock and shows that this core is alive.
    #[inline]
    fn now(&self) -> Nanos {
        let now = self.clock.now();
        if let Some(heart) = &self.watch.sender {
            heart.beat(now);
        }
        now
    }

    #[inline]
    fn stamp(&mut self, seq: SeqId, now: Nanos) {
        let unix = self.wall.unix(now);
        if let Some(header) = self.out.first_chunk_mut::<HEADER>() {
            stamp(header, seq, unix);
        }
    }

    #[inline]
    fn send(&mut self, due: Nanos, now: Nanos) {
        if self.flight.full() {
            self.give_up(0);
        }
        let number = self.flight.next();
        self.stamp(SeqId(self.plan.first_seq).plus(number as u32), now);
        self.flight.launch(Launch { due, sent: now });
        let measured = due >= self.measured_from;
        // Often the error of an earlier datagram that came back as ICMP. The run goes on: this pulse will count as lost.
        let left = self.link.send(&self.out).unwrap_or_else(|_| {
            self.counts.network_errors += 1;
            false
        });
        self.counts.sent_in_all += u64::from(left);
        if measured {
            self.counts.sent += 1;
            self.counts.send_refused += u64::from(!left);
            if self.scheduled() {
                self.latencies.lateness.saturating_record(now - due);
            }
        }
    }

    /// Takes one datagram, if there is one, and gives the time at which it was in our hands.
    #[inline]
    fn receive(&mut self, wait: Wait) -> Option<Nanos> {
        let arrival = self.take(wait)?;
        let now = match wait {
            Wait::Poll => self.now(),
            Wait::Block => self.clock.now(),
        };
        self.account(arrival, now, wait);
        Some(now)
    }

    #[inline]
    fn take(&mut self, wait: Wait) -> Option<Arrival> {
        let looks = if self.plan.spin && self.plan.pace == Pace::PingPong { LOOKS } else { 1 };
        for _ in 0..looks {
            match self.link.recv(&mut self.buffer, wait) {
                Ok(None) => {}
                Ok(arrival) => return arrival,
                Err(_) => {
                    self.counts.network_errors += 1;
                    return None;
                }
            }
        }
        None
    }

    /// Shows that this core is alive after a sleep, and since when there was work for it (0: unknown).
    #[inline]
    fn woke(&self, now: Nanos, work_since: Nanos) {
        if let Some(heart) = &self.watch.sender {
            heart.woke(now, work_since);
        }
    }

    #[inline]
    fn account(&mut self, arrival: Arrival, now: Nanos, wait: Wait) {
        let datagram = self.buffer.get(..arrival.length).unwrap_or(&self.buffer);
        let pulse = match Pulse::parse(datagram) {
            Ok(pulse) => pulse,
            Err(reject) => {
                self.counts.rejects[usize::from(reject.slug.code())] += 1;
                return;
            }
        };
        if wait == Wait::Block {
            // The embedded responder stamps its answers by this host's clock.
            let here = self.plan.target.is_none();
            let age = self.wall.unix(now).saturating_sub(pulse.timestamp_ns());
            if let Some(heart) = &self.watch.sender {
                heart.woke(now, if here { now.saturating_sub(age) } else { 0 });
            }
        }
        let next = self.flight.next();
        let newest = SeqId(self.plan.first_seq).plus(next as u32);
        let number = next.checked_add_signed(i64::from(pulse.seq_id().since(newest)));
        let expected = pulse.kind() == Kind::Pong && datagram.len() == self.out.len();
        match number.filter(|_| expected).map_or(Landing::Unknown, |n| self.flight.land(n)) {
            Landing::First { launch, .. } if now.saturating_sub(launch.sent) > self.timeout => {
                self.counts.late += 1;
                self.lose(launch);
            }
            Landing::First { launch, overtaken } => {
                self.counts.reordered += u64::from(overtaken);
                if launch.due >= self.measured_from {
                    self.counts.answered += 1;
                    self.latencies.response.saturating_record(now.saturating_sub(launch.due));
                    if self.scheduled() {
                        self.latencies.service.saturating_record(now.saturating_sub(launch.sent));
                    }
                    if let Some(kernel_ns) = arrival.kernel_ns {
                        self.latencies.wakeup.saturating_record(self.wall.unix(now).saturating_sub(kernel_ns));
                    }
                }
            }
            Landing::Duplicate => self.counts.duplicates += 1,
            Landing::Late => self.counts.late += 1,
            Landing::Unknown => self.counts.unexpected += 1,
        }
    }

    /// Pulses whose time is over are lost.
    #[inline]
    fn give_up(&mut self, now: Nanos) {
        while let Some(launch) = self.flight.give_up(now.saturating_sub(self.timeout)) {
            self.lose(launch);
        }
    }

    fn lose(&mut self, launch: Launch) {
        if launch.due >= self.measured_from {
            self.counts.lost += 1;
            self.longest_loss = self.longest_loss.max(launch.sent - launch.due + self.timeout);
        }
    }

    fn publish(&self, progress: &Progress, now: Nanos) {
        progress.sent.store(self.counts.sent, Ordering::Relaxed);
        progress.answered.store(self.counts.answered, Ordering::Relaxed);
        progress.lost.store(self.counts.lost, Ordering::Relaxed);
        progress.elapsed_ns.store(now.saturating_sub(self.measured_from), Ordering::Relaxed);
    }
}
