//! Plans that cannot be meant are refused, each rule in its own words.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use common::json::to_json;
use common::{plan, stream};
use rttp_load::plan::{Arrival, Class, Cut, Mode, Overflow, Plan, Priority, STREAMS, Size, Spacing, Step, StreamPlan};
use serde_json::{Value, json};

/// What the check says of one stream that is good but for a change.
fn complaint(change: impl FnOnce(&mut StreamPlan)) -> String {
    let mut plan = plan(1, vec![stream(Arrival::Constant { rate: 1.0 })]);
    change(&mut plan.streams[0]);
    Plan::from_json(&to_json(&plan).to_string()).map(|_| "accepted".into()).unwrap_or_else(|why| why)
}

#[track_caller]
fn assert_arrival(arrival: Arrival, why: &str) {
    let why = if why == "accepted" { why.into() } else { format!("streams[0]: {why}") };
    assert_eq!(complaint(|s| s.arrival = arrival), why);
}

#[test]
fn a_rate_that_cannot_be_is_refused_for_every_process() {
    let (even, ns) = (Spacing::Even, 1_000);
    let step = |rate, for_ns| Step { rate, for_ns };
    for (bad, shown) in [(0.0, "0"), (1e-7, "0.0000001"), (1.1e8, "110000000"), (-1.0, "-1")] {
        let rate = format!("rate {shown}, expected 0.000001 to 100000000");
        assert_arrival(Arrival::Constant { rate: bad }, &rate);
        assert_arrival(Arrival::Poisson { rate: bad }, &rate);
        assert_arrival(Arrival::Bursts { rate: bad, on_ns: 1, off_ns: 0, spacing: even }, &rate);
        assert_arrival(Arrival::Ramp { from: 1.0, to: bad, over_ns: ns, spacing: even }, &rate.replace("rate", "to"));
        assert_arrival(
            Arrival::Sine { mean: bad, amplitude: 0.0, period_ns: ns, spacing: even },
            &rate.replace("rate", "mean"),
        );
        assert_arrival(Arrival::Trace { trace: 0, speed: bad, repeat: false }, &rate.replace("rate", "speed"));
    }
    let zero_to = |what: &str| format!("{what}, expected 0 to 100000000");
    assert_arrival(Arrival::Ramp { from: -1.0, to: 1.0, over_ns: ns, spacing: even }, &zero_to("from -1"));
    assert_arrival(Arrival::Steps { steps: vec![step(1.0, 1), step(-2.0, 1)], spacing: even }, &zero_to("rate -2"));
    assert_arrival(
        Arrival::Sine { mean: 1.0, amplitude: -1.0, period_ns: ns, spacing: even },
        &zero_to("amplitude -1"),
    );
    for good in [1e-6, 1e8] {
        assert_arrival(Arrival::Constant { rate: good }, "accepted");
    }
    assert_arrival(Arrival::Ramp { from: 0.0, to: 1.0, over_ns: 1, spacing: even }, "accepted");
}

#[test]
fn lengths_and_shapes_that_cannot_be_are_refused() {
    let even = Spacing::Even;
    let one = |what: &str| format!("{what} 0, expected at least 1");
    assert_arrival(Arrival::Bursts { rate: 1.0, on_ns: 0, off_ns: 1, spacing: even }, &one("on_ns"));
    assert_arrival(Arrival::Ramp { from: 1.0, to: 1.0, over_ns: 0, spacing: even }, &one("over_ns"));
    assert_arrival(Arrival::Sine { mean: 1.0, amplitude: 1.0, period_ns: 0, spacing: even }, &one("period_ns"));
    assert_arrival(Arrival::Steps { steps: vec![Step { rate: 1.0, for_ns: 0 }], spacing: even }, &one("for_ns"));
    assert_arrival(Arrival::Steps { steps: vec![], spacing: even }, "steps without a rate above 0");
    assert_arrival(
        Arrival::Steps { steps: vec![Step { rate: 0.0, for_ns: 9 }], spacing: even },
        "steps without a rate above 0",
    );
    assert_arrival(
        Arrival::Sine { mean: 1.0, amplitude: 1.5, period_ns: 9, spacing: even },
        "amplitude 1.5 above the mean 1",
    );
    assert_arrival(Arrival::Sine { mean: 1.0, amplitude: 1.0, period_ns: 9, spacing: even }, "accepted");
}

