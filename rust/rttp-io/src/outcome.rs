//! What a run counted and measured: nothing here is estimated.

use std::net::SocketAddr;

use base64::Engine;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer, V2DeflateSerializer};
use nix::sys::resource::{UsageWho, getrusage};
use rttp_proto::reject::Slug;
use rttp_proto::tally::Tally;

use crate::clock::Nanos;
use crate::host::Asked;
use crate::interval::Interval;
use crate::meter::Stall;
use crate::offset::Fit;
use crate::pieces::Piece;
use crate::recorder::Recorder;

/// Latencies in ns, three significant digits, 1 ns to one hour.
///
/// # Panics
/// Never: the bounds are constants.
#[must_use]
#[allow(clippy::expect_used, reason = "constants")]
pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 3_600_000_000_000, 3).expect("constants that the library accepts")
}

/// A histogram as other HDR tools read it: V2, compressed, base64.
#[must_use]
pub fn encode(histogram: &Histogram<u64>) -> String {
    let mut bytes = Vec::new();
    // Writing to memory fails only for lack of it.
    let _ = V2DeflateSerializer::new().serialize(histogram, &mut bytes);
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// Processor time and switches of one thread.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// In user mode, ns.
    pub user_ns: u64,
    /// In the kernel, ns.
    pub system_ns: u64,
    /// Gave up the core to wait.
    pub voluntary_switches: u64,
    /// Was put off the core.
    pub involuntary_switches: u64,
}

impl Usage {
    /// Of the calling thread so far.
    #[must_use]
    pub fn of_thread() -> Usage {
        let Ok(usage) = getrusage(UsageWho::RUSAGE_THREAD) else { return Usage::default() };
        let ns = |t: nix::sys::time::TimeVal| {
            u64::try_from(t.tv_sec()).unwrap_or(0) * 1_000_000_000 + u64::try_from(t.tv_usec()).unwrap_or(0) * 1_000
        };
        Usage {
            user_ns: ns(usage.user_time()),
            system_ns: ns(usage.system_time()),
            voluntary_switches: u64::try_from(usage.voluntary_context_switches()).unwrap_or(0),
            involuntary_switches: u64::try_from(usage.involuntary_context_switches()).unwrap_or(0),
        }
    }

    /// What was used since an earlier reading.
    #[must_use]
    pub fn since(self, earlier: Usage) -> Usage {
        Usage {
            user_ns: self.user_ns.saturating_sub(earlier.user_ns),
            system_ns: self.system_ns.saturating_sub(earlier.system_ns),
            voluntary_switches: self.voluntary_switches.saturating_sub(earlier.voluntary_switches),
            involuntary_switches: self.involuntary_switches.saturating_sub(earlier.involuntary_switches),
        }
    }
}

/// Gaps seen on one core.
#[derive(Clone, Debug)]
pub struct CoreStalls {
    /// The core, or `None` for a thread that was not pinned.
    pub core: Option<usize>,
    /// Who ran there: `sender`, `responder`, or both.
    pub role: &'static str,
    /// How many.
    pub count: usize,
    /// All together, ns.
    pub total_ns: Nanos,
    /// The longest, ns.
    pub longest_ns: Nanos,
    /// The first ones, `start` counted from the first measured pulse's due time, negative during the warm-up.
    pub stalls: Vec<(i64, Nanos)>,
}

impl CoreStalls {
    /// Moves the kept stalls to the run's own time.
    #[must_use]
    pub fn relative(stalls: &[Stall], origin: Nanos) -> Vec<(i64, Nanos)> {
        stalls.iter().map(|s| (s.start.cast_signed() - origin.cast_signed(), s.length)).collect()
    }
}

/// The embedded responder's side.
#[derive(Clone, Debug)]
pub struct ServerOutcome {
    /// Counts over all senders.
    pub total: Tally,
    /// Answers that could not be sent.
    pub answers_dropped: u64,
    /// Receive buffer granted, bytes.
    pub receive_buffer: usize,
    /// System calls on its socket.
    pub syscalls: u64,
    /// Its thread's processor time.
    pub usage: Usage,
    /// What it asked of the host.
    pub asked: Vec<Asked>,
}

