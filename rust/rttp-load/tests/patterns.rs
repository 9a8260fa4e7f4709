//! What messages are: priorities, sizes, fragments and tokens, seen through the schedule.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use std::collections::BTreeMap;

use common::{FOREVER, assert_chi_square, items, kolmogorov, plan, schedule, stream, trace_of};
use rttp_load::plan::{Arrival, Cut, Fragments, MAX_PAYLOAD, Mode, Order, Plan, Priority, Size, StreamPlan};
use rttp_load::stream::{Item, Part, answer_of, kind_of};
use rttp_load::trace::{Entry, NO_FRAGMENTS, NO_PRIORITY, NO_SIZE};
use rttp_proto::dialects::rttp1::{FLAG_ECHO, HEADER, Kind};

const DRAWS: usize = 40_000;

fn constant() -> Arrival {
    Arrival::Constant { rate: 1e6 }
}

fn with_priority(priority: Priority) -> StreamPlan {
    StreamPlan { priority, ..stream(constant()) }
}

fn with_size(size: Size) -> StreamPlan {
    StreamPlan { size, ..stream(constant()) }
}

fn cut(bytes: u64, cut: Cut, order: Order) -> StreamPlan {
    let fragments = Fragments { cut, order, interleave: 1, gap_ns: 0 };
    StreamPlan { size: Size::Fixed { bytes }, fragments, ..stream(constant()) }
}

fn payload(item: &Item) -> u64 {
    u64::from(item.length) - HEADER as u64
}

fn tally<K: Ord>(values: impl IntoIterator<Item = K>) -> BTreeMap<K, u64> {
    values.into_iter().fold(BTreeMap::new(), |mut tally, value| {
        *tally.entry(value).or_default() += 1;
        tally
    })
}

/// Asserts that values were drawn in these proportions, and no others.
#[track_caller]
fn assert_drawn<K: Ord + Copy + std::fmt::Debug>(values: Vec<K>, law: &[(K, f64)]) {
    let (n, sum) = (values.len() as f64, law.iter().map(|(_, w)| w).sum::<f64>());
    let seen = tally(values);
    let possible: Vec<_> = law.iter().filter(|(_, weight)| *weight > 0.0).collect();
    assert!(seen.keys().all(|k| possible.iter().any(|(p, _)| p == k)), "{seen:?}");
    let observed: Vec<u64> = possible.iter().map(|(k, _)| seen.get(k).copied().unwrap_or(0)).collect();
    let expected: Vec<f64> = possible.iter().map(|(_, weight)| weight / sum * n).collect();
    assert_chi_square(&format!("{law:?}"), &observed, &expected);
}

fn priorities(priority: Priority) -> Vec<u8> {
    items(&plan(11, vec![with_priority(priority)]), DRAWS).iter().map(|i| i.priority).collect()
}

#[test]
fn priorities_are_drawn_by_weight_evenly_in_turn_or_not_at_all() {
    let classes = vec![(255, 1.0), (7, 0.0), (128, 90.0), (0, 9.0)];
    assert_drawn(priorities(Priority::Weighted { classes: classes.clone() }), &classes);
    let all: Vec<(u8, f64)> = (0..=255).map(|p| (p, 1.0)).collect();
    assert_drawn(priorities(Priority::Uniform { from: 0, to: 255 }), &all);
    assert_drawn(priorities(Priority::Uniform { from: 3, to: 5 }), &all[3..=5]);
    assert!(priorities(Priority::Uniform { from: 9, to: 9 }).iter().all(|p| *p == 9));
    assert!(priorities(Priority::Fixed { value: 0 }).iter().all(|p| *p == 0));
    let cycle = vec![10, 255, 10, 3];
    let seen = priorities(Priority::Cycle { values: cycle.clone() });
    assert!(seen.chunks(4).all(|four| four == cycle), "{:?}", &seen[..8]);
}

#[test]
fn a_priority_by_size_counts_the_bound_to_the_smaller() {
    let by_size = Priority::BySize { steps: vec![(0, 250), (100, 200), (500, 100)], beyond: 1 };
    let stream = StreamPlan { size: Size::Uniform { from: 0, to: 1_000 }, ..with_priority(by_size) };
    let items = items(&plan(1, vec![stream]), DRAWS);
    for item in &items {
        let expected = match payload(item) {
            0 => 250,
            1..=100 => 200,
            101..=500 => 100,
            _ => 1,
        };
        assert_eq!(item.priority, expected, "{} bytes", payload(item));
    }
    let edges = [0, 1, 100, 101, 500, 501, 1_000];
    assert!(edges.iter().all(|edge| items.iter().any(|i| payload(i) == *edge)), "every edge was drawn");
}

