//! What the tests of this crate share.
#![allow(dead_code, clippy::unwrap_used, reason = "each test file uses its part")]

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rttp_io::host::Seat;
use rttp_io::link::Faults;
use rttp_io::plan::{Pace, Plan};

/// A short unpinned ping-pong against the embedded responder.
pub(crate) fn plan() -> Plan {
    Plan {
        target: None,
        pace: Pace::PingPong,
        size: 138,
        priority: 128,
        warmup: Duration::ZERO,
        duration: Duration::from_secs(20),
        count: Some(500),
        timeout: Duration::from_millis(500),
        spin: false,
        seat: Seat::default(),
        server_seat: Seat::default(),
        awake: false,
        lock_memory: false,
        meter: true,
        stamps: false,
        receive_buffer: 1 << 20,
        first_seq: 0xffff_ff00,
        faults: Faults::default(),
    }
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
