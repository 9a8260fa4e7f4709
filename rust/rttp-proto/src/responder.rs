//! What a node answers: sans-IO, in place, in fixed memory (`RTTP-6`).

use std::net::SocketAddr;

use crate::dialects::rttp1::{FLAG_ECHO, FLAG_SEALED, HEADER, KIND_AT, Kind};
use crate::pulse::{Pulse, turn};
use crate::reject::{Reject, Slug};
use crate::tally::Tally;

/// What became of a datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// The buffer now holds the answer, this many bytes; send it to where the datagram came from.
    Answer(usize),
    /// Accepted, and nothing to say.
    Accepted,
    /// Refused and counted.
    Rejected(Reject),
}

/// Senders that are told apart; one more takes the place of the one silent for longest among its neighbours.
pub const PEERS: usize = 1024;
/// Places in which a sender may be found.
const PROBES: usize = 8;

#[derive(Clone, Copy)]
struct Peer {
    address: SocketAddr,
    last_ns: u64,
    /// When its counters were last asked for.
    told_ns: Option<u64>,
    /// Drops of the whole socket before this sender's count began.
    drops_before: u64,
    tally: Tally,
}

/// A sender that goes on this long after it asked for its counters starts a new count; what comes sooner is a straggler
/// of the old one.
const NEW_COUNT_AFTER_NS: u64 = 2_000_000_000;

/// Judges pulses, answers those that ask for it and counts per sender and in total. Never allocates after `new`.
pub struct Responder {
    fingerprint: [u8; 32],
    echo: bool,
    peers: Box<[Option<Peer>]>,
    total: Tally,
}

impl Responder {
    /// A node under an identity (zeros: none). Without `echo` it answers nothing but the question for its counters.
    #[must_use]
    pub fn new(fingerprint: [u8; 32], echo: bool) -> Responder {
        Responder { fingerprint, echo, peers: vec![None; PEERS].into_boxed_slice(), total: Tally::default() }
    }

    /// Counts of all senders together.
    #[must_use]
    pub fn total(&self) -> &Tally {
        &self.total
    }

    /// Whether a datagram will be answered with counters, if it is good.
    #[must_use]
    pub fn asks_for_tally(datagram: &[u8]) -> bool {
        datagram.get(KIND_AT) == Some(&(Kind::Close as u8))
    }

    /// Takes over the kernel's count of datagrams dropped for want of buffer.
    pub fn set_buffer_drops(&mut self, drops: u64) {
        self.total.buffer_drops = drops;
    }

    /// Takes an answer back that could not be sent.
    pub fn not_sent(&mut self, to: SocketAddr, now_ns: u64) {
        let peer = peer_of(&mut self.peers, to, now_ns, self.total.buffer_drops);
        for tally in [&mut peer.tally, &mut self.total] {
            tally.answered = tally.answered.saturating_sub(1);
        }
    }

    /// Handles the datagram in `buffer[..length]`; an answer is written over it.
    ///
    /// `now_ns` is the Unix time written into the answer.
    #[inline]
    pub fn handle(&mut self, from: SocketAddr, buffer: &mut [u8], length: usize, now_ns: u64) -> Verdict {
        let drops = self.total.buffer_drops;
        let datagram = buffer.get_mut(..length).unwrap_or_default();
        let verdict = match Pulse::parse(datagram) {
            Ok(pulse) => Ok((pulse.kind(), pulse.flags())),
            Err(reject) => Err(reject),
        };
        let peer = peer_of(&mut self.peers, from, now_ns, drops);
        let closing = matches!(verdict, Ok((Kind::Close, _)));
        if !closing && peer.told_ns.is_some_and(|told| now_ns > told.saturating_add(NEW_COUNT_AFTER_NS)) {
            *peer = Peer { told_ns: None, drops_before: drops, tally: Tally::default(), ..*peer };
        }
        peer.last_ns = now_ns;
        if !closing {
            for tally in [&mut peer.tally, &mut self.total] {
                tally.received += 1;
                tally.bytes += length as u64;
            }
        }
        let answer = match verdict {
            Err(reject) => Err(reject),
            // Only a session can open a sealed pulse and seal its answer.
            Ok((_, flags)) if flags & FLAG_SEALED != 0 => Ok(None),
            Ok((Kind::Close, FLAG_ECHO)) => {
                let buffer_drops = drops.saturating_sub(peer.drops_before);
                let told = close(datagram, &Tally { buffer_drops, ..peer.tally });
                peer.told_ns = told.is_ok().then_some(now_ns).or(peer.told_ns);
                told.map(|()| Some(Kind::Close))
            }
            Ok(_) if !self.echo => Ok(None),
            Ok((Kind::Ping, _)) => Ok(Some(Kind::Pong)),
            Ok((Kind::Request, flags)) if flags & FLAG_ECHO != 0 => Ok(Some(Kind::Response)),
            Ok((kind, flags)) if flags & FLAG_ECHO != 0 && kind != Kind::Close => Ok(Some(kind)),
            Ok(_) => Ok(None),
        };
        match answer {
            Ok(Some(kind)) => {
                if !closing {
                    peer.tally.answered += 1;
                    self.total.answered += 1;
                }
                if let Some(header) = datagram.first_chunk_mut::<HEADER>() {
                    turn(header, kind, &self.fingerprint, now_ns);
                }
                Verdict::Answer(length)
            }
            Ok(None) => Verdict::Accepted,
            Err(reject) => {
                for tally in [&mut peer.tally, &mut self.total] {
                    tally.rejects[usize::from(reject.slug.code())] += 1;
                }
                Verdict::Rejected(reject)
            }
        }
    }
}