fn sizes(size: Size) -> Vec<u64> {
    items(&plan(12, vec![with_size(size)]), DRAWS).iter().map(payload).collect()
}

#[test]
fn sizes_are_drawn_by_weight_evenly_or_not_at_all() {
    let list = vec![(0, 5.0), (1_400, 0.5), (MAX_PAYLOAD, 1.0), (64, 0.0)];
    assert_drawn(sizes(Size::Weighted { sizes: list.clone() }), &list);
    let all: Vec<(u64, f64)> = (40..=139).map(|s| (s, 1.0)).collect();
    assert_drawn(sizes(Size::Uniform { from: 40, to: 139 }), &all);
    assert!(sizes(Size::Fixed { bytes: 1_234 }).iter().all(|s| *s == 1_234));
}

#[test]
fn lognormal_sizes_have_the_median_and_the_sigma_asked_for() {
    for (median, sigma) in [(300.0, 0.8), (5_000.0, 0.3), (2_000.0, 0.0)] {
        let drawn = sizes(Size::Lognormal { median, sigma, min: 0, max: MAX_PAYLOAD });
        let logs: Vec<f64> = drawn.iter().map(|s| (*s as f64).ln()).collect();
        let n = logs.len() as f64;
        let mean = logs.iter().sum::<f64>() / n;
        let spread = (logs.iter().map(|l| (l - mean).powi(2)).sum::<f64>() / n).sqrt();
        // Four standard errors, and what rounding to whole bytes does to the smallest.
        let error = 4.0 * sigma / n.sqrt() + 1e-3;
        assert!((mean - median.ln()).abs() < error, "median {median}: {}", mean.exp());
        assert!((spread - sigma).abs() < error, "sigma {sigma}: {spread}");
        let above = drawn.iter().filter(|s| **s as f64 > median).count() as f64;
        assert!(sigma == 0.0 || (above / n - 0.5).abs() < 2.0 / n.sqrt() + 2e-3, "{above} of {n} above the median");
    }
}

#[test]
fn lognormal_sizes_are_clamped_and_not_drawn_again() {
    let drawn = sizes(Size::Lognormal { median: 1_000.0, sigma: 1.0, min: 500, max: 2_000 });
    assert_eq!((drawn.iter().min(), drawn.iter().max()), (Some(&500), Some(&2_000)));
    // P(X ≤ 500) = P(X ≥ 2,000) = Φ(−ln 2) = 0.2441.
    let (low, high) = (drawn.iter().filter(|s| **s == 500).count(), drawn.iter().filter(|s| **s == 2_000).count());
    let inside = DRAWS - low - high;
    let expected = [0.2441, 0.5118, 0.2441].map(|p| p * DRAWS as f64);
    assert_chi_square("clamped", &[low as u64, inside as u64, high as u64], &expected);
    for wild in [
        Size::Lognormal { median: 1e-300, sigma: 700.0, min: 3, max: 60_000 },
        Size::Lognormal { median: 1e300, sigma: 1e308, min: 3, max: 60_000 },
    ] {
        assert!(sizes(wild).iter().all(|s| (3..=60_000).contains(s)));
    }
}

/// Messages of a stream, each as its pulses in the order of sending.
fn messages(stream: StreamPlan, most: usize) -> Vec<Vec<Item>> {
    let mut by_first: BTreeMap<u64, Vec<Item>> = BTreeMap::new();
    for item in items(&plan(21, vec![stream]), most) {
        by_first.entry(item.first).or_default().push(item);
    }
    by_first.into_values().filter(|m| m.len() == m[0].pulses as usize).collect()
}

#[test]
fn fragment_counts_are_drawn_by_weight_evenly_or_not_at_all() {
    let counts =
        |cut_to| -> Vec<usize> { messages(cut(1_000, cut_to, Order::InOrder), DRAWS).iter().map(Vec::len).collect() };
    let list = vec![(1, 3.0), (2, 1.0), (7, 2.0)];
    let law: Vec<(usize, f64)> = list.iter().map(|(n, w)| (usize::from(*n), *w)).collect();
    assert_drawn(counts(Cut::Weighted { counts: list }), &law);
    let even: Vec<(usize, f64)> = (1..=9).map(|n| (n, 1.0)).collect();
    assert_drawn(counts(Cut::Uniform { from: 1, to: 9 }), &even);
    assert!(counts(Cut::Fixed { count: 12 }).iter().all(|n| *n == 12));
    assert!(counts(Cut::None {}).iter().all(|n| *n == 1));
}