/// Counts of a session, whole run: warm-up, cool-down and the first pulses that look for the target included.
#[derive(Clone, Debug, Default)]
pub struct SessionCounts {
    /// Pulses sent.
    pub sent_in_all: u64,
    /// Pulses that answer nothing we sent, or with the wrong kind or length.
    pub unexpected: u64,
    /// Datagrams that are no pulses, by slug code.
    pub rejects: [u64; Slug::TABLE],
    /// Errors of the network or the host on sending or receiving (ICMP among them).
    pub network_errors: u64,
    /// Answers that our kernel dropped because our receive buffer was full.
    pub buffer_drops: u64,
}

impl SessionCounts {
    fn add(&mut self, other: &SessionCounts) {
        self.sent_in_all += other.sent_in_all;
        self.unexpected += other.unexpected;
        self.network_errors += other.network_errors;
        self.buffer_drops += other.buffer_drops;
        for (mine, theirs) in self.rejects.iter_mut().zip(other.rejects) {
            *mine += theirs;
        }
    }
}

/// Counts of a stream. Without a word they are of measured pulses, those due in the measured time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct StreamCounts {
    /// Pulses sent.
    pub sent: u64,
    /// Their bytes, header and payload.
    pub bytes: u64,
    /// Pulses whose send the kernel refused for want of buffer; they count as lost.
    pub send_refused: u64,
    /// Answered in time.
    pub answered: u64,
    /// Not answered in time, refused ones among them.
    pub lost: u64,
    /// Sent without asking for an answer: only the target can say what became of them.
    pub one_way: u64,
    /// Still on their way when the run was stopped: neither answered nor timed out.
    pub unfinished: u64,
    /// Due in the measured time and never sent, since the sender could not keep up.
    pub unsent: u64,
    /// Due and not sent, since the stream's queue was full and it drops.
    pub dropped: u64,
    /// Answers after the timeout (their pulse is lost all the same), whole run.
    pub late: u64,
    /// Second and further answers, whole run.
    pub duplicates: u64,
    /// Answers that came after the answer to a pulse sent later, whole run.
    pub reordered: u64,
    /// Messages of which all pulses that ask for an answer were answered in time.
    pub complete: u64,
    /// Messages begun.
    pub messages: u64,
    /// Of those with a deadline, the ones that kept it. A message that the end of the run cut off did neither.
    pub kept: u64,
    /// Of those with a deadline, the ones that missed it: answered too late, or lost, or dropped.
    pub missed: u64,
}

impl StreamCounts {
    /// Adds what another session counted.
    pub fn add(&mut self, other: &StreamCounts) {
        self.sent += other.sent;
        self.bytes += other.bytes;
        self.send_refused += other.send_refused;
        self.answered += other.answered;
        self.lost += other.lost;
        self.one_way += other.one_way;
        self.unfinished += other.unfinished;
        self.unsent += other.unsent;
        self.dropped += other.dropped;
        self.late += other.late;
        self.duplicates += other.duplicates;
        self.reordered += other.reordered;
        self.complete += other.complete;
        self.messages += other.messages;
        self.kept += other.kept;
        self.missed += other.missed;
    }
}

/// What was measured of a stream, in ns. A histogram is empty where its figure does not apply.
#[derive(Clone)]
pub struct Latencies {
    /// From the scheduled send to the answer; a lost pulse is a sample at its timeout.
    pub response: Histogram<u64>,
    /// From the actual send to the answer; a lost pulse is a sample at its timeout.
    pub service: Histogram<u64>,
    /// `response` of the pulses that met no stall of a watched core; empty where none was watched.
    pub undisturbed: Histogram<u64>,
    /// From the scheduled to the actual send.
    pub lateness: Histogram<u64>,
    /// From the kernel's stamp of the answer to our reading it; empty without stamps.
    pub wakeup: Histogram<u64>,
    /// From the send to the target, by both clocks and the fitted offset.
    pub out: Histogram<u64>,
    /// From the target to us, likewise.
    pub back: Histogram<u64>,
    /// From when a message of several pulses was due to its last answer.
    pub message: Histogram<u64>,
    /// From when a token stream's request was due to its first token.
    pub first_token: Histogram<u64>,
    /// From one token to the next.
    pub token_gap: Histogram<u64>,
}

