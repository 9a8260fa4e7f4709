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
use crate::meter::Stall;

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
    /// Its thread's processor time.
    pub usage: Usage,
    /// What it asked of the host.
    pub asked: Vec<Asked>,
}

/// Counts of a run. Without a word they are of measured pulses, those due after the warm-up.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Pulses sent in all: measured, warm-up and the first ones that look for the target.
    pub sent_in_all: u64,
    /// Pulses sent.
    pub sent: u64,
    /// Pulses whose send the kernel refused for want of buffer; they count as lost.
    pub send_refused: u64,
    /// Answered in time.
    pub answered: u64,
    /// Not answered in time, refused ones among them.
    pub lost: u64,
    /// Still on their way when the run was stopped: neither answered nor timed out.
    pub unfinished: u64,
    /// Due in the measured time and never sent, since the sender could not keep up.
    pub unsent: u64,
    /// Answers after the timeout (their pulse is lost all the same), whole run.
    pub late: u64,
    /// Second and further answers, whole run.
    pub duplicates: u64,
    /// Answers that came after the answer to a later pulse, whole run.
    pub reordered: u64,
    /// Pulses that answer nothing we sent, or with the wrong kind or length, whole run.
    pub unexpected: u64,
    /// Datagrams that are no pulses, by slug code, whole run.
    pub rejects: [u64; Slug::TABLE],
    /// Errors of the network or the host on sending or receiving (ICMP among them), whole run.
    pub network_errors: u64,
    /// Answers that our kernel dropped because our receive buffer was full, whole run.
    pub buffer_drops: u64,
}

/// What was measured, in ns.
pub struct Latencies {
    /// From the scheduled send to the answer; a lost pulse is a sample at its timeout.
    pub response: Histogram<u64>,
    /// From the actual send to the answer; a lost pulse is a sample at its timeout.
    pub service: Histogram<u64>,
    /// From the scheduled to the actual send.
    pub lateness: Histogram<u64>,
    /// From the kernel's stamp of the answer to our reading it; empty without stamps.
    pub wakeup: Histogram<u64>,
}

impl Default for Latencies {
    fn default() -> Latencies {
        Latencies { response: histogram(), service: histogram(), lateness: histogram(), wakeup: histogram() }
    }
}

/// What the sender saw.
pub struct Seen {
    /// The first measured pulse's due time on the run's clock.
    pub origin: Nanos,
    /// The same as Unix time, ns.
    pub started_unix_ns: u64,
    /// From the first measured due time to the end of sending, ns.
    pub sending_ns: Nanos,
    /// From the first measured due time to the last answer or timeout, ns.
    pub lasted_ns: Nanos,
    /// Ended before its time by a stop.
    pub interrupted: bool,
    /// The counts.
    pub counts: Counts,
    /// The measurements.
    pub latencies: Latencies,
    /// What the target counted of our pulses, if it told us.
    pub tally: Option<Tally>,
    /// The sender's thread.
    pub usage: Usage,
}

/// A finished run.
pub struct Outcome {
    /// Who answered.
    pub target: SocketAddr,
    /// Our own address.
    pub local: SocketAddr,
    /// The sender's side.
    pub seen: Seen,
    /// The embedded responder, if it was ours.
    pub server: Option<ServerOutcome>,
    /// Receive buffer granted to the sender, bytes.
    pub receive_buffer: usize,
    /// What was asked of the host for the sender and the process.
    pub asked: Vec<Asked>,
    /// Gaps on the cores used; empty when they could not be watched.
    pub stalls: Vec<CoreStalls>,
}