#[test]
fn an_mtu_cuts_into_as_few_fragments_as_the_size_needs() {
    for (bytes, expected) in [(0, 1), (1, 1), (999, 1), (1_000, 1), (1_001, 2), (2_000, 2), (2_001, 3)] {
        let message = &messages(cut(bytes, Cut::Mtu { payload: 1_000 }, Order::InOrder), 10)[0];
        assert_eq!(message.len(), expected, "{bytes} bytes");
        assert!(message.iter().all(|f| payload(f) <= 1_000));
    }
}

#[test]
fn a_message_s_fragments_share_its_size_its_priority_and_its_numbers_and_come_once_each() {
    let kv = Cut::Kv { token_blocks: 5, layers: 3, heads: 2 };
    for order in [Order::InOrder, Order::Reverse, Order::Shuffled, Order::TokenMajor] {
        for cut_to in [Cut::Fixed { count: 7 }, Cut::Uniform { from: 1, to: 40 }, Cut::Mtu { payload: 100 }, kv.clone()]
        {
            for bytes in [0, 1, 6, 7, 8, 3_999] {
                let fragments = Fragments { cut: cut_to.clone(), order, interleave: 1, gap_ns: 0 };
                let priority = Priority::Uniform { from: 0, to: 255 };
                let stream = StreamPlan { priority, size: Size::Fixed { bytes }, fragments, ..stream(constant()) };
                let messages = messages(stream, 300);
                assert!(messages.len() > 6);
                for message in messages {
                    let (first, count) = (message[0].first, message.len());
                    assert_eq!(message.iter().map(payload).sum::<u64>(), bytes, "{order:?} {cut_to:?}");
                    let mut indices: Vec<u16> = message.iter().map(|f| f.fragment_index).collect();
                    indices.sort_unstable();
                    assert!(indices.iter().copied().eq(0..count as u16), "{order:?} {cut_to:?}: {indices:?}");
                    for f in &message {
                        assert_eq!(f.number, first + u64::from(f.fragment_index), "numbers follow the index");
                        assert_eq!((usize::from(f.fragment_count), f.pulses as usize), (count, count));
                        assert_eq!((f.priority, f.message_due), (message[0].priority, message[0].message_due));
                        assert_eq!(f.part, if count == 1 { Part::Whole } else { Part::Fragment });
                    }
                }
            }
        }
    }
}

fn indices(message: &[Item]) -> Vec<u16> {
    message.iter().map(|f| f.fragment_index).collect()
}

#[test]
fn each_order_of_fragments_is_the_one_named() {
    let first = |order| indices(&messages(cut(600, Cut::Fixed { count: 6 }, order), 60)[0]);
    assert_eq!(first(Order::InOrder), [0, 1, 2, 3, 4, 5]);
    assert_eq!(first(Order::Reverse), [5, 4, 3, 2, 1, 0]);
    assert_eq!(first(Order::TokenMajor), [0, 1, 2, 3, 4, 5], "without layers and heads there is nothing to turn");
    // Index = (layer · heads + head) · blocks + block: all six layers and heads of block 0, then of block 1 …
    let kv = Cut::Kv { token_blocks: 4, layers: 3, heads: 2 };
    let token_major = indices(&messages(cut(600, kv.clone(), Order::TokenMajor), 100)[0]);
    let by_hand: Vec<u16> = (0..4).flat_map(|block| (0..6).map(move |group| group * 4 + block)).collect();
    assert_eq!(token_major, by_hand);
    assert!(indices(&messages(cut(600, kv, Order::InOrder), 100)[0]).iter().copied().eq(0..24), "layer by layer");
}

#[test]
fn shuffles_differ_from_message_to_message_and_favour_no_place() {
    let shuffled: Vec<Vec<u16>> =
        messages(cut(600, Cut::Fixed { count: 8 }, Order::Shuffled), DRAWS).iter().map(|m| indices(m)).collect();
    let distinct = tally(shuffled.clone()).len();
    assert!(distinct > 500, "{distinct} orders in {} messages", shuffled.len());
    for place in 0..8 {
        assert_drawn(shuffled.iter().map(|m| m[place]).collect(), &(0..8).map(|i| (i, 1.0)).collect::<Vec<_>>());
    }
}