impl Default for Latencies {
    fn default() -> Latencies {
        // Untouched cells take no memory: the pages come zeroed from the kernel when they are first written.
        let new = histogram;
        Latencies {
            response: new(),
            service: new(),
            undisturbed: new(),
            lateness: new(),
            wakeup: new(),
            out: new(),
            back: new(),
            message: new(),
            first_token: new(),
            token_gap: new(),
        }
    }
}

impl Latencies {
    /// Each histogram by its name in results.
    #[must_use]
    pub fn named(&self) -> [(&'static str, &Histogram<u64>); 10] {
        [
            ("response", &self.response),
            ("service", &self.service),
            ("undisturbed", &self.undisturbed),
            ("lateness", &self.lateness),
            ("wakeup", &self.wakeup),
            ("one_way_out", &self.out),
            ("one_way_back", &self.back),
            ("message", &self.message),
            ("first_token", &self.first_token),
            ("token_gap", &self.token_gap),
        ]
    }

    /// Adds what another session or stream measured.
    pub fn add(&mut self, other: &Latencies) {
        let mine = [
            &mut self.response,
            &mut self.service,
            &mut self.undisturbed,
            &mut self.lateness,
            &mut self.wakeup,
            &mut self.out,
            &mut self.back,
            &mut self.message,
            &mut self.first_token,
            &mut self.token_gap,
        ];
        for (mine, (_, theirs)) in mine.into_iter().zip(other.named()) {
            // All have the same bounds.
            let _ = mine.add(theirs);
        }
    }
}

/// Slope of lateness over time: how much slower than its schedule a sender is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Drift {
    n: f64,
    mean_x: f64,
    mean_y: f64,
    xx: f64,
    xy: f64,
}

impl Drift {
    /// Takes one pulse: due, from the start, and how late it left, ns.
    #[inline]
    pub fn enter(&mut self, due: f64, late: f64) {
        self.n += 1.0;
        let dx = due - self.mean_x;
        self.mean_x += dx / self.n;
        self.mean_y += (late - self.mean_y) / self.n;
        self.xx += dx * (due - self.mean_x);
        self.xy += dx * (late - self.mean_y);
    }

    /// Millionths by which the sender's pulses fall behind; `None` with fewer than three of them.
    #[must_use]
    pub fn ppm(&self) -> Option<f64> {
        (self.n >= 3.0 && self.xx > 0.0).then(|| self.xy / self.xx * 1e6)
    }

    fn add(&mut self, other: &Drift) {
        let n = self.n + other.n;
        if other.n == 0.0 {
            return;
        }
        let (dx, dy) = (other.mean_x - self.mean_x, other.mean_y - self.mean_y);
        let share = self.n * other.n / n;
        self.xx += other.xx + dx * dx * share;
        self.xy += other.xy + dx * dy * share;
        self.mean_x += dx * other.n / n;
        self.mean_y += dy * other.n / n;
        self.n = n;
    }
}

/// A stream's side.
#[derive(Clone, Default)]
pub struct StreamOutcome {
    /// The counts.
    pub counts: StreamCounts,
    /// The measurements.
    pub latencies: Latencies,
    /// How its pulses drift from their schedule.
    pub drift: Drift,
    /// Longest time from schedule to timeout of a lost pulse.
    pub longest_loss: Nanos,
}

impl StreamOutcome {
    fn add(&mut self, other: &StreamOutcome) {
        self.counts.add(&other.counts);
        self.latencies.add(&other.latencies);
        self.drift.add(&other.drift);
        self.longest_loss = self.longest_loss.max(other.longest_loss);
    }

