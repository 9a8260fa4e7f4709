//! What comes back, and what does not: answers taken and judged, pulses given up.

use rttp_load::stream::{Part, answer_of};
use rttp_proto::dialects::rttp1::{HEADER, Kind};
use rttp_proto::pulse::Pulse;
use rttp_proto::seq::SeqId;

use super::Generator;
use crate::clock::Nanos;
use crate::flight::{Landing, Launch};
use crate::link::{Arrival as Received, Link, Wait};
use crate::recorder::Record;

/// Looks at an empty socket before the clock is read again: what lies between two looks is added to a round trip.
const LOOKS: u32 = 16;

impl<L: Link> Generator<'_, L> {
    /// Takes one datagram, if there is one, and gives the time at which it was in our hands.
    #[inline]
    pub(super) fn receive(&mut self, wait: Wait) -> Option<Nanos> {
        let arrival = self.take(wait)?;
        let now = match wait {
            Wait::Poll => self.now(),
            Wait::Block => self.clock.now(),
        };
        self.account(arrival, now, wait);
        Some(now)
    }

    #[inline]
    pub(super) fn take(&mut self, wait: Wait) -> Option<Received> {
        let looks = if self.setup.spin && self.setup.plan.closed() { LOOKS } else { 1 };
        for _ in 0..looks {
            match self.link.recv(&mut self.buffer, wait) {
                Ok(None) => {}
                Ok(arrival) => return arrival,
                Err(_) => {
                    self.book.session.network_errors += 1;
                    return None;
                }
            }
        }
        None
    }

    #[inline]
    pub(super) fn account(&mut self, arrival: Received, now: Nanos, wait: Wait) {
        let datagram = self.buffer.get(..arrival.length).unwrap_or(&self.buffer);
        let pulse = match Pulse::parse(datagram) {
            Ok(pulse) => pulse,
            Err(reject) => {
                self.book.session.rejects[usize::from(reject.slug.code())] += 1;
                return;
            }
        };
        let (taken, seq_id, kind) = (pulse.timestamp_ns(), pulse.seq_id(), pulse.kind());
        let landed = self.wall.unix(now);
        if wait == Wait::Block {
            // The embedded responder stamps its answers by this host's clock.
            let here = self.setup.targets.is_empty();
            let age = landed.saturating_sub(taken);
            self.woke(now, if here { now.saturating_sub(age) } else { 0 });
        }
        let next = self.flight.next();
        let newest = SeqId(self.first_seq).plus(next as u32);
        let Some(number) = next.checked_add_signed(i64::from(seq_id.since(newest))) else {
            self.book.session.unexpected += 1;
            return;
        };
        let landing = match self.flight.peek(number) {
            Some(launch) if self.expects(launch, kind, arrival.length) => self.flight.land(number),
            _ => Landing::Unknown,
        };
        match landing {
            Landing::First { launch, overtaken } => {
                let timeout = self.timeouts[usize::from(launch.stream)];
                if now.saturating_sub(launch.sent) > timeout {
                    self.book.streams[usize::from(launch.stream)].counts.late += 1;
                    self.lose(&launch);
                    return;
                }
                let message = (launch.part != Part::Whole).then(|| self.flight.settle(&launch, now)).flatten();
                let disturbed = launch.disturbed || self.unread || self.watch.responder_stalled(launch.due);
                if self.catching_up.is_some_and(|since| launch.sent > since) {
                    self.catching_up = None;
                }
                let measured = self.book.answered(&launch, now, (overtaken, disturbed), message);
                let sent = landed.wrapping_sub(now.wrapping_sub(launch.sent));
                let ways = self.book.offset.one_way(now, sent, taken, landed);
                if let Some(response) = measured {
                    if let Some(ways) = ways {
                        self.book.one_way(launch.stream, ways);
                    }
                    if let Some(kernel_ns) = arrival.kernel_ns {
                        let latencies = &mut self.book.streams[usize::from(launch.stream)].latencies;
                        latencies.wakeup.saturating_record(landed.saturating_sub(kernel_ns));
                    }
                    if self.book.recorder.wants(response) {
                        self.keep(&launch, arrival, now, landed);
                    }
                }
            }
            Landing::Duplicate(launch) => self.book.streams[usize::from(launch.stream)].counts.duplicates += 1,
            Landing::Late(launch) => self.book.streams[usize::from(launch.stream)].counts.late += 1,
            Landing::Unknown => self.book.session.unexpected += 1,
        }
    }

    /// Whether a pulse has the kind and length of the answer to one that we sent.
    #[inline]
    pub(super) fn expects(&self, launch: &Launch, kind: Kind, length: usize) -> bool {
        let ours = self.lanes.get(usize::from(launch.stream)).map(|lane| lane.kind(launch.part).0);
        ours.map(answer_of) == Some(kind) && length == usize::from(launch.length)
    }

    #[cold]
    pub(super) fn keep(&mut self, launch: &Launch, arrival: Received, now: Nanos, landed: u64) {
        let mut record = self.record(launch, landed.wrapping_sub(now.wrapping_sub(launch.sent)));
        if let Some(header) = self.buffer.first_chunk::<HEADER>() {
            record.answer = *header;
        }
        (record.landed, record.landed_unix, record.kernel_unix) = (now, landed, arrival.kernel_ns);
        self.book.recorder.keep(record);
    }

    /// A pulse as it was sent.
    pub(super) fn record(&self, launch: &Launch, sent_unix: u64) -> Record {
        let seq_id = SeqId(self.first_seq).plus(launch.number as u32);
        let mut pulse = [0; HEADER];
        self.header_of(launch, seq_id, sent_unix).emit(&mut pulse);
        Record {
            launch: *launch,
            seq_id: seq_id.0,
            sent_unix,
            landed: 0,
            landed_unix: 0,
            kernel_unix: None,
            pulse,
            answer: [0; HEADER],
        }
    }

    /// Pulses whose time is over are lost.
    #[inline]
    pub(super) fn give_up(&mut self, now: Nanos) {
        while let Some(launch) = self.flight.give_up(now, &self.timeouts) {
            self.lose(&launch);
        }
    }

    pub(super) fn lose(&mut self, launch: &Launch) {
        self.book.lost(launch, self.timeouts[usize::from(launch.stream)]);
        if self.flight.fail(launch) {
            self.book.missed(launch.stream, launch.message_due);
        }
        if self.book.measures(launch.due) && self.book.recorder.wants_lost() {
            let now = self.clock.now();
            let sent_unix = self.wall.unix(now).wrapping_sub(now.wrapping_sub(launch.sent));
            let record = self.record(launch, sent_unix);
            self.book.recorder.lost(record);
        }
    }
}
