//! Targets that are silent, absent, late, repetitive or talk nonsense: a run ends in time and tells them apart.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use std::net::UdpSocket;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use common::{Peer, limited, paced, pong, run};
use rttp_io::error::Error;
use rttp_io::outcome::Outcome;
use rttp_io::run::{View, execute};
use rttp_io::setup::Setup;
use rttp_load::plan::Size;

fn slug(result: Result<Outcome, Error>) -> &'static str {
    result.map(|_| "finished").unwrap_or_else(|e| e.slug())
}

#[test]
fn a_silent_target_is_given_up_within_its_patience() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let begun = Instant::now();
    let targets = vec![silent.local_addr().unwrap()];
    assert_eq!(slug(run(&Setup { targets, ..paced(None) })), "no-answer");
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_port_where_nobody_listens_is_refused_by_its_host() {
    let gone = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_eq!(slug(run(&Setup { targets: vec![gone], ..paced(None) })), "refused");
}

#[test]
fn a_target_that_talks_something_else_is_named_as_such() {
    let peer = Peer::start(|socket, from, _, _| drop(socket.send_to(b"HTTP/1.1 400", from)));
    let error = run(&Setup { targets: vec![peer.address], ..paced(None) }).map(|_| ()).unwrap_err();
    assert_eq!(error.slug(), "not-rttp");
    assert!(error.to_string().contains("truncated at offset 12"), "{error}");
}

#[test]
fn a_flood_of_garbage_does_not_hold_a_run_up() {
    let peer = Peer::start(|socket, from, datagram, number| {
        if number == 0 {
            pong(datagram);
            drop(socket.send_to(datagram, from));
        } else {
            (0..50).for_each(|_| drop(socket.send_to(&[9; 100], from)));
        }
    });
    let limits = limited(None, 5, Duration::from_millis(20));
    let outcome = run(&Setup { targets: vec![peer.address], ..limits }).unwrap();
    assert_eq!(
        (outcome.streams[0].counts.sent, outcome.streams[0].counts.answered, outcome.streams[0].counts.lost),
        (5, 0, 5)
    );
    let bad_version = outcome.session.rejects[2];
    assert!(bad_version >= 50, "{bad_version} rejects");
}

#[test]
fn a_second_answer_is_a_duplicate_and_not_a_sample() {
    let peer = Peer::start(|socket, from, datagram, _| {
        pong(datagram);
        (0..2).for_each(|_| drop(socket.send_to(datagram, from)));
    });
    let outcome = run(&Setup { targets: vec![peer.address], ..limited(None, 50, Duration::from_millis(500)) }).unwrap();
    assert_eq!(outcome.streams[0].counts.answered, 50);
    assert_eq!(outcome.streams[0].latencies.response.len(), 50);
    // The answer to the last pulse may have its double still on the way; the first pulses look for the target.
    assert!(
        (49..=51).contains(&(outcome.streams[0].counts.duplicates + outcome.session.unexpected)),
        "{:?}",
        outcome.streams[0].counts
    );
}

#[test]
fn an_answer_after_the_timeout_is_late_and_its_pulse_lost() {
    let peer = Peer::start(|socket, from, datagram, number| {
        pong(datagram);
        if number == 3 {
            std::thread::sleep(Duration::from_millis(60));
        }
        drop(socket.send_to(datagram, from));
    });
    let limits = limited(Some(200.0), 20, Duration::from_millis(30));
    let outcome = run(&Setup { targets: vec![peer.address], ..limits }).unwrap();
    let counts = &outcome.streams[0].counts;
    assert!(counts.lost >= 1 && counts.late >= 1, "{counts:?}");
    assert_eq!(counts.answered + counts.lost, 20);
    assert_eq!(outcome.streams[0].latencies.response.len(), 20, "a lost pulse is a sample");
    assert!(
        outcome.streams[0].latencies.response.max() >= 29_900_000,
        "at its timeout: {}",
        outcome.streams[0].latencies.response.max()
    );
}

#[test]
fn answers_of_another_kind_or_length_are_unexpected() {
    let peer = Peer::start(|socket, from, datagram, number| {
        pong(datagram);
        let answer = if number > 0 && number % 2 == 0 { &datagram[..64] } else { &*datagram };
        drop(socket.send_to(answer, from));
    });
    let limits = limited(None, 10, Duration::from_millis(20));
    let outcome = run(&Setup { targets: vec![peer.address], ..limits }).unwrap();
    assert_eq!(
        (outcome.streams[0].counts.answered, outcome.streams[0].counts.lost, outcome.session.unexpected),
        (5, 5, 5)
    );
}

#[test]
fn a_target_that_dies_turns_the_rest_into_losses_and_ends_in_time() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let targets = vec![socket.local_addr().unwrap()];
    let thread = std::thread::spawn(move || {
        let mut buffer = [0; 200];
        for _ in 0..10 {
            let (length, from) = socket.recv_from(&mut buffer).unwrap();
            pong(&mut buffer);
            socket.send_to(&buffer[..length], from).unwrap();
        }
    });
    let begun = Instant::now();
    let outcome = run(&Setup { targets, ..limited(Some(1_000.0), 100, Duration::from_millis(50)) }).unwrap();
    thread.join().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert_eq!(
        (outcome.streams[0].counts.sent, outcome.streams[0].counts.answered, outcome.streams[0].counts.lost),
        (100, 9, 91)
    );
    assert!(outcome.session.network_errors > 0);
    assert_eq!(outcome.sessions[0].tally, None, "nobody is left to tell what arrived");
}

#[test]
fn a_pulse_that_does_not_fit_the_path_is_refused_and_not_split() {
    let mut setup = paced(None);
    setup.plan.streams[0].size = Size::Fixed { bytes: 65_443 };
    let error = run(&setup).map(|_| ());
    // Loopback takes 65,536 bytes with all headers; 65,507 is the most that fits.
    assert!(error.is_ok(), "{error:?}");
}

#[test]
fn a_stop_keeps_what_was_measured() {
    let stop = AtomicBool::new(false);
    let mut setup = paced(None);
    setup.plan.count = None;
    let view = View::new(1);
    let outcome = std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(200));
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
        });
        execute(&setup, &stop, &view).unwrap()
    });
    assert!(outcome.interrupted);
    assert!(outcome.streams[0].counts.answered > 100);
    assert_eq!(
        outcome.streams[0].latencies.response.len(),
        outcome.streams[0].counts.answered + outcome.streams[0].counts.lost
    );
    assert!(outcome.lasted_ns < 10_000_000_000);
}
