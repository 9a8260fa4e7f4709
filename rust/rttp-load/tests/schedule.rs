//! All streams merged: order, seeds, shards, ends, and what any plan must keep.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use std::collections::{BTreeMap, HashMap};

use common::json::{alike, to_json};
use common::{items, plan, schedule, stream, trace};
use proptest::collection::vec;
use proptest::prelude::*;
use rttp_load::plan::{
    Arrival, Cut, Fragments, MAX_PAYLOAD, Mode, Order, Plan, Priority, Size, Spacing, Step, StreamPlan,
};
use rttp_load::schedule::{Schedule, busiest, digest};
use rttp_load::stream::{Item, Part};

/// What makes a message: when, of which stream, and what.
type Message = (u64, u16, u8, Vec<u16>);

/// Every pulse of one shard before the end, by message: due, stream, priority, lengths.
fn messages(plan: &Plan, shard: (u64, u64)) -> Vec<Message> {
    let mut schedule = Schedule::new(plan, &[], shard).unwrap();
    let mut by_first: BTreeMap<(u64, u16, u64), Message> = BTreeMap::new();
    while let Some(i) = schedule.take() {
        let message =
            by_first.entry((i.first, i.stream, i.message_due)).or_insert((i.message_due, i.stream, i.priority, vec![]));
        message.3.push(i.length);
    }
    let mut all: Vec<Message> = by_first.into_values().collect();
    all.iter_mut().for_each(|m| m.3.sort_unstable());
    all.sort_unstable();
    all
}

/// Three unlike streams.
fn mixed(seed: u64) -> Plan {
    let named = |name: &str, arrival| StreamPlan { name: name.into(), ..stream(arrival) };
    let priority = Priority::Weighted { classes: vec![(1, 1.0), (200, 2.0)] };
    let poisson = StreamPlan {
        priority,
        size: Size::Uniform { from: 0, to: 1_000 },
        ..named("poisson", Arrival::Poisson { rate: 9_000.0 })
    };
    let fragments =
        Fragments { cut: Cut::Uniform { from: 1, to: 9 }, order: Order::Shuffled, interleave: 2, gap_ns: 3_000 };
    let sine = Arrival::Sine { mean: 2_000.0, amplitude: 2_000.0, period_ns: 10_000_000, spacing: Spacing::Poisson };
    let cut = StreamPlan { fragments, size: Size::Uniform { from: 0, to: 9_000 }, ..named("cut", sine) };
    let fragments = Fragments { cut: Cut::Fixed { count: 5 }, order: Order::InOrder, interleave: 1, gap_ns: 70_000 };
    let tokens = StreamPlan {
        mode: Mode::TokenStream,
        first_token_ns: 100_000,
        fragments,
        ..named("tokens", Arrival::Constant { rate: 500.0 })
    };
    Plan { duration_ns: 200_000_000, ..plan(seed, vec![poisson, cut, tokens]) }
}

#[test]
fn pulses_come_in_the_order_in_which_they_are_due_and_none_after_the_end() {
    let plan = Plan { warmup_ns: 30_000_000, duration_ns: 100_000_000, cooldown_ns: 20_000_000, ..mixed(1) };
    let items = items(&plan, usize::MAX);
    assert!(items.is_sorted_by_key(|i| i.due));
    assert!(items.len() > 1_500 && items.last().unwrap().due < 150_000_000);
    assert!(items.iter().any(|i| i.due >= 149_000_000), "until the end of the cooldown");
    assert!((0..3).all(|stream| items.iter().any(|i| i.stream == stream)));
}

#[test]
fn the_next_due_time_and_stream_are_those_of_the_pulse_taken_next() {
    let plan = mixed(2);
    let mut schedule = schedule(&plan, &[]);
    while let Some(due) = schedule.due() {
        assert_eq!(schedule.next_regardless(), due);
        let stream = schedule.stream().unwrap();
        let item = schedule.take().unwrap();
        assert_eq!((item.due, usize::from(item.stream)), (due, stream));
    }
    assert_eq!((schedule.take(), schedule.stream(), schedule.next_regardless()), (None, None, plan.end()));
}