/// Writes the counters over the payload of a CLOSE, which must be as long: an answer is never longer than its
/// question, or a forged source address would turn this node into an amplifier (`RTTP-6.4`).
fn close(datagram: &mut [u8], tally: &Tally) -> Result<(), Reject> {
    let length = datagram.len();
    match datagram.get_mut(HEADER..).and_then(|p| p.first_chunk_mut::<{ Tally::LENGTH }>()) {
        Some(payload) => {
            tally.emit(payload);
            Ok(())
        }
        None => Err(Reject::at(Slug::Amplification, length)),
    }
}

/// The entry of an address: found among its eight places, or made in an empty one, or in that of the longest silent.
#[inline]
fn peer_of(peers: &mut [Option<Peer>], address: SocketAddr, now_ns: u64, drops: u64) -> &mut Peer {
    let start = hash(&address) % PEERS;
    let mut place = start;
    let mut oldest = u64::MAX;
    for probe in 0..PROBES {
        let i = (start + probe) % PEERS;
        match &peers[i] {
            Some(peer) if peer.address == address => {
                place = i;
                break;
            }
            None => {
                place = i;
                break;
            }
            Some(peer) if peer.last_ns < oldest => {
                oldest = peer.last_ns;
                place = i;
            }
            Some(_) => {}
        }
    }
    let entry = &mut peers[place];
    if entry.as_ref().is_none_or(|p| p.address != address) {
        *entry = None;
    }
    entry.get_or_insert(Peer { address, last_ns: now_ns, told_ns: None, drops_before: drops, tally: Tally::default() })
}

