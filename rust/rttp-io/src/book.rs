//! What a sender writes down while it sends: one entry for each pulse sent, answered or lost.

use std::ops::Range;

use hdrhistogram::Histogram;
use rttp_load::plan::{Arrival, Mode, Plan, Priority};
use rttp_load::stream::Part;

use crate::clock::Nanos;
use crate::flight::{Launch, Settled};
use crate::interval::Reporter;
use crate::offset::Offset;
use crate::outcome::{BANDS, BandOutcome, SessionCounts, StreamOutcome, band_of, histogram};
use crate::recorder::Recorder;

/// What the plan says of a stream, as far as a pulse in flight is concerned.
struct Rules {
    deadline: Nanos,
    /// All its pulses have one priority: its band is its own histogram, entered once at the end.
    one_band: bool,
    /// Its pulses are due at instants of their own: they can be late.
    scheduled: bool,
}

/// The book of one session.
pub(crate) struct Book {
    pub(crate) streams: Vec<StreamOutcome>,
    pub(crate) bands: Vec<BandOutcome>,
    /// Lateness of pulses that no stall made late.
    pub(crate) pacing: Histogram<u64>,
    pub(crate) stalled_pulses: u64,
    pub(crate) session: SessionCounts,
    pub(crate) recorder: Recorder,
    pub(crate) offset: Offset,
    pub(crate) reporter: Reporter,
    rules: Vec<Rules>,
    /// Due times that are measured.
    measured: Range<Nanos>,
    /// When the last measured pulse left.
    pub(crate) last_sent: Nanos,
    /// The next pulse waits for the last one's answer: what is known beforehand is not recorded pulse by pulse.
    closed: bool,
}

impl Book {
    pub(crate) fn new(plan: &Plan, shared_clock: bool, slowest: usize, reporter: Reporter) -> Book {
        let rules = plan.streams.iter().map(|s| Rules {
            deadline: s.deadline_ns.unwrap_or(Nanos::MAX),
            one_band: matches!(s.priority, Priority::Fixed { .. }),
            scheduled: !matches!(s.arrival, Arrival::Flood {} | Arrival::Closed {}),
        });
        Book {
            streams: vec![StreamOutcome::default(); plan.streams.len()],
            bands: vec![BandOutcome::default(); BANDS],
            pacing: histogram(),
            stalled_pulses: 0,
            session: SessionCounts::default(),
            recorder: Recorder::new(slowest),
            offset: Offset::new(shared_clock),
            reporter,
            rules: rules.collect(),
            measured: 0..0,
            last_sent: 0,
            closed: plan.closed(),
        }
    }

    /// Sets the measured time, once the start is known.
    pub(crate) fn begin(&mut self, measured: Range<Nanos>) {
        self.reporter.begin(measured.start);
        self.measured = measured;
    }

    #[inline]
    pub(crate) fn measures(&self, due: Nanos) -> bool {
        self.measured.contains(&due)
    }

    /// A message begins.
    #[inline]
    pub(crate) fn began(&mut self, stream: u16, message_due: Nanos) {
        if self.measures(message_due) {
            self.streams[usize::from(stream)].counts.messages += 1;
        }
    }

    /// A pulse left; `left` is false where the kernel refused it, `stalled` where a stall made it late.
    #[inline]
    pub(crate) fn sent(&mut self, launch: &Launch, left: bool, answered: bool, stalled: bool) {
        self.session.sent_in_all += u64::from(left);
        if !self.measures(launch.due) {
            return;
        }
        let i = usize::from(launch.stream);
        let stream = &mut self.streams[i];
        stream.counts.sent += 1;
        stream.counts.bytes += u64::from(launch.length);
        stream.counts.send_refused += u64::from(!left);
        stream.counts.one_way += u64::from(!answered);
        self.last_sent = launch.sent;
        self.reporter.interval.streams[i].sent += 1;
        if !self.rules[i].one_band {
            self.bands[band_of(launch.priority)].sent += 1;
        }
        if self.rules[i].scheduled {
            let late = launch.sent - launch.due;
            stream.latencies.lateness.saturating_record(late);
            stream.drift.enter((launch.due - self.measured.start) as f64, late as f64);
            if stalled {
                self.stalled_pulses += 1;
            } else {
                self.pacing.saturating_record(late);
            }
        }
    }

