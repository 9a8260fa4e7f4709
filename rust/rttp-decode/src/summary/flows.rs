//! What a summary knows of each flow, beyond its numbers.

use hdrhistogram::Histogram;

use crate::batch::{CUT, Row};
use crate::flow::NO_FLOW;
use crate::message::{Message, State};

/// Flows whose delays and intervals have percentiles: the first so many.
pub const DETAILED: usize = 1024;

/// One flow.
#[derive(Debug, Default)]
pub(super) struct FlowCounts {
    pub(super) accepted: u64,
    pub(super) rejected: u64,
    pub(super) cut: u64,
    pub(super) bytes: u64,
    pub(super) first_ns: u64,
    pub(super) last_ns: u64,
    /// Pulses with a delay, of either sign.
    pub(super) delays: u64,
    /// Those that left after they arrived, by their clocks.
    pub(super) negative: u64,
    pub(super) least_ns: i64,
    pub(super) greatest_ns: i64,
    /// RFC 3550, 6.4.1.
    pub(super) jitter_ns: f64,
    before_ns: Option<i64>,
    pub(super) complete: u64,
    pub(super) recoverable: u64,
    pub(super) incomplete: u64,
    pub(super) detail: Option<Box<Detail>>,
}

/// Distributions of a flow: 2 significant digits, so that a thousand of them stay small.
#[derive(Debug)]
pub(super) struct Detail {
    pub(super) delay_ns: Histogram<u32>,
    pub(super) interval_ns: Histogram<u32>,
}

/// Flows by their number.
#[derive(Debug, Default)]
pub(super) struct FlowTable {
    pub(super) flows: Vec<FlowCounts>,
}

impl FlowTable {
    fn of(&mut self, row: &Row) -> Option<&mut FlowCounts> {
        if row.flow == NO_FLOW {
            return None;
        }
        let at = row.flow as usize;
        if at >= self.flows.len() {
            // Flows are numbered as they appear and bounded, so this grows by few at a time.
            let known = self.flows.len();
            self.flows.extend((known..=at).map(|i| FlowCounts::new(i < DETAILED)));
        }
        let flow = self.flows.get_mut(at)?;
        if flow.accepted + flow.rejected + flow.cut == 0 {
            flow.first_ns = row.time_ns;
        }
        flow.first_ns = flow.first_ns.min(row.time_ns);
        flow.last_ns = flow.last_ns.max(row.time_ns);
        flow.bytes += u64::from(row.length);
        Some(flow)
    }

    #[inline]
    pub(super) fn add(&mut self, row: &Row, delay_ns: Option<i64>, whole: bool) {
        let Some(flow) = self.of(row) else { return };
        flow.accepted += 1;
        flow.complete += u64::from(whole);
        if let (Some(detail), Some(interval_ns)) = (&mut flow.detail, row.interval_ns) {
            detail.interval_ns.saturating_record(interval_ns.max(0).cast_unsigned());
        }
        if let Some(delay_ns) = delay_ns {
            flow.delayed(delay_ns);
        }
    }

    pub(super) fn add_refused(&mut self, row: &Row) {
        let Some(flow) = self.of(row) else { return };
        if row.status == CUT {
            flow.cut += 1;
        } else {
            flow.rejected += 1;
        }
    }

    pub(super) fn add_message(&mut self, message: &Message) {
        let Some(flow) = self.flows.get_mut(message.first.flow as usize) else { return };
        match message.state() {
            State::Complete => flow.complete += 1,
            State::Recoverable => flow.recoverable += 1,
            State::Incomplete => flow.incomplete += 1,
        }
    }
}

/// Longest delay or interval told apart: longer ones count as this, an hour.
const LONGEST_NS: u64 = 3_600_000_000_000;

impl FlowCounts {
    fn new(detailed: bool) -> FlowCounts {
        let histogram = || Histogram::new_with_max(LONGEST_NS, 2);
        let detail = || Some(Box::new(Detail { delay_ns: histogram().ok()?, interval_ns: histogram().ok()? }));
        FlowCounts {
            least_ns: i64::MAX,
            greatest_ns: i64::MIN,
            detail: if detailed { detail() } else { None },
            ..FlowCounts::default()
        }
    }

    fn delayed(&mut self, delay_ns: i64) {
        self.delays += 1;
        self.least_ns = self.least_ns.min(delay_ns);
        self.greatest_ns = self.greatest_ns.max(delay_ns);
        if let Some(before_ns) = self.before_ns.replace(delay_ns) {
            let step = delay_ns.saturating_sub(before_ns).unsigned_abs() as f64;
            self.jitter_ns += (step - self.jitter_ns) / 16.0;
        }
        match u64::try_from(delay_ns) {
            Ok(ns) => {
                if let Some(detail) = &mut self.detail {
                    detail.delay_ns.saturating_record(ns);
                }
            }
            Err(_) => self.negative += 1,
        }
    }
}
