//! A capture on one page: what is in it, what is missing, what broke a rule. Memory is bounded whatever comes.

mod document;
mod flows;
mod rates;

use std::collections::HashMap;

use foldhash::fast::RandomState;
use rttp_capture::Endpoint;
use rttp_proto::reject::Slug;

use crate::batch::{Batch, CUT, Row};
use crate::dialect::{Ground, JSON};
use crate::head::Head;
use crate::message::{Message, State};
use crate::sequence::Order;

pub use document::{Capture, CaptureInterface, Document};
pub use flows::DETAILED;

/// Parties whose broken rules are told apart.
pub const MOST_EVENTS: usize = 1024;
/// Bytes of the longest UDP datagram, and one.
const LENGTHS: usize = 65_536;

/// A summary under way.
pub struct Summary {
    flows: flows::FlowTable,
    rates: rates::Rates,
    dialects: [u64; JSON as usize + 1],
    kinds: Box<[u64; 256]>,
    priorities: Box<[u64; 256]>,
    lengths: Box<[u64]>,
    rejects: [u64; Slug::TABLE],
    first_rejects: [Option<Example>; Slug::TABLE],
    /// Broken rules by who broke them.
    events: HashMap<([u8; 16], u8), Event, RandomState>,
    events_untold: u64,
    accepted: u64,
    cut: u64,
    guessed: u64,
    envelopes: u64,
    bytes: u64,
    first_ns: u64,
    last_ns: u64,
    messages: Messages,
}

/// Where a thing was first seen.
#[derive(Clone, Copy, Debug)]
struct Example {
    file: u32,
    packet: u64,
    offset: u32,
    time_ns: u64,
    source: Endpoint,
    destination: Endpoint,
}

#[derive(Clone, Copy, Debug)]
struct Event {
    count: u64,
    first: Example,
}

#[derive(Clone, Copy, Default, Debug)]
struct Messages {
    states: [u64; 3],
    fragmented: u64,
    repair: u64,
}

impl Summary {
    /// Before the first batch.
    #[must_use]
    pub fn new() -> Summary {
        Summary {
            flows: flows::FlowTable::default(),
            rates: rates::Rates::default(),
            dialects: [0; JSON as usize + 1],
            kinds: Box::new([0; 256]),
            priorities: Box::new([0; 256]),
            lengths: vec![0; LENGTHS].into(),
            rejects: [0; Slug::TABLE],
            first_rejects: [None; Slug::TABLE],
            events: HashMap::default(),
            events_untold: 0,
            accepted: 0,
            cut: 0,
            guessed: 0,
            envelopes: 0,
            bytes: 0,
            first_ns: u64::MAX,
            last_ns: 0,
            messages: Messages::default(),
        }
    }

    /// Takes rows of a batch by index.
    pub fn add(&mut self, batch: &Batch, rows: &[u32]) {
        for i in rows {
            let (Some(row), Some(head)) = (batch.rows.get(*i as usize), batch.heads.get(*i as usize)) else { continue };
            self.bytes += u64::from(row.length);
            self.first_ns = self.first_ns.min(row.time_ns);
            self.last_ns = self.last_ns.max(row.time_ns);
            self.rates.add(row.time_ns, row.length);
            if let Some(count) = self.lengths.get_mut(row.length as usize) {
                *count += 1;
            }
            if !row.accepted() {
                self.refused(row);
                self.flows.add_refused(row);
                continue;
            }
            self.accepted += 1;
            self.guessed += u64::from(row.ground == Ground::Guess);
            if let Some(count) = self.dialects.get_mut(usize::from(row.dialect)) {
                *count += 1;
            }
            if row.dialect == JSON {
                self.flows.add(row, None, false);
                continue;
            }
            let head = Head::new(row.dialect, head);
            if let Some(kind) = head.kind() {
                self.kinds[usize::from(kind)] += 1;
            }
            self.priorities[usize::from(head.priority())] += 1;
            let sent_ns = head.timestamp_ns();
            let delay_ns = sent_ns.and_then(|t| i64::try_from(i128::from(row.time_ns) - i128::from(t)).ok());
            let whole = head.is_alone() && !matches!(row.order, Order::None | Order::Duplicate | Order::Old);
            self.messages.states[State::Complete as usize] += u64::from(whole);
            self.flows.add(row, delay_ns, whole);
        }
        // One envelope is one row at most, and all rows of a batch have been looked at.
        self.envelopes += batch.envelopes.iter().filter(|e| rows.binary_search(&e.row).is_ok()).count() as u64;
    }

    /// Takes messages of several pulses that ended; all of them, not only those of chosen rows.
    pub fn add_messages(&mut self, messages: &[Message]) {
        for message in messages {
            self.messages.states[message.state() as usize] += 1;
            self.messages.fragmented += u64::from(message.first.count > 1);
            self.messages.repair += u64::from(message.repair);
            self.flows.add_message(message);
        }
    }

    fn refused(&mut self, row: &Row) {
        if row.status == CUT {
            self.cut += 1;
            return;
        }
        let example = Example {
            file: row.file,
            packet: row.packet,
            offset: row.reject_offset,
            time_ns: row.time_ns,
            source: row.source,
            destination: row.destination,
        };
        let code = usize::from(row.status);
        if let (Some(count), Some(first)) = (self.rejects.get_mut(code), self.first_rejects.get_mut(code)) {
            *count += 1;
            first.get_or_insert(example);
        }
        let key = (row.source.address, row.status);
        if let Some(event) = self.events.get_mut(&key) {
            event.count += 1;
        } else if self.events.len() < MOST_EVENTS {
            self.events.insert(key, Event { count: 1, first: example });
        } else {
            self.events_untold += 1;
        }
    }

    /// Messages of a state.
    fn ended(&self, state: State) -> u64 {
        self.messages.states[state as usize]
    }
}

impl Default for Summary {
    fn default() -> Summary {
        Summary::new()
    }
}