    /// Lost and unfinished pulses become samples: each at the longest timeout of one, or at the slowest answer where that
    /// is later, for an answer that came is faster than one that did not. `watched`: somebody looked for stalls.
    pub fn enter_losses(&mut self, timeout: Nanos, watched: bool) {
        let missing = self.counts.lost + self.counts.unfinished;
        let Latencies { response, service, undisturbed, .. } = &mut self.latencies;
        let from_schedule = self.longest_loss.max(timeout).max(response.max());
        for (histogram, at_least, wanted) in
            [(response, from_schedule, true), (service, timeout, true), (undisturbed, from_schedule, watched)]
        {
            if missing > 0 && wanted {
                histogram.saturating_record_n(at_least.max(histogram.max()), missing);
            }
        }
    }
}

/// Priorities that are counted together.
pub const BANDS: usize = 8;

/// The band of a priority: 32 priorities each.
#[must_use]
pub const fn band_of(priority: u8) -> usize {
    (priority >> 5) as usize
}

/// Pulses of one band of priorities, of all streams.
#[derive(Clone)]
pub struct BandOutcome {
    /// Measured pulses sent.
    pub sent: u64,
    /// Answered in time.
    pub answered: u64,
    /// Lost or unfinished.
    pub missing: u64,
    /// As of a stream.
    pub response: Histogram<u64>,
    /// Longest time from schedule to timeout of a lost pulse, or the longest timeout.
    pub longest_loss: Nanos,
}

impl Default for BandOutcome {
    fn default() -> BandOutcome {
        BandOutcome { sent: 0, answered: 0, missing: 0, response: histogram(), longest_loss: 0 }
    }
}

impl BandOutcome {
    fn add(&mut self, other: &BandOutcome) {
        self.sent += other.sent;
        self.answered += other.answered;
        self.missing += other.missing;
        self.longest_loss = self.longest_loss.max(other.longest_loss);
        let _ = self.response.add(&other.response);
    }

    /// As of a stream.
    pub fn enter_losses(&mut self) {
        if self.missing > 0 {
            let at = self.longest_loss.max(self.response.max());
            self.response.saturating_record_n(at, self.missing);
        }
    }
}

/// What one sender saw.
pub struct Seen {
    /// Start of the measured time on the run's clock.
    pub origin: Nanos,
    /// The same as Unix time, ns.
    pub started_unix_ns: u64,
    /// From there to the end of sending, ns.
    pub sending_ns: Nanos,
    /// From there to the last answer or timeout, ns.
    pub lasted_ns: Nanos,
    /// Ended before its time by a stop.
    pub interrupted: bool,
    /// Counts of the session.
    pub session: SessionCounts,
    /// By stream.
    pub streams: Vec<StreamOutcome>,
    /// By band of priorities.
    pub bands: Vec<BandOutcome>,
    /// Lateness outside stalls and their wake.
    pub pacing: Histogram<u64>,
    /// Pulses that a stall of the sender's core made late, and which `pacing` therefore leaves out.
    pub stalled_pulses: u64,
    /// The last interval.
    pub interval: Interval,
    /// Slowest and lost pulses.
    pub recorder: Recorder,
    /// What the target counted of our pulses, if it told us.
    pub tally: Option<Tally>,
    /// What is known of the target's clock.
    pub clock: ClockOutcome,
    /// The sender's thread.
    pub usage: Usage,
    /// System calls on its socket.
    pub syscalls: u64,
    /// Numbers given by the schedule.
    pub numbers: u64,
}

/// The target's clock as one session saw it.
#[derive(Clone, Copy, Debug)]
pub struct ClockOutcome {
    /// Both ends share a clock.
    pub shared: bool,
    /// The offset, if there was an answer.
    pub fit: Option<Fit>,
    /// One-way times that came out below zero and count as 0.
    pub below_zero: u64,
}

/// One session of a run.
pub struct SessionOutcome {
    /// Who answered.
    pub target: SocketAddr,
    /// Our own address.
    pub local: SocketAddr,
    /// Receive buffer granted, bytes.
    pub receive_buffer: usize,
    /// What the target counted of our pulses, if it told us.
    pub tally: Option<Tally>,
    /// What is known of the target's clock.
    pub clock: ClockOutcome,
    /// The sender's thread.
    pub usage: Usage,
    /// The core it ran on.
    pub core: Option<usize>,
    /// Pulses it sent, whole run.
    pub sent_in_all: u64,
    /// System calls on its socket.
    pub syscalls: u64,
}

