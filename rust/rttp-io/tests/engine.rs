//! The engine over real sockets: what a peer did, what left, and what the run says of both.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use base64::Engine;
use common::{Peer, run, setup, stream};
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use rttp_io::link::Faults;
use rttp_io::outcome::histogram;
use rttp_io::setup::Setup;
use rttp_load::plan::{Arrival, Cut, Fragments, Mode, Order, Overflow, Plan, Priority, Size, StreamPlan};
use rttp_proto::dialects::rttp1::Kind;
use rttp_proto::pulse::Pulse;

const MS: u64 = 1_000_000;

fn above(histogram: &Histogram<u64>, ms: u64) -> u64 {
    histogram.count_between(ms * MS, u64::MAX)
}

/// Answers as a node does; CLOSE comes back without counts.
fn reply(socket: &UdpSocket, from: SocketAddr, datagram: &mut [u8]) {
    datagram[3] = match datagram[3] {
        0x04 => 0x05,
        0x11 => 0x12,
        same => same,
    };
    drop(socket.send_to(datagram, from));
}

/// A peer that does nothing for 200 ms, once, at the pulse of a number.
fn frozen_at(frozen: u64) -> Peer {
    Peer::start(move |socket, from, datagram, number| {
        if number == frozen {
            thread::sleep(Duration::from_millis(200));
        }
        reply(socket, from, datagram);
    })
}

/// A run of so many ms, without a count.
fn lasting(ms: u64, streams: Vec<StreamPlan>) -> Setup {
    let setup = setup(streams);
    Setup { plan: Plan { duration_ns: ms * MS, count: None, ..setup.plan }, ..setup }
}

#[test]
fn a_frozen_peer_makes_every_pulse_due_meanwhile_wait_as_theory_says() {
    // Two hundred pulses wait in the peer's socket, which holds some 270.
    const RATE: u64 = 1_000;
    let peer = frozen_at(200);
    let echo = stream(Arrival::Constant { rate: RATE as f64 });
    let outcome = run(&Setup { targets: vec![peer.address], ..lasting(1_000, vec![echo]) }).unwrap();
    let of = &outcome.streams[0];
    assert_eq!((of.counts.sent, of.counts.answered), (1_000, 1_000));
    for ms in (20..=180).step_by(20) {
        // Due t ms after the peer froze: 200 − t ms to wait. A busy host adds to that and never takes from it.
        let theory = (200 - ms) * RATE / 1_000;
        let seen = above(&of.latencies.response, ms);
        assert!(seen + 2 >= theory, "{seen} of {theory} waited for {ms} ms");
        assert!(seen <= theory + 300, "{seen} of {theory} waited for {ms} ms: a pulse waits once");
    }
    // A fifth of the run lies in the freeze: its slowest hundredth waited for 190 ms, its slowest tenth for 100.
    for (q, ms) in [(0.99, 190), (0.95, 150), (0.9, 100), (0.999, 199)] {
        let at = of.latencies.response.value_at_quantile(q);
        assert!(at >= (ms - 2) * MS, "P{}: {at}", q * 100.0);
    }
}

#[test]
fn a_tool_that_waits_for_the_answer_sees_the_same_freeze_once() {
    let peer = frozen_at(400);
    let mut setup = Setup { targets: vec![peer.address], ..setup(vec![stream(Arrival::Closed {})]) };
    setup.plan.count = Some(2_000);
    let outcome = run(&setup).unwrap();
    let of = &outcome.streams[0];
    assert_eq!((of.counts.sent, of.counts.answered), (2_000, 2_000));
    let slow = above(&of.latencies.service, 180);
    // The host may freeze for as long once more; four hundred times it does not.
    assert!((1..=5).contains(&slow), "{slow}");
    assert_eq!(of.latencies.service.len(), of.latencies.response.len());
}

/// Streams of every kind, a quarter of a second of them.
fn mixed() -> Setup {
    let named = |name: &str, arrival| StreamPlan { name: name.into(), ..stream(arrival) };
    let priority = Priority::Uniform { from: 0, to: 255 };
    let fragments =
        Fragments { cut: Cut::Uniform { from: 1, to: 6 }, order: Order::Shuffled, interleave: 2, gap_ns: 200_000 };
    let tokens = Fragments { cut: Cut::Fixed { count: 4 }, order: Order::InOrder, interleave: 1, gap_ns: MS };
    lasting(
        250,
        vec![
            StreamPlan {
                priority,
                size: Size::Uniform { from: 0, to: 700 },
                ..named("poisson", Arrival::Poisson { rate: 2_000.0 })
            },
            StreamPlan {
                fragments,
                size: Size::Lognormal { median: 900.0, sigma: 0.6, min: 1, max: 5_000 },
                ..named("cut", Arrival::Poisson { rate: 300.0 })
            },
            StreamPlan {
                mode: Mode::TokenStream,
                fragments: tokens,
                first_token_ns: 2 * MS,
                ..named("tokens", Arrival::Constant { rate: 40.0 })
            },
            StreamPlan { mode: Mode::OneWay, ..named("one-way", Arrival::Constant { rate: 500.0 }) },
        ],
    )
}