#[test]
fn a_seed_gives_the_same_pulses_and_digest_and_another_seed_gives_others() {
    let (one, again, other) = (mixed(7), mixed(7), mixed(8));
    assert_eq!(items(&one, usize::MAX), items(&again, usize::MAX));
    assert_ne!(items(&one, 100), items(&other, 100));
    let name = digest(&one, &[]).unwrap();
    assert!(name.len() == 32 && name.bytes().all(|b| b.is_ascii_hexdigit()), "{name}");
    assert_eq!(name, digest(&again, &[]).unwrap());
    assert_ne!(name, digest(&other, &[]).unwrap());
}

#[test]
fn a_digest_changes_with_everything_that_changes_the_traffic() {
    let base = mixed(1);
    let mut names = vec![digest(&base, &[]).unwrap()];
    let changes: [fn(&mut Plan); 11] = [
        |p| p.warmup_ns = 1,
        |p| p.duration_ns += 1,
        |p| p.cooldown_ns = 1,
        |p| p.count = Some(9_999_999),
        |p| p.streams[0].size = Size::Uniform { from: 0, to: 1_001 },
        |p| p.streams[0].priority = Priority::Fixed { value: 1 },
        |p| p.streams[0].mode = Mode::OneWay,
        |p| p.streams[1].fragments.order = Order::Reverse,
        |p| p.streams[1].fragments.gap_ns += 1,
        |p| p.streams[2].first_token_ns += 1,
        |p| p.streams[2].arrival = Arrival::Flood {},
    ];
    for change in changes {
        let mut plan = base.clone();
        change(&mut plan);
        names.push(digest(&plan, &[]).unwrap());
    }
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all, "two of the plans have one name");
    let mut quiet = base.clone();
    (quiet.streams[0].timeout_ns, quiet.streams[0].deadline_ns, quiet.streams[0].queue) = (9, Some(9), 9);
    assert_eq!(digest(&quiet, &[]), digest(&base, &[]), "what is measured is not what is sent");
}

#[test]
fn a_stream_keeps_its_draws_when_another_is_added_before_it() {
    let plan = mixed(3);
    let mut more = plan.clone();
    more.streams.insert(0, StreamPlan { name: "new".into(), ..stream(Arrival::Poisson { rate: 5_000.0 }) });
    let (before, after) = (messages(&plan, (0, 1)), messages(&more, (0, 1)));
    let mut kept: Vec<Message> = after
        .into_iter()
        .filter(|m| m.1 > 0)
        .map(|(due, stream, priority, lengths)| (due, stream - 1, priority, lengths))
        .collect();
    kept.sort_unstable();
    assert_eq!(kept, before);
    // Two streams alike in all but their name draw for themselves.
    let twin = |name: &str| StreamPlan { name: name.into(), ..stream(Arrival::Poisson { rate: 5_000.0 }) };
    let twins = Plan { duration_ns: 100_000_000, ..common::plan(1, vec![twin("a"), twin("b")]) };
    let dues = |stream| messages(&twins, (0, 1)).into_iter().filter(|m| m.1 == stream).map(|m| m.0).collect::<Vec<_>>();
    assert_ne!(dues(0), dues(1));
}

#[test]
fn shards_together_send_exactly_the_messages_of_one_sender() {
    let plan = mixed(4);
    let whole = messages(&plan, (0, 1));
    assert!(whole.len() > 2_000);
    for shards in [2, 3, 7] {
        let parts: Vec<Vec<Message>> = (0..shards).map(|shard| messages(&plan, (shard, shards))).collect();
        assert!(parts.iter().all(|p| p.len() as u64 > whole.len() as u64 / shards / 2), "each has its part");
        let mut together: Vec<Message> = parts.into_iter().flatten().collect();
        together.sort_unstable();
        assert_eq!(together, whole, "{shards} shards");
    }
}

#[test]
fn a_count_is_of_measured_pulses_and_shards_share_it() {
    let of = |plan: &Plan, shard| {
        let mut schedule = Schedule::new(plan, &[], shard).unwrap();
        let items: Vec<Item> = std::iter::from_fn(|| schedule.take()).collect();
        (items.iter().filter(|i| i.due >= plan.warmup_ns).count() as u64, items.len() as u64, schedule.counted_out())
    };
    let plan = Plan { warmup_ns: 20_000_000, count: Some(101), ..mixed(5) };
    let (measured, all, out) = of(&plan, (0, 1));
    assert_eq!((measured, out), (101, true));
    assert!(all > 150, "the warm-up does not count: {all}");
    for shards in [2, 3, 7] {
        assert_eq!((0..shards).map(|shard| of(&plan, (shard, shards)).0).sum::<u64>(), 101, "{shards} shards");
    }
    assert_eq!(of(&Plan { count: Some(0), warmup_ns: 0, ..plan.clone() }, (0, 1)).0, 0);
    let (measured, _, out) = of(&Plan { count: Some(u64::MAX), ..plan }, (0, 1));
    assert!(measured > 1_000 && !out, "the end comes first");
}

