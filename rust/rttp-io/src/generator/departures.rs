//! Pulses on their way out: headers, single sends, and segments of a flood.

use rttp_load::stream::Item;
use rttp_proto::dialects::rttp1::HEADER;
use rttp_proto::pulse::Header;
use rttp_proto::seq::SeqId;

use super::Generator;
use crate::clock::Nanos;
use crate::flight::Launch;
use crate::link::Link;

impl<L: Link> Generator<'_, L> {
    #[inline]
    pub(super) fn send(&mut self, item: &Item, now: Nanos) {
        let answered = self.lanes[usize::from(item.stream)].answered;
        let (launch, header) = self.leave(item, now);
        if let Some(out) = self.out.first_chunk_mut::<HEADER>() {
            header.emit(out);
        }
        let datagram = self.out.get(..usize::from(item.length)).unwrap_or(&self.out);
        // Often the error of an earlier datagram that came back as ICMP. The run goes on: this pulse will count as lost.
        let left = self.link.send(datagram).unwrap_or_else(|_| {
            self.book.session.network_errors += 1;
            false
        });
        self.book.sent(&launch, left, answered, self.behind);
    }

    /// Sends a flood's pulse and as many more of its length as one call takes.
    pub(super) fn send_segments(&mut self, first: Item, now: Nanos) {
        let length = usize::from(first.length);
        let most = usize::from(self.setup.segments).min(self.batch.len() / length);
        let mut waiting = None;
        if self.batch_length != length {
            // The headers of pulses of another length would stand in the payload of these.
            self.batch.fill(0);
            self.batch_length = length;
        }
        self.segments.clear();
        self.add_segment(&first, now, length);
        while self.segments.len() < most && self.flight.has_room(self.longest) {
            let elapsed = now.saturating_sub(self.start);
            let Some(item) = self.schedule.take_on_demand(usize::from(first.stream), elapsed) else { break };
            self.enter(&item);
            if item.length != first.length {
                waiting = Some(item);
                break;
            }
            self.add_segment(&item, now, length);
        }
        let all = self.batch.get(..self.segments.len() * length).unwrap_or(&self.batch);
        let left = self.link.send_segments(all, length).unwrap_or_else(|_| {
            self.book.session.network_errors += 1;
            false
        });
        for launch in &self.segments {
            self.book.sent(launch, left, false, self.behind);
        }
        if let Some(item) = waiting {
            self.send(&item, now);
        }
    }

    pub(super) fn add_segment(&mut self, item: &Item, now: Nanos, length: usize) {
        let (launch, header) = self.leave(item, now);
        let at = self.segments.len() * length;
        if let Some(out) = self.batch.get_mut(at..).and_then(|batch| batch.first_chunk_mut::<HEADER>()) {
            header.emit(out);
        }
        self.segments.push(launch);
    }

    /// Notes that a pulse leaves, and gives its header.
    #[inline]
    pub(super) fn leave(&mut self, item: &Item, now: Nanos) -> (Launch, Header) {
        let answered = self.lanes[usize::from(item.stream)].answered;
        let unix = self.wall.unix(now);
        let launch = self.flight.launch(item.number, now, answered, self.catching_up.is_some());
        (launch, self.header_of(&launch, SeqId(self.first_seq).plus(item.number as u32), unix))
    }

    #[inline]
    pub(super) fn header_of(&self, launch: &Launch, seq_id: SeqId, unix: u64) -> Header {
        let (kind, flags) = self.lanes[usize::from(launch.stream)].kind(launch.part);
        let (fragment_count, fragment_index) = launch.fragment;
        Header { priority: launch.priority, flags, fragment_count, fragment_index, ..Header::new(kind, seq_id, unix) }
    }
}