/// The pulses of one session by their number.
type Session = BTreeMap<u32, Vec<u8>>;

/// What a run sends to a peer, by session; timestamps are blanked.
fn recorded(mut setup: Setup) -> Vec<Session> {
    let heard: Arc<Mutex<BTreeMap<SocketAddr, Session>>> = Arc::default();
    let listener = heard.clone();
    let first = setup.first_seq;
    let peer = Peer::start(move |socket, from, datagram, _| {
        let mut kept = datagram.to_vec();
        kept[4..12].fill(0);
        let pulse = Pulse::parse(datagram).unwrap();
        // Sessions number from places 2²⁴ apart; what looks for the target lies before the first, a CLOSE is no load.
        let number = pulse.seq_id().0.wrapping_sub(first) & 0xff_ffff;
        if number < 1 << 23 && pulse.kind() != Kind::Close {
            kept[12..16].copy_from_slice(&number.to_be_bytes());
            let before = listener.lock().unwrap().entry(from).or_default().insert(number, kept);
            assert!(before.is_none(), "number {number} left twice");
        }
        reply(socket, from, datagram);
    });
    setup.targets = vec![peer.address];
    let outcome = run(&setup).unwrap();
    drop(peer);
    let heard = Arc::try_unwrap(heard).unwrap().into_inner().unwrap();
    let sent: u64 = outcome.streams.iter().map(|s| s.counts.sent).sum();
    assert_eq!(heard.values().map(|s| s.len() as u64).sum::<u64>(), sent, "all that left was heard");
    heard.into_values().collect()
}

#[test]
fn one_seed_sends_the_same_bytes_twice_and_another_seed_other_ones() {
    let (once, again) = (recorded(mixed()), recorded(mixed()));
    assert!(once[0].len() > 500, "{}", once[0].len());
    assert!(once == again, "two runs of one seed differ");
    // Numbers are given as pulses become due, so none is missing but those of messages that the end has cut.
    let newest = once[0].keys().last().unwrap();
    assert!(once[0].len() as u32 + 40 > *newest, "{} of {newest}", once[0].len());
    let mut other = mixed();
    other.plan.seed = 2;
    assert!(recorded(other) != once);
}

#[test]
fn two_workers_send_together_what_one_sends() {
    let messages = |sessions: Vec<Session>| {
        // Without their numbers, which are each session's own: everything else of each pulse.
        let pulses = sessions.iter().flat_map(BTreeMap::values).map(|d| [&d[..12], &d[16..]].concat());
        let mut pulses: Vec<Vec<u8>> = pulses.collect();
        pulses.sort_unstable();
        pulses
    };
    let one = recorded(mixed());
    let two = recorded(Setup { workers: 2, ..mixed() });
    assert_eq!((one.len(), two.len()), (1, 2));
    assert!(two.iter().all(|session| session.len() > 200), "each has its part");
    assert!(messages(one) == messages(two), "the union is another traffic");
}

#[test]
fn what_is_one_way_is_counted_by_both_ends() {
    let mut setup =
        lasting(200, vec![StreamPlan { mode: Mode::OneWay, ..stream(Arrival::Constant { rate: 2_000.0 }) }]);
    setup.spin = false;
    let outcome = run(&setup).unwrap();
    let c = outcome.streams[0].counts;
    assert_eq!((c.sent, c.one_way, c.answered, c.lost, c.messages, c.complete), (400, 400, 0, 0, 400, 0));
    assert_eq!(outcome.streams[0].latencies.response.len(), 0, "nothing came back that could be timed");
    assert_eq!(outcome.streams[0].latencies.lateness.len(), 400);
    let (server, tally) = (outcome.server.unwrap().total, outcome.sessions[0].tally.unwrap());
    let probes = outcome.session.sent_in_all - 400;
    assert_eq!((server.received, server.answered), (400 + probes, probes));
    assert_eq!((tally.received, tally.answered), (server.received, server.answered));
    assert_eq!(tally.bytes, outcome.session.sent_in_all * 138);
}

#[test]
fn a_flood_to_the_embedded_responder_arrives_or_is_dropped_by_a_buffer_that_says_so() {
    let mut setup = lasting(5_000, vec![StreamPlan { mode: Mode::OneWay, ..stream(Arrival::Flood {}) }]);
    (setup.plan.count, setup.receive_buffer) = (Some(20_000), 8 << 20);
    let outcome = run(&setup).unwrap();
    let c = outcome.streams[0].counts;
    assert_eq!((c.sent, c.one_way, c.unsent, c.dropped), (20_000, 20_000, 0, 0));
    let server = outcome.server.unwrap().total;
    assert_eq!(
        server.received + server.buffer_drops + c.send_refused,
        20_000 + (outcome.session.sent_in_all + c.send_refused - 20_000)
    );
}