#[test]
fn what_is_sent_on_demand_is_due_when_it_is_asked_for_until_the_time_or_the_count_is_over() {
    let closed = || vec![stream(Arrival::Closed {})];
    let plan = Plan { warmup_ns: 100, duration_ns: 900, count: Some(3), ..plan(1, closed()) };
    let mut schedule = schedule(&plan, &[]);
    assert_eq!((schedule.due(), schedule.take()), (None, None), "nothing is due by itself");
    assert_eq!(schedule.take_on_demand(1, 5), None, "there is one stream");
    let taken =
        [7, 99, 100, 500, 999].map(|now| schedule.take_on_demand(0, now).map(|i| (i.due, i.message_due, i.number)));
    assert_eq!(
        taken,
        [7, 99, 100, 500, 999]
            .map(|now| (now, now))
            .into_iter()
            .enumerate()
            .map(|(n, (a, b))| Some((a, b, n as u64)))
            .collect::<Vec<_>>()[..]
    );
    assert!(schedule.counted_out() && schedule.take_on_demand(0, 999).is_none());
    let mut timed = common::schedule(&Plan { count: None, ..plan }, &[]);
    assert!(timed.take_on_demand(0, 999).is_some() && timed.take_on_demand(0, 1_000).is_none());
}

#[test]
fn a_missing_trace_is_named_with_its_stream() {
    let plan = plan(1, vec![stream(Arrival::Trace { trace: 1, speed: 1.0, repeat: true })]);
    assert_eq!(Schedule::new(&plan, &[trace([0])], (0, 1)).unwrap_err(), "stream `test`: its trace is missing");
    assert!(digest(&plan, &[]).is_err());
}

#[test]
fn the_busiest_stretch_of_a_trace_has_as_many_entries_as_any_window_can_hold() {
    let trace = trace([0, 10, 11, 12, 30, 31, 100, 110, 120]);
    for (window, most) in [(0, 1), (1, 2), (2, 3), (20, 4), (21, 5), (31, 6), (1_000, 9)] {
        let by_hand =
            (0..=120).map(|from| trace.entries.iter().filter(|e| (from..=from + window).contains(&e.due_ns)).count());
        assert_eq!(busiest(&trace, window), by_hand.max().unwrap() as u64);
        assert_eq!(busiest(&trace, window), most, "{window}");
    }
}

// --- Any plan ------------------------------------------------------------------------------------------------------------

fn spacing() -> impl Strategy<Value = Spacing> {
    prop_oneof![Just(Spacing::Even), Just(Spacing::Poisson)]
}

/// Rates with their edges; a second of the highest is never run.
fn rate() -> impl Strategy<Value = f64> {
    prop_oneof![1e-6..1e8f64, 1.0..1e5f64, Just(1e-6), Just(1e8)]
}

fn length() -> impl Strategy<Value = u64> {
    prop_oneof![1..=3u64, 1..5_000_000u64, 1..u64::MAX]
}

fn arrival() -> impl Strategy<Value = Arrival> {
    let step = (prop_oneof![Just(0.0), rate()], length()).prop_map(|(rate, for_ns)| Step { rate, for_ns });
    prop_oneof![
        rate().prop_map(|rate| Arrival::Constant { rate }),
        rate().prop_map(|rate| Arrival::Poisson { rate }),
        (rate(), length(), 0..5_000_000u64, spacing()).prop_map(|(rate, on_ns, off_ns, spacing)| Arrival::Bursts {
            rate,
            on_ns,
            off_ns,
            spacing
        }),
        (prop_oneof![Just(0.0), rate()], rate(), length(), spacing())
            .prop_map(|(from, to, over_ns, spacing)| Arrival::Ramp { from, to, over_ns, spacing }),
        (vec(step, 0..4), rate(), 1..1_000_000u64, spacing()).prop_map(|(mut steps, rate, for_ns, spacing)| {
            steps.push(Step { rate, for_ns });
            steps.rotate_right(1);
            Arrival::Steps { steps, spacing }
        }),
        (rate(), 0.0..=1.0f64, length(), spacing()).prop_map(|(mean, part, period_ns, spacing)| {
            Arrival::Sine { mean, amplitude: mean * part, period_ns, spacing }
        }),
        (0.001..1e8f64, any::<bool>()).prop_map(|(speed, repeat)| Arrival::Trace { trace: 0, speed, repeat }),
    ]
}

