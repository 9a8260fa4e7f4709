//! What the tests of schedules share: plans in one line, and the statistics that judge them.
#![allow(dead_code, reason = "each test file uses its part")]

pub(crate) mod json;

use std::sync::Arc;

use rttp_load::plan::{Arrival, Class, Cut, Fragments, Mode, Order, Overflow, Plan, Priority, Size, StreamPlan};
use rttp_load::schedule::Schedule;
use rttp_load::stream::Item;
use rttp_load::trace::{Entry, Format, NO_FRAGMENTS, NO_PRIORITY, NO_SIZE, Trace};

/// All of time, but for the last ns, which means "never".
pub(crate) const FOREVER: u64 = u64::MAX - 1;

/// A stream of empty pulses of normal priority.
pub(crate) fn stream(arrival: Arrival) -> StreamPlan {
    StreamPlan {
        name: "test".into(),
        arrival,
        priority: Priority::Fixed { value: 128 },
        size: Size::Fixed { bytes: 0 },
        fragments: Fragments { cut: Cut::None {}, order: Order::InOrder, interleave: 1, gap_ns: 0 },
        mode: Mode::Echo,
        timeout_ns: 1_000_000,
        deadline_ns: None,
        class: Class::Soft,
        queue: 64,
        overflow: Overflow::Delay,
        first_token_ns: 0,
    }
}

/// A plan without an end.
pub(crate) fn plan(seed: u64, streams: Vec<StreamPlan>) -> Plan {
    Plan { seed, warmup_ns: 0, duration_ns: FOREVER, cooldown_ns: 0, count: None, streams }
}

/// The schedule of all of a plan.
pub(crate) fn schedule(plan: &Plan, traces: &[Arc<Trace>]) -> Schedule {
    Schedule::new(plan, traces, (0, 1)).unwrap_or_else(|why| panic!("{why}"))
}

/// Its first pulses.
pub(crate) fn items(plan: &Plan, most: usize) -> Vec<Item> {
    let mut schedule = schedule(plan, &[]);
    std::iter::from_fn(|| schedule.take()).take(most).collect()
}

/// Due times of the messages of one stream before an instant.
pub(crate) fn dues_until(arrival: &Arrival, traces: &[Arc<Trace>], seed: u64, end: u64) -> Vec<u64> {
    let plan = Plan { duration_ns: end, ..plan(seed, vec![stream(arrival.clone())]) };
    let mut schedule = schedule(&plan, traces);
    std::iter::from_fn(|| schedule.take()).map(|item| item.due).collect()
}

/// A trace of messages at these times.
pub(crate) fn trace(dues: impl IntoIterator<Item = u64>) -> Arc<Trace> {
    let bare = |due_ns| Entry { due_ns, size: NO_SIZE, priority: NO_PRIORITY, fragments: NO_FRAGMENTS };
    trace_of(dues.into_iter().map(bare))
}

/// A trace of these messages.
pub(crate) fn trace_of(entries: impl IntoIterator<Item = Entry>) -> Arc<Trace> {
    Arc::new(Trace { entries: entries.into_iter().collect(), format: Format::Csv, skipped: 0, sorted: 0 })
}

/// Statistics reject a true law once in a thousand seeds (z of both tails); seeds are fixed, so a test that passed passes.
const Z: f64 = 3.29;

/// Asserts that χ² lies between its 0.05 % quantiles (Wilson and Hilferty): too good a fit is refused too.
#[track_caller]
pub(crate) fn assert_chi_square(what: &str, observed: &[u64], expected: &[f64]) {
    let (statistic, freedom) = chi_square(observed, expected);
    let (low, high) = chi_square_bounds(freedom);
    assert!((low..=high).contains(&statistic), "{what}: χ² {statistic:.1} outside {low:.1} … {high:.1}");
}

/// χ² of counts whose sum is given by the expectations.
pub(crate) fn chi_square(observed: &[u64], expected: &[f64]) -> (f64, f64) {
    assert_eq!(observed.len(), expected.len());
    assert!(expected.iter().all(|e| *e >= 5.0), "cells too small for χ²");
    let sum = observed.iter().zip(expected).map(|(o, e)| (*o as f64 - e).powi(2) / e).sum();
    (sum, observed.len() as f64 - 1.0)
}

/// 0.05 % and 99.95 % quantiles of χ².
pub(crate) fn chi_square_bounds(freedom: f64) -> (f64, f64) {
    let a = 2.0 / (9.0 * freedom);
    let at = |z: f64| freedom * (1.0 - a + z * a.sqrt()).max(0.0).powi(3);
    (at(-Z), at(Z))
}

/// Kolmogorov and Smirnov: √n times the largest distance from a law. The law is rejected above 1.95 (0.1 %).
pub(crate) fn kolmogorov(mut sample: Vec<f64>, law: impl Fn(f64) -> f64) -> f64 {
    sample.sort_by(f64::total_cmp);
    let n = sample.len() as f64;
    let distance = |(i, x): (usize, &f64)| {
        let p = law(*x);
        (p - i as f64 / n).abs().max((p - (i + 1) as f64 / n).abs())
    };
    sample.iter().enumerate().map(distance).fold(0.0, f64::max) * n.sqrt()
}