/// Spreads addresses over the table (FNV-1a). Senders who collide on purpose only lose their own counts.
fn hash(address: &SocketAddr) -> usize {
    let mut h: u64 = 0xcbf2_9ce4_8422_2325;
    let mut mix = |bytes: &[u8]| bytes.iter().for_each(|b| h = (h ^ u64::from(*b)).wrapping_mul(0x100_0000_01b3));
    match address {
        SocketAddr::V4(a) => mix(&a.ip().octets()),
        SocketAddr::V6(a) => mix(&a.ip().octets()),
    }
    mix(&address.port().to_be_bytes());
    usize::try_from(h >> 20).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pulse::Header;
    use crate::seq::SeqId;

    fn pulse(kind: Kind, flags: u8, payload: usize) -> Vec<u8> {
        let mut header = [0; HEADER];
        Header { flags, ..Header::new(kind, SeqId(7), 1) }.emit(&mut header);
        let mut datagram = header.to_vec();
        datagram.resize(HEADER + payload, 0xa5);
        datagram
    }

    fn from(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    #[test]
    fn a_ping_becomes_a_pong_with_its_payload_and_sequence_number() {
        let mut node = Responder::new([9; 32], true);
        let mut buffer = pulse(Kind::Ping, 0, 20);
        let length = buffer.len();
        assert_eq!(node.handle(from(1), &mut buffer, length, 77), Verdict::Answer(length));
        let pong = Pulse::parse(&buffer).unwrap();
        assert_eq!((pong.kind(), pong.seq_id(), pong.timestamp_ns()), (Kind::Pong, SeqId(7), 77));
        assert_eq!(pong.rpki_fingerprint(), &[9; 32]);
        assert!(pong.payload().iter().all(|b| *b == 0xa5));
    }

    #[test]
    fn an_answer_is_never_answered_again() {
        let mut node = Responder::new([0; 32], true);
        for (kind, flags) in
            [(Kind::Ping, 0), (Kind::Data, FLAG_ECHO), (Kind::Request, FLAG_ECHO), (Kind::Ping, FLAG_ECHO)]
        {
            let mut buffer = pulse(kind, flags, 8);
            let length = buffer.len();
            assert_eq!(node.handle(from(1), &mut buffer, length, 1), Verdict::Answer(length));
            assert_eq!(node.handle(from(2), &mut buffer, length, 1), Verdict::Accepted, "{kind:?}");
        }
    }

    #[test]
    fn close_brings_back_the_counts_of_this_sender_only_and_starts_anew() {
        let mut node = Responder::new([0; 32], true);
        for port in [1, 1, 2] {
            let mut buffer = pulse(Kind::Ping, 0, 0);
            node.handle(from(port), &mut buffer, HEADER, 1);
        }
        node.handle(from(1), &mut [0; 10], 10, 1);
        for _ in 0..2 {
            let mut buffer = pulse(Kind::Close, FLAG_ECHO, Tally::LENGTH);
            let length = buffer.len();
            assert_eq!(node.handle(from(1), &mut buffer, length, 1), Verdict::Answer(length));
            let tally = Tally::parse(Pulse::parse(&buffer).unwrap().payload()).unwrap();
            assert_eq!((tally.received, tally.answered, tally.rejected()), (3, 2, 1), "asked twice, told twice");
        }
        let told = |node: &mut Responder, now_ns| {
            let mut buffer = pulse(Kind::Ping, 0, 0);
            node.handle(from(1), &mut buffer, HEADER, now_ns);
            let mut buffer = pulse(Kind::Close, FLAG_ECHO, Tally::LENGTH);
            let length = buffer.len();
            node.handle(from(1), &mut buffer, length, now_ns);
            Tally::parse(Pulse::parse(&buffer).unwrap().payload()).unwrap()
        };
        assert_eq!(told(&mut node, 2).received, 4, "a straggler belongs to the old count");
        node.set_buffer_drops(9);
        assert_eq!(told(&mut node, 3 + 2 * NEW_COUNT_AFTER_NS).buffer_drops, 0, "drops before a count are not its own");
        node.set_buffer_drops(11);
        let tally = told(&mut node, 3 + 2 * NEW_COUNT_AFTER_NS);
        assert_eq!((tally.received, tally.buffer_drops), (2, 2));
        node.not_sent(from(1), 3 + 2 * NEW_COUNT_AFTER_NS);
        assert_eq!(node.total().answered, 5);
    }

    #[test]
    fn a_sink_answers_only_for_its_counters() {
        let mut node = Responder::new([0; 32], false);
        let mut buffer = pulse(Kind::Ping, FLAG_ECHO, 0);
        assert_eq!(node.handle(from(1), &mut buffer, HEADER, 1), Verdict::Accepted);
        let mut buffer = pulse(Kind::Close, FLAG_ECHO, Tally::LENGTH);
        let length = buffer.len();
        assert_eq!(node.handle(from(1), &mut buffer, length, 1), Verdict::Answer(length));
        assert_eq!(Tally::parse(Pulse::parse(&buffer).unwrap().payload()).unwrap().received, 1);
    }

    #[test]
    fn a_short_close_is_refused_as_amplification() {
        let mut node = Responder::new([0; 32], true);
        let mut buffer = pulse(Kind::Close, FLAG_ECHO, Tally::LENGTH - 1);
        let length = buffer.len();
        let verdict = node.handle(from(1), &mut buffer, length, 1);
        assert_eq!(verdict, Verdict::Rejected(Reject::at(Slug::Amplification, length)));
        let mut buffer = pulse(Kind::Ping, 0, 0);
        node.handle(from(1), &mut buffer, HEADER, 1);
        let mut buffer = pulse(Kind::Close, FLAG_ECHO, Tally::LENGTH);
        let length = buffer.len();
        node.handle(from(1), &mut buffer, length, 1);
        let tally = Tally::parse(Pulse::parse(&buffer).unwrap().payload()).unwrap();
        assert_eq!((tally.received, tally.rejected()), (1, 1), "what was refused did not start a new count");
    }

    #[test]
    fn more_senders_than_places_cost_counts_not_memory() {
        let mut node = Responder::new([0; 32], true);
        for port in 0..20_000u16 {
            let mut buffer = pulse(Kind::Ping, 0, 0);
            assert_eq!(node.handle(from(port), &mut buffer, HEADER, u64::from(port)), Verdict::Answer(HEADER));
        }
        assert_eq!(node.total().answered, 20_000);
        assert_eq!(node.peers.len(), PEERS);
    }
}
