//! All streams of a plan merged: pulses in the order in which they are due.

use std::sync::Arc;

use crate::plan::{Arrival, Plan};
use crate::stream::{Item, Stream};
use crate::trace::Trace;

/// Pulses that a digest covers.
pub const DIGESTED: u64 = 100_000;

/// The pulses of one session: all of a plan's, or a shard of them.
#[derive(Debug)]
pub struct Schedule {
    streams: Vec<Stream>,
    /// When the next pulse of each stream is due; `u64::MAX` after its last.
    due: Vec<u64>,
    /// Streams that send on demand.
    on_demand: Vec<bool>,
    numbers: u64,
    measured_from: u64,
    end: u64,
    /// Measured pulses that may still come.
    left: u64,
    on: Option<(usize, u64)>,
}

impl Schedule {
    /// The schedule of shard `shard` of `shards`; `traces` are those that the plan names by index.
    ///
    /// # Errors
    /// A stream whose trace is missing, or a law that cannot be.
    pub fn new(plan: &Plan, traces: &[Arc<Trace>], (shard, shards): (u64, u64)) -> Result<Schedule, String> {
        Schedule::of(plan, traces, (shard, shards), |_| true)
    }

    /// The same, of some of the streams.
    ///
    /// # Errors
    /// As for `new`.
    pub fn of(
        plan: &Plan,
        traces: &[Arc<Trace>],
        (shard, shards): (u64, u64),
        serves: impl Fn(usize) -> bool,
    ) -> Result<Schedule, String> {
        let mut streams = Vec::with_capacity(plan.streams.len());
        for (i, stream) in plan.streams.iter().enumerate() {
            let index = u16::try_from(i).map_err(|_| "too many streams")?;
            let stream = Stream::new(stream, index, plan.seed, traces, (shard, shards))
                .map_err(|why| format!("stream `{}`: {why}", stream.name))?;
            streams.push(stream);
        }
        let on_demand: Vec<bool> =
            plan.streams.iter().map(|s| matches!(s.arrival, Arrival::Flood {} | Arrival::Closed {})).collect();
        let due = streams.iter().zip(&on_demand).enumerate();
        let due = due.map(|(i, (s, late))| if *late || !serves(i) { u64::MAX } else { s.due() }).collect();
        let left = plan.count.map_or(u64::MAX, |count| count / shards + u64::from(shard < count % shards));
        let mut schedule = Schedule {
            streams,
            due,
            on_demand,
            numbers: 0,
            measured_from: plan.measured_from(),
            end: plan.end(),
            left,
            on: None,
        };
        schedule.find();
        Ok(schedule)
    }

    fn find(&mut self) {
        // A linear look at a few words: twelve streams take less than a heap's one step.
        let first = self.due.iter().copied().enumerate().min_by_key(|(_, due)| *due);
        self.on = first.filter(|(_, due)| *due < self.end && self.left > 0);
    }

    /// When the next pulse is due, ns from the start; `None` after the last.
    #[inline]
    #[must_use]
    pub fn due(&self) -> Option<u64> {
        self.on.map(|(_, due)| due)
    }

    /// The stream of the next pulse.
    #[inline]
    #[must_use]
    pub fn stream(&self) -> Option<usize> {
        self.on.map(|(stream, _)| stream)
    }

    /// Numbers that taking the next pulse gives away: a message of several fragments takes them all when it begins.
    #[inline]
    #[must_use]
    pub fn wanted(&self) -> u64 {
        self.on.and_then(|(stream, _)| self.streams.get(stream)).map_or(0, Stream::wanted)
    }

    /// Takes the next pulse.
    #[inline]
    pub fn take(&mut self) -> Option<Item> {
        let (i, due) = self.on?;
        let stream = self.streams.get_mut(i)?;
        let item = stream.take(&mut self.numbers)?;
        self.due[i] = stream.due();
        self.left -= u64::from(due >= self.measured_from);
        self.find();
        Some(item)
    }

    /// Takes the next pulse of a stream that sends on demand, at an instant of the schedule; `None` when the time or the
    /// count is over.
    #[inline]
    pub fn take_on_demand(&mut self, stream: usize, now: u64) -> Option<Item> {
        if now >= self.end || self.left == 0 || !self.on_demand.get(stream).is_some_and(|d| *d) {
            return None;
        }
        let item = self.streams.get_mut(stream)?.take(&mut self.numbers)?;
        self.left -= u64::from(now >= self.measured_from);
        Some(Item { due: now, message_due: now, ..item })
    }

    /// When the next pulse would be due if there were no count to stop at; at most the end.
    #[must_use]
    pub fn next_regardless(&self) -> u64 {
        self.due.iter().copied().min().unwrap_or(u64::MAX).min(self.end)
    }

    /// Whether all pulses that were to be measured have been taken.
    #[must_use]
    pub fn counted_out(&self) -> bool {
        self.left == 0
    }

    /// Numbers given so far.
    #[must_use]
    pub fn numbers(&self) -> u64 {
        self.numbers
    }
}

/// Most entries of a trace that are due within any stretch of so long.
#[must_use]
pub fn busiest(trace: &Trace, window_ns: u64) -> u64 {
    let (mut from, mut most) = (0, 0);
    for (to, entry) in trace.entries.iter().enumerate() {
        while trace.entries.get(from).is_some_and(|e| entry.due_ns - e.due_ns > window_ns) {
            from += 1;
        }
        most = most.max(to - from + 1);
    }
    most as u64
}

/// A name for the traffic of a plan: BLAKE3 over its first [`DIGESTED`] pulses (of streams that send on demand, over as many
/// messages). The same plan and seed give the same digest; times of sending do not enter.
///
/// # Errors
/// As for [`Schedule::new`].
pub fn digest(plan: &Plan, traces: &[Arc<Trace>]) -> Result<String, String> {
    let mut schedule = Schedule::new(plan, traces, (0, 1))?;
    let mut hasher = blake3::Hasher::new();
    for word in [plan.seed, plan.warmup_ns, plan.duration_ns, plan.cooldown_ns, plan.count.unwrap_or(u64::MAX)] {
        hasher.update(&word.to_le_bytes());
    }
    let mut enter = |item: &Item| {
        let kind = plan.streams.get(usize::from(item.stream)).map(|s| crate::stream::kind_of(s, item.part));
        let (kind, flags) = kind.map_or((0, 0), |(kind, flags)| (kind as u8, flags));
        let mut line = [0; 32];
        line[0..8].copy_from_slice(&item.due.to_le_bytes());
        line[8..16].copy_from_slice(&item.number.to_le_bytes());
        line[16..18].copy_from_slice(&item.stream.to_le_bytes());
        line[18..20].copy_from_slice(&item.length.to_le_bytes());
        line[20..22].copy_from_slice(&item.fragment_count.to_le_bytes());
        line[22..24].copy_from_slice(&item.fragment_index.to_le_bytes());
        line[24..27].copy_from_slice(&[item.priority, kind, flags]);
        hasher.update(&line);
    };
    for _ in 0..DIGESTED {
        let Some(item) = schedule.take() else { break };
        enter(&item);
    }
    let demanded: Vec<usize> = (0..plan.streams.len()).filter(|i| schedule.on_demand[*i]).collect();
    for stream in demanded {
        for _ in 0..DIGESTED {
            let Some(item) = schedule.take_on_demand(stream, 0) else { break };
            enter(&item);
        }
    }
    Ok(hasher.finalize().to_hex().chars().take(32).collect())
}