fn priority() -> impl Strategy<Value = Priority> {
    prop_oneof![
        any::<u8>().prop_map(|value| Priority::Fixed { value }),
        vec((any::<u8>(), 0.0..9.0f64), 0..4).prop_map(|mut classes| {
            classes.push((5, 1.0));
            Priority::Weighted { classes }
        }),
        (any::<u8>(), any::<u8>()).prop_map(|(a, b)| Priority::Uniform { from: a.min(b), to: a.max(b) }),
        vec(any::<u8>(), 1..5).prop_map(|values| Priority::Cycle { values }),
        any::<u8>().prop_map(|beyond| Priority::BySize { steps: vec![(10, 1), (1_000, 2)], beyond }),
        Just(Priority::Trace {}),
    ]
}

fn size() -> impl Strategy<Value = Size> {
    let bytes = || prop_oneof![0..2_000u64, Just(MAX_PAYLOAD), 0..=MAX_PAYLOAD];
    prop_oneof![
        bytes().prop_map(|bytes| Size::Fixed { bytes }),
        (bytes(), bytes()).prop_map(|(a, b)| Size::Uniform { from: a.min(b), to: a.max(b) }),
        (1.0..1e5f64, 0.0..9.0f64, bytes(), bytes()).prop_map(|(median, sigma, a, b)| Size::Lognormal {
            median,
            sigma,
            min: a.min(b),
            max: a.max(b)
        }),
        vec((bytes(), 0.1..9.0f64), 1..4).prop_map(|sizes| Size::Weighted { sizes }),
        Just(Size::Trace {}),
    ]
}

fn fragments() -> impl Strategy<Value = Fragments> {
    let cut = prop_oneof![
        Just(Cut::None {}),
        (1..40u16).prop_map(|count| Cut::Fixed { count }),
        (1..9u16, 0..40u16).prop_map(|(from, more)| Cut::Uniform { from, to: from + more }),
        vec((1..40u16, 0.1..9.0f64), 1..4).prop_map(|counts| Cut::Weighted { counts }),
        (500..3_000u64).prop_map(|payload| Cut::Mtu { payload }),
        (1..5u16, 1..5u16, 1..4u16).prop_map(|(token_blocks, layers, heads)| Cut::Kv { token_blocks, layers, heads }),
    ];
    let order = prop_oneof![Just(Order::InOrder), Just(Order::Reverse), Just(Order::Shuffled), Just(Order::TokenMajor)];
    let gap = prop_oneof![Just(0), 0..100_000u64, any::<u64>()];
    (cut, order, 1..6u16, gap).prop_map(|(cut, order, interleave, gap_ns)| Fragments { cut, order, interleave, gap_ns })
}

fn a_stream() -> impl Strategy<Value = StreamPlan> {
    let mode = prop_oneof![Just(Mode::Echo), Just(Mode::OneWay), Just(Mode::RequestResponse), Just(Mode::TokenStream)];
    let first_token = prop_oneof![Just(0), 0..1_000_000u64, any::<u64>()];
    let pattern = (arrival(), priority(), size(), fragments(), mode, first_token);
    pattern.prop_map(|(arrival, priority, size, fragments, mode, first_token_ns)| {
        // An MTU needs to know how large a message can be.
        let size = if matches!((&size, &fragments.cut), (Size::Trace {}, Cut::Mtu { .. })) {
            Size::Fixed { bytes: 9_999 }
        } else {
            size
        };
        StreamPlan { priority, size, fragments, mode, first_token_ns, ..stream(arrival) }
    })
}