#[test]
fn interleaved_messages_start_together_and_take_turns() {
    let mut stream = cut(400, Cut::Fixed { count: 4 }, Order::InOrder);
    stream.fragments.interleave = 3;
    let items = items(&plan(1, vec![stream]), 240);
    for (group, pulses) in items.chunks(12).enumerate() {
        // Messages at 0, 1, 2 µs wait for none: all are due with the first of their three.
        assert!(pulses.iter().all(|i| i.due == group as u64 * 3_000 && i.message_due == i.due), "{pulses:?}");
        let firsts: Vec<u64> = pulses.iter().map(|i| (i.first - pulses[0].first) / 4).collect();
        assert_eq!(firsts, [0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2]);
        assert_eq!(indices(pulses), [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]);
    }
}

#[test]
fn a_gap_spaces_the_fragments_of_a_message_and_other_messages_come_between() {
    let mut stream = cut(400, Cut::Fixed { count: 3 }, Order::Reverse);
    stream.fragments.gap_ns = 1_700;
    for message in messages(stream.clone(), 300) {
        let dues: Vec<u64> = message.iter().map(|f| f.due - f.message_due).collect();
        assert_eq!(dues, [0, 1_700, 3_400]);
    }
    let dues: Vec<u64> = items(&plan(1, vec![stream]), 8).iter().map(|i| i.due).collect();
    assert_eq!(dues, [0, 1_000, 1_700, 2_000, 2_700, 3_000, 3_400, 3_700]);
}

#[test]
fn a_gap_that_ends_after_time_itself_is_never_over() {
    let mut fragments = cut(400, Cut::Fixed { count: 3 }, Order::InOrder);
    fragments.fragments.gap_ns = u64::MAX;
    let tokens = StreamPlan { mode: Mode::TokenStream, first_token_ns: u64::MAX, ..fragments.clone() };
    for stream in [fragments, tokens] {
        let items = items(&plan(1, vec![stream]), 100);
        assert!(
            items.iter().skip(1).all(|i| i.due == i.message_due),
            "only the first pulse of each message is ever due"
        );
        assert_eq!(items.len(), 100);
    }
}

fn tokens() -> StreamPlan {
    let fragments = Fragments { cut: Cut::Fixed { count: 3 }, order: Order::Reverse, interleave: 1, gap_ns: 400 };
    let size = Size::Fixed { bytes: 16 };
    StreamPlan { mode: Mode::TokenStream, first_token_ns: 1_500, size, fragments, ..stream(constant()) }
}

#[test]
fn a_token_stream_is_a_request_then_its_tokens_each_a_message_numbered_as_it_comes() {
    let items = items(&plan(1, vec![tokens()]), 400);
    assert!(items.iter().enumerate().all(|(i, item)| item.number == i as u64), "numbered in the order of sending");
    assert!(items.iter().all(|i| (payload(i), i.fragment_count, i.fragment_index, i.pulses) == (16, 1, 0, 4)));
    let mut by_message: BTreeMap<u64, Vec<&Item>> = BTreeMap::new();
    items.iter().for_each(|i| by_message.entry(i.message_due).or_default().push(i));
    for (due, pulses) in by_message.into_iter().take(90) {
        let parts: Vec<Part> = pulses.iter().map(|p| p.part).collect();
        assert_eq!(parts, [Part::Request, Part::Token, Part::Token, Part::Token]);
        let dues: Vec<u64> = pulses.iter().map(|p| p.due - due).collect();
        assert_eq!(dues, [0, 1_500, 1_900, 2_300]);
        assert!(pulses.iter().all(|p| p.first == pulses[0].number), "all name the request as their first");
    }
}

#[test]
fn a_trace_decides_what_the_plan_leaves_to_it() {
    let entry = |size, priority, fragments| Entry { due_ns: 0, size, priority, fragments };
    let trace = trace_of([
        entry(1_000, 7, 4),
        entry(NO_SIZE, NO_PRIORITY, NO_FRAGMENTS),
        entry(3, 255, 1),
        entry(u32::MAX - 1, 0, NO_FRAGMENTS),
    ]);
    let arrival = Arrival::Trace { trace: 0, speed: 1.0, repeat: false };
    let stream = StreamPlan { size: Size::Trace {}, priority: Priority::Trace {}, ..stream(arrival) };
    let mut schedule = schedule(&plan(1, vec![stream]), &[trace]);
    let items: Vec<Item> = std::iter::from_fn(|| schedule.take()).collect();
    let mut seen: Vec<(u64, u8, u16)> = items.iter().map(|i| (payload(i), i.priority, i.fragment_count)).collect();
    seen.sort_unstable();
    let quarter = (250, 7, 4);
    assert_eq!(seen, [(0, 128, 1), (3, 255, 1), quarter, quarter, quarter, quarter, (MAX_PAYLOAD, 0, 1)]);
}

