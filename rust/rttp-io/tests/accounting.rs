//! What a run counts against what is known to have happened: seeded faults, both address families, both waits.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use std::time::Duration;

use common::{Peer, limited, paced, pong};
use rttp_io::clock::Clock;
use rttp_io::link::{Faults, FaultyLink, Link, UdpLink, UdpOptions, Wait};
use rttp_io::outcome::Outcome;
use rttp_io::server::{Idle, Server, ServerOptions};
use rttp_io::setup::Setup;
use rttp_load::plan::{Arrival, Mode};

fn run(setup: &Setup) -> Outcome {
    common::run(setup).unwrap()
}

fn server(address: &str, spin: bool) -> Server {
    let options = ServerOptions {
        address: address.parse().unwrap(),
        fingerprint: [7; 32],
        echo: true,
        idle: if spin { Idle::Spin } else { Idle::Block },
        seat: Default::default(),
        udp: UdpOptions::default(),
    };
    Server::start(options, &Clock::new(), None).unwrap()
}

#[test]
fn every_pulse_is_answered_over_both_families_and_both_waits_across_the_wrap() {
    for (address, spin) in [("127.0.0.1:0", false), ("127.0.0.1:0", true), ("[::1]:0", false), ("[::1]:0", true)] {
        let server = server(address, spin);
        let targets = vec![server.address()];
        for rate in [None, Some(5_000.0)] {
            let outcome = run(&Setup { targets: targets.clone(), spin, ..paced(rate) });
            let c = &outcome.streams[0].counts;
            assert_eq!(
                (c.sent, c.answered, c.lost, c.reordered, outcome.session.unexpected),
                (500, 500, 0, 0, 0),
                "{address} {rate:?}"
            );
            let tally = outcome.sessions[0].tally.unwrap();
            assert_eq!(
                (tally.received, tally.answered, tally.rejected()),
                (outcome.session.sent_in_all, outcome.session.sent_in_all, 0)
            );
        }
        let total = server.stop().unwrap().total;
        assert!(total.received >= 1000);
    }
}

#[test]
fn lost_pulses_are_the_ones_that_never_arrived() {
    let faults = Faults { loss: 0.1, seed: 42, ..Faults::default() };
    let outcome = run(&Setup { faults, ..limited(Some(20_000.0), 4_000, Duration::from_millis(100)) });
    let c = &outcome.streams[0].counts;
    assert_eq!(c.sent, 4_000);
    assert_eq!(c.answered + c.lost, 4_000);
    assert!((300..500).contains(&c.lost), "about 400 of 4,000: {}", c.lost);
    let server = outcome.server.unwrap().total;
    // One of the lost may be a pulse that looked for the target.
    assert!(server.received.abs_diff(c.answered) <= 8, "{} {}", server.received, c.answered);
    assert_eq!(outcome.streams[0].latencies.response.len(), 4_000);
    assert!(
        outcome.streams[0].latencies.response.value_at_quantile(0.95) >= 99_900_000,
        "a tenth of the samples stand at the timeout"
    );
}

#[test]
fn doubled_swapped_and_damaged_pulses_are_counted_as_such() {
    let faults = Faults { duplicate: 0.1, reorder: 0.1, corrupt: 0.05, seed: 3, ..Faults::default() };
    let outcome = run(&Setup { faults, ..limited(Some(10_000.0), 3_000, Duration::from_millis(200)) });
    let c = &outcome.streams[0].counts;
    assert_eq!(c.answered + c.lost, 3_000);
    assert!(c.duplicates > 150, "{c:?}");
    assert!(c.reordered > 100, "{c:?}");
    // Seven of the 138 bytes are checked: of about 150 flipped bits about seven break a rule.
    assert!(outcome.server.unwrap().total.rejected() > 1);
}

#[test]
fn a_delaying_link_shows_its_delay_in_every_sample() {
    let faults = Faults { delay_ns: 3_000_000, seed: 1, ..Faults::default() };
    for rate in [None, Some(500.0)] {
        let outcome = run(&Setup { faults, ..limited(rate, 50, Duration::from_millis(500)) });
        assert_eq!(outcome.streams[0].counts.answered, 50);
        assert!(
            outcome.streams[0].latencies.service.min() >= 2_990_000,
            "{rate:?}: {}",
            outcome.streams[0].latencies.service.min()
        );
    }
}

#[test]
fn the_same_seed_makes_the_same_faults() {
    let pattern = |seed| {
        let heard = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let listener = heard.clone();
        let peer = Peer::start(move |_, _, datagram, _| listener.lock().unwrap().push(datagram.to_vec()));
        let faults = Faults { loss: 0.2, duplicate: 0.2, corrupt: 0.2, reorder: 0.2, seed, ..Faults::default() };
        let link = UdpLink::connected(peer.address, &UdpOptions::default()).unwrap();
        let mut link = FaultyLink::new(link, faults, Clock::new());
        for i in 0..200u8 {
            link.send(&[i; 20]).unwrap();
        }
        std::thread::sleep(Duration::from_millis(200));
        drop(peer);
        std::sync::Arc::try_unwrap(heard).unwrap().into_inner().unwrap()
    };
    let first = pattern(5);
    assert!(first.len() > 100);
    assert_eq!(first, pattern(5));
    assert_ne!(first, pattern(6));
}