#[test]
fn what_is_sent_on_demand_must_fit_its_mode() {
    for mode in [Mode::Echo, Mode::RequestResponse, Mode::TokenStream, Mode::OneWay] {
        let flood = complaint(|s| (s.arrival, s.mode) = (Arrival::Flood {}, mode));
        let closed = complaint(|s| (s.arrival, s.mode) = (Arrival::Closed {}, mode));
        assert_eq!(flood, if mode == Mode::OneWay { "accepted" } else { "streams[0]: a flood must be one-way" });
        let answers = matches!(mode, Mode::Echo | Mode::RequestResponse);
        assert_eq!(closed, if answers { "accepted" } else { "streams[0]: a closed loop needs answers" });
    }
    let cut = complaint(|s| (s.arrival, s.fragments.cut) = (Arrival::Closed {}, Cut::Fixed { count: 2 }));
    assert_eq!(cut, "streams[0]: a closed loop has no fragments");
    let two = plan(1, vec![stream(Arrival::Constant { rate: 1.0 }), stream(Arrival::Closed {})]);
    assert_eq!(
        Plan::from_json(&to_json(&two).to_string()).unwrap_err(),
        "streams[1]: a closed loop must be the only stream"
    );
    assert!(!two.closed());
}

#[test]
fn patterns_that_cannot_be_are_refused() {
    let weights = |what: &str| format!("streams[0]: {what}: weights must be 0 or more, one of them above 0");
    for list in [vec![], vec![(1, 0.0)], vec![(1, -1.0), (2, 5.0)], vec![(1, 1e308), (2, 1e308)]] {
        let bytes = list.iter().map(|(n, w)| (u64::from(*n), *w)).collect();
        let counts = list.iter().map(|(n, w)| (u16::from(*n), *w)).collect();
        assert_eq!(complaint(|s| s.priority = Priority::Weighted { classes: list }), weights("priority"));
        assert_eq!(complaint(|s| s.size = Size::Weighted { sizes: bytes }), weights("size"));
        assert_eq!(complaint(|s| s.fragments.cut = Cut::Weighted { counts }), weights("fragments"));
    }
    for (change, why) in [
        ((|s| s.priority = Priority::Uniform { from: 2, to: 1 }) as fn(&mut StreamPlan), "priority from 2 to 1"),
        (|s| s.priority = Priority::Cycle { values: vec![] }, "priority: an empty cycle"),
        (
            |s| s.priority = Priority::BySize { steps: vec![(5, 1), (5, 2)], beyond: 0 },
            "priority: sizes that do not ascend",
        ),
        (|s| s.size = Size::Uniform { from: 2, to: 1 }, "size from 2 to 1"),
        (|s| s.size = Size::Lognormal { median: 0.0, sigma: 1.0, min: 0, max: 9 }, "size: median 0, sigma 1, 0 to 9"),
        (|s| s.size = Size::Lognormal { median: 5.0, sigma: -1.0, min: 0, max: 9 }, "size: median 5, sigma -1, 0 to 9"),
        (|s| s.size = Size::Lognormal { median: 5.0, sigma: 1.0, min: 10, max: 9 }, "size: median 5, sigma 1, 10 to 9"),
        (|s| s.fragments.cut = Cut::Fixed { count: 0 }, "count 0, expected at least 1"),
        (|s| s.fragments.cut = Cut::Uniform { from: 0, to: 1 }, "fragments from 0 to 1"),
        (|s| s.fragments.cut = Cut::Uniform { from: 3, to: 2 }, "fragments from 3 to 2"),
        (|s| s.fragments.cut = Cut::Weighted { counts: vec![(0, 1.0)] }, "count 0, expected at least 1"),
        (|s| s.fragments.cut = Cut::Mtu { payload: 0 }, "payload 0, expected at least 1"),
        (|s| s.fragments.cut = Cut::Kv { token_blocks: 1, layers: 0, heads: 1 }, "kv 0, expected at least 1"),
        (|s| s.fragments.interleave = 0, "interleave 0, expected at least 1"),
        (|s| s.timeout_ns = 0, "timeout_ns 0, expected at least 1"),
        (|s| s.queue = 0, "queue 0, expected at least 1"),
    ] {
        assert_eq!(complaint(change), format!("streams[0]: {why}"));
    }
}

