//! Captures written by hand, byte by byte, and what is read out of them.
#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "../../fuzz/checks_capture.rs"]
mod checks;
#[path = "capture/compressed.rs"]
mod compressed;
#[path = "capture/damage.rs"]
mod damage;
#[path = "capture/datagrams.rs"]
mod datagrams;
#[path = "capture/files.rs"]
mod files;
#[path = "capture/fragments.rs"]
mod fragments;
#[path = "capture/laws.rs"]
mod laws;
#[path = "capture/merging.rs"]
mod merging;
#[path = "capture/packets.rs"]
mod packets;
#[path = "capture/reading.rs"]
mod reading;
#[path = "capture/writing.rs"]
mod writing;

use std::io::{self, Read};

use rttp_capture::{Packet, Reader, Step};

/// A packet that outlives its reader.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Kept {
    number: u64,
    offset: u64,
    time_ns: u64,
    interface: u32,
    link: u16,
    data: Vec<u8>,
    original: u32,
}

impl Kept {
    fn of(packet: &Packet<'_>) -> Kept {
        let Packet { number, offset, time_ns, interface, link, data, original } = *packet;
        Kept { number, offset, time_ns, interface, link: link.0, data: data.to_vec(), original }
    }
}

/// Everything that a reader gives, its warnings as text; waits are asked again.
fn all<S: Read>(reader: &mut Reader<S>) -> (Vec<Kept>, Vec<String>) {
    let (mut packets, mut warnings) = (Vec::new(), Vec::new());
    loop {
        match reader.next() {
            Step::Packet(packet) => packets.push(Kept::of(&packet)),
            Step::Warning(warning) => warnings.push(warning.to_string()),
            Step::Wait => {}
            Step::End => return (packets, warnings),
        }
    }
}

fn read(bytes: &[u8]) -> (Vec<Kept>, Vec<String>) {
    all(&mut Reader::over(bytes))
}

/// The packets of a file in which nothing is wrong.
fn good(bytes: &[u8]) -> Vec<Kept> {
    let (packets, warnings) = read(bytes);
    assert_eq!(warnings, [""; 0]);
    packets
}

fn times(packets: &[Kept]) -> Vec<u64> {
    packets.iter().map(|packet| packet.time_ns).collect()
}

/// Gives so many bytes at a time, and nothing, an interruption or a timeout between.
struct Drip<'a> {
    bytes: &'a [u8],
    step: usize,
    calls: usize,
}

impl<'a> Drip<'a> {
    fn new(bytes: &'a [u8], step: usize) -> Drip<'a> {
        Drip { bytes, step, calls: 0 }
    }
}

impl Read for Drip<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.calls += 1;
        match self.calls % 4 {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            1 => Err(io::ErrorKind::Interrupted.into()),
            2 => Err(io::ErrorKind::TimedOut.into()),
            _ => {
                let step = self.step.min(room.len());
                (&mut self.bytes).take(step as u64).read(room)
            }
        }
    }
}