/// A finished run.
pub struct Outcome {
    /// Start of the measured time as Unix time, ns.
    pub started_unix_ns: u64,
    /// Start of the measured time on the run's clock, earliest of all sessions.
    pub origin: Nanos,
    /// From there to the end of sending, the longest of all sessions, ns.
    pub sending_ns: Nanos,
    /// From there to the last answer or timeout, ns.
    pub lasted_ns: Nanos,
    /// Ended before its time by a stop.
    pub interrupted: bool,
    /// One per sender.
    pub sessions: Vec<SessionOutcome>,
    /// Of all sessions together.
    pub session: SessionCounts,
    /// By stream.
    pub streams: Vec<StreamOutcome>,
    /// By band of priorities.
    pub bands: Vec<BandOutcome>,
    /// Lateness outside stalls.
    pub pacing: Histogram<u64>,
    /// Pulses that `pacing` leaves out.
    pub stalled_pulses: u64,
    /// Slowest and lost pulses.
    pub recorder: Recorder,
    /// The embedded responder, if it was ours.
    pub server: Option<ServerOutcome>,
    /// What was asked of the host for the senders and the process.
    pub asked: Vec<Asked>,
    /// Gaps on the cores used; empty when they could not be watched.
    pub stalls: Vec<CoreStalls>,
    /// The measured time in pieces.
    pub pieces: Vec<Piece>,
    /// Numbers given by the schedules of all sessions.
    pub numbers: u64,
}

impl Outcome {
    /// Adds one sender's side; `interval` figures were added before.
    pub(crate) fn add(&mut self, seen: Seen, session: SessionOutcome) {
        if self.sessions.is_empty() || seen.origin < self.origin {
            self.origin = seen.origin;
            self.started_unix_ns = seen.started_unix_ns;
        }
        self.sending_ns = self.sending_ns.max(seen.sending_ns);
        self.lasted_ns = self.lasted_ns.max(seen.lasted_ns);
        self.interrupted |= seen.interrupted;
        self.session.add(&seen.session);
        for (mine, theirs) in self.streams.iter_mut().zip(&seen.streams) {
            mine.add(theirs);
        }
        for (mine, theirs) in self.bands.iter_mut().zip(&seen.bands) {
            mine.add(theirs);
        }
        let _ = self.pacing.add(&seen.pacing);
        self.stalled_pulses += seen.stalled_pulses;
        self.recorder.merge(seen.recorder);
        self.numbers += seen.numbers;
        self.sessions.push(session);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drift_is_the_slope_of_lateness_however_it_was_gathered() {
        let (mut whole, mut parts) = (Drift::default(), [Drift::default(), Drift::default()]);
        for i in 0..1_000 {
            let (due, late) = (f64::from(i) * 1e6, 500.0 + f64::from(i) * 40.0 + f64::from(i * 7 % 13));
            whole.enter(due, late);
            parts[i as usize % 2].enter(due, late);
        }
        let [mut one, other] = parts;
        one.add(&other);
        assert!((whole.ppm().unwrap() - 40.0).abs() < 0.1, "{:?}", whole.ppm());
        assert!((one.ppm().unwrap() - whole.ppm().unwrap()).abs() < 1e-6);
        assert_eq!(Drift::default().ppm(), None);
    }

    #[test]
    fn losses_stand_behind_every_answer() {
        let mut stream = StreamOutcome::default();
        stream.latencies.response.saturating_record_n(5_000_000_000, 3);
        stream.counts = StreamCounts { lost: 2, unfinished: 1, ..StreamCounts::default() };
        stream.enter_losses(1_000_000, false);
        assert_eq!(stream.latencies.response.len(), 6);
        assert!(stream.latencies.response.min() >= 4_990_000_000, "the slowest answer, not the timeout");
        assert_eq!((stream.latencies.service.len(), stream.latencies.service.max() / 10_000), (3, 100));
    }
}