/// Any plan that a profile could be compiled to, of a few streams.
fn a_plan() -> impl Strategy<Value = Plan> {
    let count = prop_oneof![Just(None), (0..500u64).prop_map(Some)];
    (any::<u64>(), 0..9_000_000u64, 0..9_000_000u64, 0..9_000_000u64, count, vec(a_stream(), 1..5)).prop_map(
        |(seed, warmup_ns, duration_ns, cooldown_ns, count, mut streams)| {
            streams.iter_mut().enumerate().for_each(|(i, s)| s.name = format!("s{i}"));
            Plan { seed, warmup_ns, duration_ns, cooldown_ns, count, streams }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, failure_persistence: None, rng_seed: proptest::test_runner::RngSeed::Fixed(20_261_121), ..ProptestConfig::default() })]

    #[test]
    fn any_plan_gives_its_pulses_in_order_with_dense_numbers_and_lawful_lengths(plan in a_plan(), shard in 0..3u64) {
        const MOST: usize = 3_000;
        let trace = common::trace_of([0u64, 0, 5, 900_000].map(|due_ns| rttp_load::trace::Entry { due_ns, size: due_ns as u32, priority: 9, fragments: 3 }));
        let mut schedule = Schedule::new(&plan, &[trace], (shard, 3)).unwrap();
        let items: Vec<Item> = std::iter::from_fn(|| schedule.take()).take(MOST).collect();
        let mut given: HashMap<u64, u32> = HashMap::new();
        let mut last = 0;
        for item in &items {
            prop_assert!(item.due >= last && item.due < plan.end() && item.message_due <= item.due, "{item:?} after {last}");
            last = item.due;
            prop_assert!((64..=65_507).contains(&item.length), "{item:?}");
            prop_assert!(item.fragment_index < item.fragment_count && item.pulses >= 1, "{item:?}");
            prop_assert!(item.first <= item.number && item.number < schedule.numbers(), "{item:?}");
            *given.entry(item.number).or_default() += 1;
        }
        prop_assert!(given.values().all(|times| *times == 1), "a number was given twice");
        // A number that was not used belongs to a message of several pulses that the end, the count or this test has cut.
        let cut: u64 = items
            .iter()
            .filter(|i| i.part == Part::Fragment)
            .map(|i| (i.first, u64::from(i.pulses)))
            .collect::<HashMap<_, _>>()
            .into_iter()
            .map(|(first, pulses)| (first..first + pulses).filter(|n| !given.contains_key(n)).count() as u64)
            .sum();
        prop_assert_eq!(items.len() as u64 + cut, schedule.numbers());
        if let Some(count) = plan.count {
            let measured = items.iter().filter(|i| i.due >= plan.warmup_ns).count() as u64;
            prop_assert!(measured <= count.div_ceil(3));
        }
    }

    #[test]
    fn any_plan_of_the_generator_passes_the_plan_s_own_check(plan in a_plan()) {
        let read = Plan::from_json(&to_json(&plan).to_string());
        // Only the size of a pulse depends on several values at once.
        match read {
            Ok(read) => prop_assert!(alike(&to_json(&read), &to_json(&plan)), "{:?} is not {:?}", read, plan),
            Err(why) => prop_assert!(why.contains("bytes of payload"), "{}", why),
        }
    }

    #[test]
    fn any_text_is_refused_or_accepted_without_a_panic(text in "\\PC{0,200}") {
        let _ = Plan::from_json(&text);
    }

    #[test]
    fn any_plan_with_some_of_its_text_changed_is_refused_or_gives_pulses(
        plan in a_plan(),
        changes in vec((any::<prop::sample::Index>(), prop::sample::select(vec!["0", "9", "-", ".", "e", "1e999", "null", "\"", "[", "}", "18446744073709551615", "65535"])), 1..4),
    ) {
        let mut text = to_json(&plan).to_string();
        for (at, with) in changes {
            let at = at.index(text.len());
            if text.is_char_boundary(at) && text.is_char_boundary(at + 1) {
                text.replace_range(at..=at, with);
            }
        }
        if let Ok(plan) = Plan::from_json(&text)
            && let Ok(mut schedule) = Schedule::new(&plan, &[trace([0, 7])], (0, 1))
        {
            (0..200).for_each(|_| assert!(schedule.take().is_none_or(|i| i.length >= 64)));
        }
    }
}
