//! What the tests of this crate share.
#![allow(dead_code, clippy::unwrap_used, reason = "each test file uses its part")]

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rttp_io::error::Error;
use rttp_io::host::Seat;
use rttp_io::link::Faults;
use rttp_io::outcome::Outcome;
use rttp_io::run::{View, execute};
use rttp_io::setup::Setup;
use rttp_load::plan::{Arrival, Class, Cut, Fragments, Mode, Order, Overflow, Plan, Priority, Size, StreamPlan};

/// A stream of 138-byte pulses that are echoed.
pub(crate) fn stream(arrival: Arrival) -> StreamPlan {
    StreamPlan {
        name: "test".into(),
        arrival,
        priority: Priority::Fixed { value: 128 },
        size: Size::Fixed { bytes: 74 },
        fragments: Fragments { cut: Cut::None {}, order: Order::InOrder, interleave: 1, gap_ns: 0 },
        mode: Mode::Echo,
        timeout_ns: 500_000_000,
        deadline_ns: None,
        class: Class::Soft,
        queue: 65_536,
        overflow: Overflow::Delay,
        first_token_ns: 0,
    }
}

/// A short unpinned run of some streams against the embedded responder: 500 pulses.
pub(crate) fn setup(streams: Vec<StreamPlan>) -> Setup {
    Setup {
        plan: Plan { seed: 1, warmup_ns: 0, duration_ns: 20_000_000_000, cooldown_ns: 0, count: Some(500), streams },
        traces: Vec::new(),
        targets: Vec::new(),
        workers: 1,
        spin: false,
        seats: vec![Seat::default()],
        server_seat: Seat::default(),
        awake: false,
        lock_memory: false,
        meter: true,
        stamps: false,
        receive_buffer: 1 << 20,
        first_seq: 0xffff_ff00,
        segments: 1,
        faults: Faults::default(),
        interval_ns: 1_000_000_000,
        interval_log: None,
        slowest: 8,
    }
}

/// One pulse at a time, or so many a second.
pub(crate) fn paced(rate: Option<f64>) -> Setup {
    setup(vec![stream(rate.map_or(Arrival::Closed {}, |rate| Arrival::Constant { rate }))])
}

/// The same with other limits.
pub(crate) fn limited(rate: Option<f64>, count: u64, timeout: Duration) -> Setup {
    let mut setup = paced(rate);
    setup.plan.count = Some(count);
    setup.plan.streams[0].timeout_ns = timeout.as_nanos() as u64;
    setup
}

/// Runs it to its end.
pub(crate) fn run(setup: &Setup) -> Result<Outcome, Error> {
    execute(setup, &AtomicBool::new(false), &View::new(setup.workers))
}

/// A peer on loopback that hands every datagram and its number to a closure, which answers as it likes.
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Peer {
    pub(crate) fn start(mut answer: impl FnMut(&UdpSocket, SocketAddr, &mut [u8], u64) + Send + 'static) -> Peer {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let address = socket.local_addr().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = thread::spawn(move || {
            let mut buffer = vec![0; 1 << 16];
            let mut number = 0;
            while !stopped.load(Ordering::Relaxed) {
                if let Ok((length, from)) = socket.recv_from(&mut buffer) {
                    answer(&socket, from, &mut buffer[..length], number);
                    number += 1;
                }
            }
        });
        Peer { address, stop, thread: Some(thread) }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
    }
}

/// Turns a PING into its PONG.
pub(crate) fn pong(datagram: &mut [u8]) {
    datagram[3] = 0x05;
}