#[test]
fn losses_and_duplicates_by_stream_add_up_to_what_the_responder_saw() {
    let of =
        |name: &str, rate| StreamPlan { name: name.into(), timeout_ns: 150 * MS, ..stream(Arrival::Poisson { rate }) };
    let faults = Faults { loss: 0.1, duplicate: 0.1, seed: 5, ..Faults::default() };
    let outcome = run(&Setup { faults, ..lasting(400, vec![of("a", 3_000.0), of("b", 1_000.0)]) }).unwrap();
    let (mut answered, mut twice) = (0, outcome.session.unexpected);
    for of in &outcome.streams {
        let c = of.counts;
        assert_eq!(c.answered + c.lost, c.sent);
        assert!(c.lost > c.sent / 25 && c.duplicates > c.sent / 25, "a tenth of {}: {c:?}", c.sent);
        assert_eq!(of.latencies.response.len(), c.sent, "a lost pulse is a sample");
        answered += c.answered;
        twice += c.duplicates + c.late;
    }
    // What looked for the target may have been doubled or lost as well.
    let server = outcome.server.unwrap().total;
    assert!(server.answered.abs_diff(answered + twice) <= 8, "{} and {}", server.answered, answered + twice);
}

#[test]
fn a_link_that_swaps_is_seen_as_reordering_and_priorities_are_not() {
    let mut mixed = stream(Arrival::Constant { rate: 20_000.0 });
    mixed.priority = Priority::Uniform { from: 0, to: 255 };
    let outcome = run(&lasting(200, vec![mixed.clone()])).unwrap();
    assert_eq!((outcome.streams[0].counts.answered, outcome.streams[0].counts.reordered), (4_000, 0));
    let faults = Faults { reorder: 0.2, seed: 5, ..Faults::default() };
    let outcome = run(&Setup { faults, ..lasting(200, vec![mixed]) }).unwrap();
    let c = outcome.streams[0].counts;
    assert!((400..1_000).contains(&c.reordered), "a fifth of what was not swapped itself: {c:?}");
}

/// The lines of an interval log by their tag: how many, and their sum.
fn read_log(path: &std::path::Path) -> BTreeMap<String, (u64, Histogram<u64>)> {
    let text = std::fs::read(path).unwrap();
    let mut sums: BTreeMap<String, (u64, Histogram<u64>)> = BTreeMap::new();
    for entry in IntervalLogIterator::new(&text) {
        if let LogEntry::Interval(line) = entry.unwrap() {
            let bytes = base64::engine::general_purpose::STANDARD.decode(line.encoded_histogram()).unwrap();
            let part: Histogram<u64> = Deserializer::new().deserialize(&mut bytes.as_slice()).unwrap();
            let tag = line.tag().unwrap().as_str().to_string();
            let (lines, sum) = sums.entry(tag).or_insert_with(|| (0, histogram()));
            *lines += 1;
            sum.add(&part).unwrap();
        }
    }
    sums
}

#[test]
fn the_interval_log_adds_up_to_the_responses() {
    for workers in [1, 2] {
        let path = std::env::temp_dir().join(format!("rttp-engine-{}-{workers}.hlog", std::process::id()));
        let of = |name: &str, rate| StreamPlan {
            name: name.into(),
            timeout_ns: 100 * MS,
            ..stream(Arrival::Constant { rate })
        };
        let faults = Faults { loss: 0.05, seed: 9, ..Faults::default() };
        let setup = lasting(300, vec![of("a", 2_000.0), of("b", 500.0)]);
        let setup = Setup { faults, interval_ns: 50 * MS, interval_log: Some(path.clone()), workers, ..setup };
        let outcome = run(&setup).unwrap();
        let sums = read_log(&path);
        std::fs::remove_file(&path).unwrap();
        for (name, of) in ["a", "b"].into_iter().zip(&outcome.streams) {
            // How many lines is the host's affair: the collector runs when nobody else wants to.
            let (lines, sum) = &sums[name];
            let response = &of.latencies.response;
            assert!(*lines >= 1 && of.counts.lost > 0, "{lines} lines, {:?}", of.counts);
            assert_eq!((sum.len(), response.len()), (of.counts.sent, of.counts.sent));
            // The log has a loss at its timeout, the sum at the latest of them: below that both are the same.
            for ns in [10_000, 100_000, MS, 5 * MS, 50 * MS] {
                assert_eq!(sum.count_between(0, ns), response.count_between(0, ns), "{name}, up to {ns} ns");
            }
        }
    }
}

#[test]
fn a_plan_that_nobody_can_keep_up_with_ends_and_accounts_for_every_due_pulse() {
    for overflow in [Overflow::Delay, Overflow::Drop] {
        let fast = Arrival::Constant { rate: 2_000_000.0 };
        let setup = lasting(
            100,
            vec![StreamPlan { overflow, mode: Mode::OneWay, timeout_ns: 20 * MS, queue: 1_000, ..stream(fast) }],
        );
        let outcome = run(&setup).unwrap();
        let c = outcome.streams[0].counts;
        assert!(!outcome.interrupted);
        assert_eq!(c.sent + c.dropped + c.unsent, 200_000, "{overflow:?} {c:?}");
        assert!(c.sent < 200_000 && (c.dropped > 0) == (overflow == Overflow::Drop), "{overflow:?} {c:?}");
    }
}
