//! What a sender says to its target before and after the load: is anybody there, and what did you count?

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use rttp_proto::dialects::rttp1::{FLAG_ECHO, HEADER, Kind};
use rttp_proto::pulse::{Header, Pulse};
use rttp_proto::seq::SeqId;
use rttp_proto::tally::Tally;

use crate::clock::{Clock, Nanos, Wall};
use crate::error::Error;
use crate::link::{Arrival, Link, Wait};

/// How long one look for a silent target lasts.
pub(crate) const PROBE_WAIT: Nanos = 200_000_000;

/// An answer to a first pulse: Unix times of its send, of the target's taking it, of its landing; and that on our clock.
pub(crate) struct Greeting {
    pub(crate) sent: u64,
    pub(crate) taken: u64,
    pub(crate) landed: u64,
    pub(crate) now: Nanos,
}

/// The first pulses of a session.
pub(crate) struct Probe {
    pub(crate) target: SocketAddr,
    /// They have the numbers before it.
    pub(crate) first_seq: u32,
    /// Whole pulse, bytes.
    pub(crate) length: usize,
    pub(crate) priority: u8,
    /// How long to look, ns.
    pub(crate) patience: Nanos,
    pub(crate) wait: Wait,
}

/// Finds out whether anybody answers, before a load is sent: PINGs, one at a time, until one comes back.
/// Gives how many were sent, and the answer (`None` when stopped before one came).
pub(crate) fn probe(
    link: &mut impl Link,
    &Probe { target, first_seq, length, priority, patience, wait }: &Probe,
    (clock, wall): (&Clock, &mut Wall),
    stop: &AtomicBool,
) -> Result<(u32, Option<Greeting>), Error> {
    let mut out = vec![0; length.max(HEADER)];
    let mut buffer = vec![0; 1 << 16];
    let begun = clock.now();
    let mut garbage = None;
    let mut sent = 0;
    while clock.now() < begun + patience && !stop.load(Ordering::Relaxed) {
        let seq = SeqId(first_seq.wrapping_sub(1 + sent));
        let now = clock.now();
        let sent_unix = wall.unix(now);
        if let Some(header) = out.first_chunk_mut::<HEADER>() {
            Header { priority, ..Header::new(Kind::Ping, seq, sent_unix) }.emit(header);
        }
        link.send(&out).map_err(|e| Error::of_send(e, target, out.len()))?;
        sent += 1;
        let until = now + PROBE_WAIT.min(patience);
        while clock.now() < until && !stop.load(Ordering::Relaxed) {
            let arrival = link.recv(&mut buffer, wait).map_err(|e| Error::of_send(e, target, out.len()))?;
            let Some(arrival) = arrival else { continue };
            let datagram = buffer.get(..arrival.length).unwrap_or(&buffer);
            match Pulse::parse(datagram) {
                Ok(pulse) if pulse.kind() == Kind::Pong && pulse.seq_id().since(seq) >= 0 => {
                    let now = clock.now();
                    let (taken, landed) = (pulse.timestamp_ns(), wall.unix(now));
                    return Ok((sent, Some(Greeting { sent: sent_unix, taken, landed, now })));
                }
                Ok(pulse) => garbage = Some((datagram.len(), format!("a pulse of kind {:?}", pulse.kind()))),
                Err(reject) => garbage = Some((datagram.len(), reject.to_string())),
            }
        }
    }
    if stop.load(Ordering::Relaxed) {
        return Ok((sent, None));
    }
    let waited_ms = (clock.now() - begun) / 1_000_000;
    Err(match garbage {
        Some((length, reason)) => Error::NotRttp { target, length, reason },
        None => Error::NoAnswer { target, sent, waited_ms },
    })
}

/// Asks the target what it counted; `None` if it does not say.
pub(crate) fn close(link: &mut impl Link, clock: &Clock, wall: &mut Wall, seq: SeqId) -> Option<Tally> {
    let mut question = [0; HEADER + Tally::LENGTH];
    let mut buffer = vec![0; 1 << 16];
    let header = Header { flags: FLAG_ECHO, ..Header::new(Kind::Close, seq, wall.unix(clock.now())) };
    header.emit(question.first_chunk_mut::<HEADER>()?);
    for _ in 0..5 {
        // An ICMP error of an earlier pulse may come out of this send; the next try is free of it.
        if link.send(&question).is_err() {
            continue;
        }
        let until = clock.now() + PROBE_WAIT;
        while clock.now() < until {
            let Ok(Some(Arrival { length, .. })) = link.recv(&mut buffer, Wait::Poll) else { continue };
            match buffer.get(..length).map(Pulse::parse) {
                Some(Ok(pulse)) if pulse.kind() == Kind::Close => return Tally::parse(pulse.payload()),
                _ => {}
            }
        }
    }
    None
}
