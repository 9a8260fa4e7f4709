//! How many pulses may be on their way at once.

use rttp_load::plan::{Arrival, Cut, Size, StreamPlan};
use rttp_load::schedule::busiest;
use rttp_load::trace::{Entry, NO_SIZE};

use crate::book::wants_answer;
use crate::setup::Setup;

/// Numbers for which the ring remembers what other streams sent beside a flood: two seconds of the fastest one here.
const BESIDE_A_FLOOD: f64 = 1_000_000.0;

/// Most pulses that a message of a stream has, and how many to reckon with for each of many. Where the plan leaves that to a
/// trace, the most and the mean of its entries.
pub(super) fn pulses(setup: &Setup, stream: &StreamPlan) -> (u64, f64) {
    let planned = stream.most_pulses();
    let Arrival::Trace { trace, .. } = &stream.arrival else { return (planned, planned as f64) };
    let Some(trace) = setup.traces.get(*trace) else { return (planned, planned as f64) };
    let of = |entry: &Entry| match (&stream.fragments.cut, &stream.size) {
        (Cut::None {} | Cut::Fixed { count: 1 } | Cut::Kv { token_blocks: 1, layers: 1, heads: 1 }, _) => {
            planned - 1 + u64::from(entry.fragments.max(1))
        }
        (Cut::Mtu { payload }, Size::Trace {}) if entry.size != NO_SIZE => {
            u64::from(entry.size).div_ceil(*payload).clamp(1, u64::from(u16::MAX))
        }
        (Cut::Mtu { .. }, Size::Trace {}) => 1,
        _ => planned,
    };
    let most = trace.entries.iter().map(of).max().unwrap_or(planned);
    (most, trace.entries.iter().map(of).sum::<u64>() as f64 / trace.entries.len().max(1) as f64)
}

/// Pulses that may be on their way at once: peak rate × (timeout + length of a message), a quarter more and then some, for
/// after a stall the sender makes up what is overdue.
pub(super) fn in_flight(setup: &Setup) -> u64 {
    let plan = &setup.plan;
    let mut pulses = 1024.0;
    for stream in &plan.streams {
        let (most, each) = self::pulses(setup, stream);
        let lasts = stream.fragments.gap_ns as f64 * most as f64 + stream.first_token_ns as f64;
        let waits = if wants_answer(stream.mode) { stream.timeout_ns as f64 } else { 0.0 };
        let window = waits + lasts;
        let messages = match &stream.arrival {
            Arrival::Trace { trace, speed, .. } => {
                setup.traces.get(*trace).map_or(0.0, |t| busiest(t, (window * speed) as u64) as f64)
            }
            _ => stream.peak_rate().unwrap_or(0.0) * window / 1e9,
        };
        pulses += messages * each * 1.25 + most as f64 * f64::from(stream.fragments.interleave) * 2.0;
        // A flood has no rate to reckon with; beside it the others' pulses and messages stay known for so long.
        if plan.streams.len() > 1 && stream.arrival == (Arrival::Flood {}) {
            pulses += BESIDE_A_FLOOD;
        }
    }
    pulses as u64
}