#[test]
fn kinds_and_flags_follow_mode_and_cut() {
    let kv = Cut::Kv { token_blocks: 2, layers: 1, heads: 1 };
    let of = |mode, cut_to: &Cut, part| kind_of(&StreamPlan { mode, ..cut(10, cut_to.clone(), Order::InOrder) }, part);
    let (none, fixed) = (Cut::None {}, Cut::Fixed { count: 2 });
    for (mode, cut_to, part, kind, flags) in [
        (Mode::Echo, &none, Part::Whole, Kind::Ping, 0),
        (Mode::Echo, &fixed, Part::Fragment, Kind::Data, FLAG_ECHO),
        (Mode::Echo, &kv, Part::Fragment, Kind::Snapshot, FLAG_ECHO),
        (Mode::Echo, &kv, Part::Whole, Kind::Snapshot, FLAG_ECHO),
        (Mode::OneWay, &none, Part::Whole, Kind::Data, 0),
        (Mode::OneWay, &fixed, Part::Fragment, Kind::Data, 0),
        (Mode::OneWay, &kv, Part::Fragment, Kind::Snapshot, 0),
        (Mode::RequestResponse, &none, Part::Whole, Kind::Request, FLAG_ECHO),
        (Mode::RequestResponse, &fixed, Part::Fragment, Kind::Request, FLAG_ECHO),
        (Mode::TokenStream, &fixed, Part::Request, Kind::Request, FLAG_ECHO),
        (Mode::TokenStream, &fixed, Part::Token, Kind::Stream, FLAG_ECHO),
    ] {
        assert_eq!(of(mode, cut_to, part), (kind, flags), "{mode:?} {cut_to:?} {part:?}");
    }
    for (kind, answer) in [(Kind::Ping, Kind::Pong), (Kind::Request, Kind::Response)] {
        assert_eq!(answer_of(kind), answer);
    }
    for same in [Kind::Data, Kind::Stream, Kind::Snapshot, Kind::Close] {
        assert_eq!(answer_of(same), same);
    }
}

#[test]
fn a_flood_of_fragments_finishes_a_message_before_it_begins_the_next() {
    for interleave in [1u16, 3] {
        let mut stream = StreamPlan {
            arrival: Arrival::Flood {},
            mode: Mode::OneWay,
            ..cut(90, Cut::Fixed { count: 3 }, Order::InOrder)
        };
        stream.fragments.interleave = interleave;
        let mut schedule = schedule(&plan(1, vec![stream]), &[]);
        let items: Vec<Item> = (0..900).map(|i| schedule.take_on_demand(0, 5 * i).unwrap()).collect();
        for (group, pulses) in items.chunks(3 * usize::from(interleave)).enumerate() {
            let firsts = tally(pulses.iter().map(|p| p.first));
            assert_eq!(firsts.len(), usize::from(interleave), "group {group}: {firsts:?}");
        }
        // Each message that is under way holds numbers that the sender must keep: no more than the group's.
        assert!(schedule.numbers() <= 900, "{} numbers given for 900 pulses", schedule.numbers());
    }
}

#[test]
fn these_statistics_see_a_law_that_is_slightly_wrong() {
    let drawn = priorities(Priority::Uniform { from: 0, to: 255 });
    let tilted = kolmogorov(drawn.iter().map(|p| f64::from(*p) + 0.5).collect(), |p| (p / 256.0).powf(1.05));
    assert!(tilted > 1.95, "{tilted}");
    let plan = Plan { duration_ns: FOREVER, ..plan(5, vec![with_size(Size::Uniform { from: 0, to: 99 })]) };
    let low = items(&plan, DRAWS).iter().filter(|i| payload(i) < 50).count() as u64;
    let (statistic, freedom) =
        common::chi_square(&[low, DRAWS as u64 - low], &[DRAWS as f64 * 0.53, DRAWS as f64 * 0.47]);
    assert!(statistic > common::chi_square_bounds(freedom).1);
}