    /// A pulse was answered in time, after the answer to a later one (`overtaken`), or touched by a stall (`disturbed`).
    /// `message`: what that means for a message of several pulses. Gives the latency from schedule, if it is measured.
    #[inline]
    pub(crate) fn answered(
        &mut self,
        launch: &Launch,
        now: Nanos,
        (overtaken, disturbed): (bool, bool),
        message: Option<Settled>,
    ) -> Option<Nanos> {
        let i = usize::from(launch.stream);
        let stream = &mut self.streams[i];
        stream.counts.reordered += u64::from(overtaken);
        let deadline = self.rules[i].deadline;
        if self.measured.contains(&launch.message_due) {
            let since = now.saturating_sub(launch.message_due);
            match (launch.part, message) {
                (Part::Whole, _) => stream.counts.complete += 1,
                (Part::Token, Some(Settled { last_token: 0, .. })) => {
                    stream.latencies.first_token.saturating_record(since);
                }
                (Part::Token, Some(Settled { last_token, .. })) => {
                    stream.latencies.token_gap.saturating_record(now.saturating_sub(last_token));
                }
                _ => {}
            }
            if message.is_some_and(|m| m.complete) {
                stream.counts.complete += 1;
                stream.latencies.message.saturating_record(since);
            }
            if launch.part == Part::Whole || message.is_some_and(|m| m.decides) {
                stream.counts.kept += u64::from(since <= deadline);
                stream.counts.missed += u64::from(since > deadline);
            }
        }
        if !self.measured.contains(&launch.due) {
            return None;
        }
        let response = now.saturating_sub(launch.due);
        stream.counts.answered += 1;
        let slice = &mut self.reporter.interval.streams[i];
        slice.response.saturating_record(response);
        if disturbed {
            slice.stalled.saturating_record(response);
        }
        if !self.closed {
            stream.latencies.service.saturating_record(now.saturating_sub(launch.sent));
        }
        if !self.rules[i].one_band {
            let band = &mut self.bands[band_of(launch.priority)];
            band.answered += 1;
            band.response.saturating_record(response);
        }
        Some(response)
    }

    /// The ways out and back of a measured pulse.
    #[inline]
    pub(crate) fn one_way(&mut self, stream: u16, (out, back): (Nanos, Nanos)) {
        let latencies = &mut self.streams[usize::from(stream)].latencies;
        latencies.out.saturating_record(out);
        latencies.back.saturating_record(back);
    }

    /// A message of a stream will not keep its deadline, for a pulse of it is lost or was not sent.
    pub(crate) fn missed(&mut self, stream: u16, message_due: Nanos) {
        if self.measures(message_due) {
            self.streams[usize::from(stream)].counts.missed += 1;
        }
    }

    /// A pulse was given up.
    pub(crate) fn lost(&mut self, launch: &Launch, timeout: Nanos) {
        if !self.measures(launch.due) {
            return;
        }
        let i = usize::from(launch.stream);
        let counted = launch.sent - launch.due + timeout;
        let stream = &mut self.streams[i];
        stream.counts.lost += 1;
        stream.longest_loss = stream.longest_loss.max(counted);
        self.reporter.interval.streams[i].lost += 1;
        if !self.rules[i].one_band {
            let band = &mut self.bands[band_of(launch.priority)];
            band.missing += 1;
            band.longest_loss = band.longest_loss.max(counted);
        }
    }

    /// A pulse was on its way when the run was stopped.
    pub(crate) fn unfinished(&mut self, launch: &Launch) {
        if self.measures(launch.due) {
            let i = usize::from(launch.stream);
            self.streams[i].counts.unfinished += 1;
            if !self.rules[i].one_band {
                self.bands[band_of(launch.priority)].missing += 1;
            }
        }
    }

    /// Due pulses that never left.
    pub(crate) fn never_sent(&mut self, stream: u16, due: Nanos, dropped: bool) {
        if self.measures(due) {
            let counts = &mut self.streams[usize::from(stream)].counts;
            counts.dropped += u64::from(dropped);
            counts.unsent += u64::from(!dropped);
        }
    }

    /// Measured pulses sent, answered and lost so far.
    pub(crate) fn totals(&self) -> (u64, u64, u64) {
        self.streams.iter().fold((0, 0, 0), |(sent, answered, lost), s| {
            (sent + s.counts.sent, answered + s.counts.answered, lost + s.counts.lost)
        })
    }
}

/// Whether the pulses of a stream ask for an answer.
pub(crate) fn wants_answer(mode: Mode) -> bool {
    mode != Mode::OneWay
}