#[test]
fn a_pulse_larger_than_a_datagram_is_refused_by_the_fewest_fragments_it_may_be_cut_into() {
    let cut = |cut, bytes| complaint(|s| (s.fragments.cut, s.size) = (cut, Size::Fixed { bytes }));
    let too_large = |bytes: u64| format!("streams[0]: a pulse of {bytes} bytes of payload, at most 65443 fit");
    assert_eq!((cut(Cut::None {}, 65_443), cut(Cut::None {}, 65_444)), ("accepted".into(), too_large(65_444)));
    assert_eq!(cut(Cut::Fixed { count: 2 }, 130_886), "accepted");
    assert_eq!(cut(Cut::Fixed { count: 2 }, 130_887), too_large(65_444));
    assert_eq!(cut(Cut::Uniform { from: 2, to: 9 }, 130_887), too_large(65_444));
    assert_eq!(cut(Cut::Weighted { counts: vec![(9, 1.0), (3, 1.0)] }, 3 * 65_444), too_large(65_444));
    assert_eq!(cut(Cut::Mtu { payload: 65_444 }, 1), too_large(65_444));
    assert_eq!(cut(Cut::Kv { token_blocks: 2, layers: 2, heads: 2 }, 8 * 65_443 + 1), too_large(65_444));
    let token = complaint(|s| {
        (s.mode, s.fragments.cut, s.size) = (Mode::TokenStream, Cut::Fixed { count: 9 }, Size::Fixed { bytes: 65_444 })
    });
    assert_eq!(token, too_large(65_444), "a token is not cut");
    assert_eq!(cut(Cut::Fixed { count: 1 }, u64::MAX), too_large(u64::MAX));
}

#[test]
fn a_message_of_more_fragments_than_a_header_can_count_is_refused() {
    let kv = |token_blocks, layers, heads| complaint(|s| s.fragments.cut = Cut::Kv { token_blocks, layers, heads });
    let too_many = |n: u64| format!("streams[0]: a message of {n} pulses, at most 65,535 are possible");
    assert_eq!(kv(4_369, 5, 3), "accepted");
    assert_eq!(kv(1_024, 64, 1), too_many(65_536), "an index of 65,535 needs a count of 65,536");
    assert_eq!(kv(65_535, 65_535, 65_535), too_many(65_535u64.pow(3)));
    let mtu = |bytes| complaint(|s| (s.size, s.fragments.cut) = (Size::Fixed { bytes }, Cut::Mtu { payload: 10 }));
    assert_eq!((mtu(655_350), mtu(655_351)), ("accepted".into(), too_many(65_536)));
    let tokens = complaint(|s| (s.mode, s.fragments.cut) = (Mode::TokenStream, Cut::Fixed { count: 65_535 }));
    assert_eq!(tokens, "accepted", "a request and 65,535 tokens");
}

#[test]
fn the_number_of_streams_is_bounded_and_unknown_keys_and_words_are_refused() {
    let of = |n| Plan::from_json(&to_json(&plan(1, vec![stream(Arrival::Constant { rate: 1.0 }); n])).to_string());
    assert_eq!(of(0).unwrap_err(), "0 streams, expected 1 to 256");
    assert_eq!(of(STREAMS + 1).unwrap_err(), "257 streams, expected 1 to 256");
    assert!(of(1).is_ok() && of(STREAMS).is_ok());
    let good = to_json(&plan(1, vec![stream(Arrival::Constant { rate: 1.0 })]));
    let with = |path: &str, key: &str, value: Value| {
        let mut plan = good.clone();
        plan.pointer_mut(path).unwrap()[key] = value;
        Plan::from_json(&plan.to_string()).unwrap_err()
    };
    assert!(with("", "sed", json!(1)).contains("unknown field `sed`"));
    assert!(with("/streams/0", "rate", json!(1)).contains("unknown field `rate`"));
    assert!(with("/streams/0/arrival", "rat", json!(1)).contains("unknown field `rat`"));
    assert!(with("/streams/0/arrival", "process", json!("steady")).contains("unknown variant `steady`"));
    assert!(with("/streams/0", "mode", json!("shout")).contains("unknown variant `shout`"));
    assert!(with("/streams/0/priority", "value", json!(256)).contains("256"));
    assert!(with("/streams/0", "timeout_ns", json!(-1)).contains("-1"));
    assert!(Plan::from_json("{\"seed\": 1}").unwrap_err().contains("missing field `warmup_ns`"));
}

#[test]
fn a_plan_tells_its_times_without_overflow() {
    let huge = Plan {
        warmup_ns: u64::MAX,
        duration_ns: u64::MAX,
        cooldown_ns: u64::MAX,
        ..plan(1, vec![stream(Arrival::Closed {})])
    };
    assert_eq!((huge.measured_from(), huge.measured_until(), huge.end()), (u64::MAX, u64::MAX, u64::MAX));
    assert!(huge.closed());
    let plan = Plan { warmup_ns: 1, duration_ns: 20, cooldown_ns: 300, ..huge };
    assert_eq!((plan.measured_from(), plan.measured_until(), plan.end()), (1, 21, 321));
    assert_eq!((Class::Soft, Overflow::Delay), (plan.streams[0].class, plan.streams[0].overflow));
}
