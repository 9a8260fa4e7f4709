//! Targets that are silent, absent, late, repetitive or talk nonsense: a run ends in time and tells them apart.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use std::net::UdpSocket;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use common::{Peer, plan, pong};
use rttp_io::error::Error;
use rttp_io::generator::Progress;
use rttp_io::outcome::Outcome;
use rttp_io::plan::{Pace, Plan};
use rttp_io::run::execute;

fn run(plan: &Plan) -> Result<Outcome, Error> {
    execute(plan, &AtomicBool::new(false), &Progress::default())
}

fn slug(result: Result<Outcome, Error>) -> &'static str {
    result.map(|_| "finished").unwrap_or_else(|e| e.slug())
}

#[test]
fn a_silent_target_is_given_up_within_its_patience() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let begun = Instant::now();
    let target = Some(silent.local_addr().unwrap());
    assert_eq!(slug(run(&Plan { target, ..plan() })), "no-answer");
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_port_where_nobody_listens_is_refused_by_its_host() {
    let gone = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_eq!(slug(run(&Plan { target: Some(gone), ..plan() })), "refused");
}

#[test]
fn a_target_that_talks_something_else_is_named_as_such() {
    let peer = Peer::start(|socket, from, _, _| drop(socket.send_to(b"HTTP/1.1 400", from)));
    let error = run(&Plan { target: Some(peer.address), ..plan() }).map(|_| ()).unwrap_err();
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
    let timeout = Duration::from_millis(20);
    let outcome = run(&Plan { target: Some(peer.address), count: Some(5), timeout, ..plan() }).unwrap();
    assert_eq!((outcome.seen.counts.sent, outcome.seen.counts.answered, outcome.seen.counts.lost), (5, 0, 5));
    let bad_version = outcome.seen.counts.rejects[2];
    assert!(bad_version >= 50, "{bad_version} rejects");
}

#[test]
fn a_second_answer_is_a_duplicate_and_not_a_sample() {
    let peer = Peer::start(|socket, from, datagram, _| {
        pong(datagram);
        (0..2).for_each(|_| drop(socket.send_to(datagram, from)));
    });
    let outcome = run(&Plan { target: Some(peer.address), count: Some(50), ..plan() }).unwrap();
    assert_eq!(outcome.seen.counts.answered, 50);
    assert_eq!(outcome.seen.latencies.response.len(), 50);
    // The answer to the last pulse may have its double still on the way; the first pulses look for the target.
    assert!(
        (49..=51).contains(&(outcome.seen.counts.duplicates + outcome.seen.counts.unexpected)),
        "{:?}",
        outcome.seen.counts
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
    let timeout = Duration::from_millis(30);
    let pace = Pace::OpenLoop(200.0);
    let outcome = run(&Plan { target: Some(peer.address), count: Some(20), timeout, pace, ..plan() }).unwrap();
    let counts = &outcome.seen.counts;
    assert!(counts.lost >= 1 && counts.late >= 1, "{counts:?}");
    assert_eq!(counts.answered + counts.lost, 20);
    assert_eq!(outcome.seen.latencies.response.len(), 20, "a lost pulse is a sample");
    assert!(
        outcome.seen.latencies.response.max() >= 29_900_000,
        "at its timeout: {}",
        outcome.seen.latencies.response.max()
    );
}

#[test]
fn answers_of_another_kind_or_length_are_unexpected() {
    let peer = Peer::start(|socket, from, datagram, number| {
        pong(datagram);
        let answer = if number > 0 && number % 2 == 0 { &datagram[..64] } else { &*datagram };
        drop(socket.send_to(answer, from));
    });
    let timeout = Duration::from_millis(20);
    let outcome = run(&Plan { target: Some(peer.address), count: Some(10), timeout, ..plan() }).unwrap();
    assert_eq!((outcome.seen.counts.answered, outcome.seen.counts.lost, outcome.seen.counts.unexpected), (5, 5, 5));
}

#[test]
fn a_target_that_dies_turns_the_rest_into_losses_and_ends_in_time() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let target = Some(socket.local_addr().unwrap());
    let thread = std::thread::spawn(move || {
        let mut buffer = [0; 200];
        for _ in 0..10 {
            let (length, from) = socket.recv_from(&mut buffer).unwrap();
            pong(&mut buffer);
            socket.send_to(&buffer[..length], from).unwrap();
        }
    });
    let (pace, timeout) = (Pace::OpenLoop(1_000.0), Duration::from_millis(50));
    let begun = Instant::now();
    let outcome = run(&Plan { target, count: Some(100), pace, timeout, ..plan() }).unwrap();
    thread.join().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert_eq!((outcome.seen.counts.sent, outcome.seen.counts.answered, outcome.seen.counts.lost), (100, 9, 91));
    assert!(outcome.seen.counts.network_errors > 0);
    assert_eq!(outcome.seen.tally, None, "nobody is left to tell what arrived");
}

#[test]
fn a_pulse_that_does_not_fit_the_path_is_refused_and_not_split() {
    let error = run(&Plan { size: 65_507, ..plan() }).map(|_| ());
    // Loopback takes 65,536 bytes with all headers; 65,507 is the most that fits.
    assert!(error.is_ok(), "{error:?}");
}

#[test]
fn a_stop_keeps_what_was_measured() {
    let stop = AtomicBool::new(false);
    let progress = Progress::default();
    let outcome = std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(200));
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
        });
        execute(&Plan { count: None, ..plan() }, &stop, &progress).unwrap()
    });
    assert!(outcome.seen.interrupted);
    assert!(outcome.seen.counts.answered > 100);
    assert_eq!(outcome.seen.latencies.response.len(), outcome.seen.counts.answered + outcome.seen.counts.lost);
    assert!(outcome.seen.lasted_ns < 10_000_000_000);
}