#[test]
fn a_stall_is_charged_to_the_schedule() {
    let stalled = Peer::start(|socket, from, datagram, number| {
        if number == 100 {
            std::thread::sleep(Duration::from_millis(100));
        }
        pong(datagram);
        drop(socket.send_to(datagram, from));
    });
    let paced = limited(Some(1_000.0), 1_000, Duration::from_millis(500));
    let outcome = run(&Setup { targets: vec![stalled.address], ..paced });
    // The pulses due in a stall of 100 ms wait for 100, 99, 98 … ms: 90 of them for 10 ms and more, 50 for 50 ms. A busy
    // host adds to that; a tool that waits for the stalled answer would show one.
    let above = |ms: u64| outcome.streams[0].latencies.response.count_between(ms * 1_000_000, u64::MAX);
    assert!(above(10) >= 85, "{} above 10 ms", above(10));
    assert!(above(50) >= 45, "{} above 50 ms", above(50));
}

#[test]
fn kernel_stamps_come_with_every_answer_when_asked_for() {
    let outcome = run(&Setup { stamps: true, ..paced(None) });
    assert_eq!(outcome.streams[0].latencies.wakeup.len(), outcome.streams[0].counts.answered);
    assert!(outcome.streams[0].latencies.wakeup.value_at_quantile(0.5) < 10_000_000);
    assert_eq!(run(&paced(None)).streams[0].latencies.wakeup.len(), 0);
}

#[test]
fn drops_in_a_full_receive_buffer_are_counted_by_the_socket() {
    let options = UdpOptions { receive_buffer: 4096, ..UdpOptions::default() };
    let mut receiver = UdpLink::bound("127.0.0.1:0".parse().unwrap(), &options).unwrap();
    let mut sender = UdpLink::connected(receiver.local(), &options).unwrap();
    for _ in 0..500 {
        sender.send(&[1; 1000]).unwrap();
    }
    let mut taken = 0;
    while receiver.recv(&mut [0; 2000], Wait::Poll).unwrap().is_some() {
        taken += 1;
    }
    assert!(taken < 500);
    assert_eq!(receiver.buffer_drops(), 500 - taken);
}

#[test]
fn an_address_in_use_and_one_that_is_not_ours_have_their_names() {
    let first = UdpLink::bound("127.0.0.1:0".parse().unwrap(), &UdpOptions::default()).unwrap();
    let slug = |address: &str| {
        UdpLink::bound(address.parse().unwrap(), &UdpOptions::default()).map(|_| "bound").unwrap_or_else(|e| e.slug())
    };
    assert_eq!(slug(&first.local().to_string()), "address-in-use");
    assert_eq!(slug("192.0.2.1:9"), "no-such-address");
}

#[test]
fn segments_arrive_as_the_datagrams_they_are_whether_the_receiver_takes_them_apart_or_the_kernel() {
    for merged in [false, true] {
        let options = UdpOptions { merged, ..UdpOptions::default() };
        let mut receiver = UdpLink::bound("127.0.0.1:0".parse().unwrap(), &options).unwrap();
        let mut sender = UdpLink::connected(receiver.local(), &UdpOptions::default()).unwrap();
        // Three whole datagrams of 100 bytes and a shorter one.
        let bytes: Vec<u8> = (0..340u32).map(|i| i as u8).collect();
        assert!(sender.send_segments(&bytes, 100).unwrap());
        let (mut taken, mut buffer) = (Vec::new(), [0; 2000]);
        while taken.iter().map(Vec::len).sum::<usize>() < bytes.len() {
            let arrival = receiver.recv(&mut buffer, Wait::Block).unwrap().unwrap();
            assert_eq!(arrival.segment, if merged { 100 } else { 0 });
            let one = if merged { 100 } else { arrival.length };
            taken.extend(buffer[..arrival.length].chunks(one).map(<[u8]>::to_vec));
        }
        assert_eq!(taken, bytes.chunks(100).map(<[u8]>::to_vec).collect::<Vec<_>>(), "merged: {merged}");
    }
}

#[test]
fn a_flood_in_segments_is_counted_pulse_by_pulse_at_both_ends() {
    let mut setup = Setup { segments: 32, ..limited(None, 10_000, Duration::from_millis(100)) };
    setup.plan.streams[0].arrival = Arrival::Flood {};
    setup.plan.streams[0].mode = Mode::OneWay;
    setup.receive_buffer = 16 << 20;
    let outcome = run(&setup);
    let counts = outcome.streams[0].counts;
    assert_eq!((counts.sent, counts.one_way, counts.messages, counts.bytes), (10_000, 10_000, 10_000, 1_380_000));
    let tally = outcome.sessions[0].tally.unwrap();
    assert_eq!(tally.received + tally.buffer_drops, outcome.session.sent_in_all);
    assert_eq!((tally.rejected(), tally.bytes), (0, tally.received * 138));
}
