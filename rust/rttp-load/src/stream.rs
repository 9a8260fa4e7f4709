//! The pulses of one stream in the order in which they are due.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use rttp_proto::dialects::rttp1::{FLAG_ECHO, HEADER, Kind};

use crate::arrivals::Arrivals;
use crate::draw::{Counts, Priorities, Sizes};
use crate::plan::{Cut, MAX_PAYLOAD, Mode, Order, StreamPlan};
use crate::trace::Trace;

/// Messages of a stream under way at once; the next starts when one has ended.
pub const TRAINS: usize = 1 << 16;

/// Which part of its message a pulse is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Part {
    /// All of it.
    Whole,
    /// One of several fragments.
    Fragment,
    /// The request that opens a token stream.
    Request,
    /// A token.
    Token,
}

/// One pulse as the schedule has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Item {
    /// When it is due, ns from the start of the schedule. 0 for a stream without due times.
    pub due: u64,
    /// When its message was due.
    pub message_due: u64,
    /// Its place in the session's sequence: pulse `n` has the first sequence number + n.
    pub number: u64,
    /// Number of the first pulse of its message.
    pub first: u64,
    /// Index of the stream.
    pub stream: u16,
    /// 0–255, higher goes first.
    pub priority: u8,
    /// Which part of the message it is.
    pub part: Part,
    /// Pulses of the message (in a token stream the request counts).
    pub pulses: u32,
    /// `fragment_count` of its header.
    pub fragment_count: u16,
    /// `fragment_index` of its header.
    pub fragment_index: u16,
    /// Whole pulse, bytes.
    pub length: u16,
}

/// A message under way, ordered by when its next pulse is due; at one instant messages take turns.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Train {
    due: u64,
    position: u32,
    ordinal: u64,
    message_due: u64,
    first: u64,
    size: u64,
    pulses: u32,
    shuffle: u64,
    priority: u8,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Stream {
    index: u16,
    mode: Mode,
    kv: Option<(u16, u16, u16)>,
    order: Order,
    interleave: u64,
    gap: u64,
    first_token: u64,
    arrivals: Arrivals,
    priorities: Priorities,
    sizes: Sizes,
    counts: Counts,
    dice: Xoshiro256PlusPlus,
    /// Messages begun, of all shards.
    begun: u64,
    shard: u64,
    shards: u64,
    trains: BinaryHeap<Reverse<Train>>,
    /// The next message; `None` after the last.
    next: Option<Message>,
    /// Due time of the group of interleaved messages that is being begun.
    group_due: u64,
}

#[derive(Clone, Copy, Debug)]
struct Message {
    due: u64,
    ordinal: u64,
    size: u64,
    count: u16,
    priority: u8,
    shuffle: u64,
}

impl Stream {
    pub(crate) fn new(
        plan: &StreamPlan,
        index: u16,
        seed: u64,
        traces: &[Arc<Trace>],
        (shard, shards): (u64, u64),
    ) -> Result<Stream, String> {
        let arrivals = Arrivals::new(&plan.arrival, traces).ok_or("its trace is missing")?;
        // By name, not by place: a stream keeps its draws when another is added before it.
        let mut hasher = blake3::Hasher::new();
        hasher.update(&seed.to_le_bytes()).update(plan.name.as_bytes());
        let kv = match plan.fragments.cut {
            Cut::Kv { token_blocks, layers, heads } => Some((token_blocks, layers, heads)),
            _ => None,
        };
        let mut stream = Stream {
            index,
            mode: plan.mode,
            kv,
            order: plan.fragments.order,
            interleave: u64::from(plan.fragments.interleave),
            gap: plan.fragments.gap_ns,
            first_token: plan.first_token_ns,
            arrivals,
            priorities: Priorities::new(&plan.priority)?,
            sizes: Sizes::new(&plan.size)?,
            counts: Counts::new(&plan.fragments.cut)?,
            dice: Xoshiro256PlusPlus::from_seed(*hasher.finalize().as_bytes()),
            begun: 0,
            shard,
            shards,
            trains: BinaryHeap::with_capacity(if plan.most_pulses() > 1 { 1024 } else { 0 }),
            next: None,
            group_due: 0,
        };
        stream.advance();
        Ok(stream)
    }

    /// When the next pulse is due; `u64::MAX` after the last.
    #[inline]
    pub(crate) fn due(&self) -> u64 {
        let train = self.trains.peek().map_or(u64::MAX, |Reverse(t)| t.due);
        let message = self.next.filter(|_| self.trains.len() < TRAINS).map_or(u64::MAX, |m| m.due);
        train.min(message)
    }

    /// Numbers that taking the next pulse gives away: a message of several fragments takes them all when it begins.
    #[inline]
    pub(crate) fn wanted(&self) -> u64 {
        match self.next.filter(|message| self.begins(message)) {
            _ if self.mode == Mode::TokenStream => 1,
            Some(message) => u64::from(message.count),
            None => 0,
        }
    }

    /// Takes the next pulse. `numbers` is the session's next free number; at most one message begins.
    #[inline]
    pub(crate) fn take(&mut self, numbers: &mut u64) -> Option<Item> {
        if let Some(message) = self.next.filter(|message| self.begins(message)) {
            self.advance();
            if message.count == 1 && self.mode != Mode::TokenStream {
                let number = *numbers;
                *numbers += 1;
                return Some(self.item(&message, number));
            }
            self.begin(&message, numbers);
        }
        self.go_on(numbers)
    }

    /// Whether the next message begins before another goes on. One that is due now does, so that both take turns. On demand
    /// everything is due at any time: only the rest of a group begins beside others, for each message that is under way holds
    /// its numbers.
    #[inline]
    fn begins(&self, message: &Message) -> bool {
        let Some(Reverse(train)) = self.trains.peek() else { return true };
        let in_turn = match self.arrivals {
            Arrivals::OnDemand => !message.ordinal.is_multiple_of(self.interleave),
            _ => message.due <= train.due,
        };
        in_turn && self.trains.len() < TRAINS
    }

    fn item(&self, message: &Message, number: u64) -> Item {
        Item {
            due: message.due,
            message_due: message.due,
            number,
            first: number,
            stream: self.index,
            priority: message.priority,
            part: Part::Whole,
            pulses: 1,
            fragment_count: 1,
            fragment_index: 0,
            length: length_of(message.size),
        }
    }

    /// Enters a message of several pulses. The fragments of one have consecutive numbers (RTTP-2.3); tokens are messages of
    /// their own and are numbered as they come.
    fn begin(&mut self, message: &Message, numbers: &mut u64) {
        let tokens = self.mode == Mode::TokenStream;
        let pulses = u32::from(message.count) + u32::from(tokens);
        let first = *numbers;
        if !tokens {
            *numbers += u64::from(pulses);
        }
        self.trains.push(Reverse(Train {
            due: message.due,
            position: 0,
            ordinal: message.ordinal,
            message_due: message.due,
            first,
            size: message.size,
            pulses,
            shuffle: message.shuffle,
            priority: message.priority,
        }));
    }

    /// The next pulse of the message whose turn it is.
    fn go_on(&mut self, numbers: &mut u64) -> Option<Item> {
        let tokens = self.mode == Mode::TokenStream;
        let mut top = self.trains.peek_mut()?;
        let train = &mut top.0;
        if tokens && train.position == 0 {
            train.first = *numbers;
        }
        let now = *train;
        train.position += 1;
        train.due = train.due.saturating_add(if tokens && now.position == 0 { self.first_token } else { self.gap });
        if train.position == train.pulses {
            std::collections::binary_heap::PeekMut::pop(top);
        } else {
            drop(top);
        }
        let common = Item {
            due: now.due,
            message_due: now.message_due,
            number: 0,
            first: now.first,
            stream: self.index,
            priority: now.priority,
            part: Part::Fragment,
            pulses: now.pulses,
            fragment_count: 1,
            fragment_index: 0,
            length: 0,
        };
        if tokens {
            let number = *numbers;
            *numbers += 1;
            let part = if now.position == 0 { Part::Request } else { Part::Token };
            return Some(Item { number, part, length: length_of(now.size), ..common });
        }
        let index = self.index_at(&now);
        let chunk = now.size.div_ceil(u64::from(now.pulses));
        let payload = now.size.saturating_sub(u64::from(index) * chunk).min(chunk);
        Some(Item {
            number: now.first + u64::from(index),
            fragment_count: now.pulses as u16,
            fragment_index: index,
            length: length_of(payload),
            ..common
        })
    }

    /// Which fragment stands at a place in the order of sending.
    fn index_at(&self, train: &Train) -> u16 {
        let (position, count) = (train.position, train.pulses);
        let index = match (self.order, self.kv) {
            (Order::InOrder, _) | (Order::TokenMajor, None) => position,
            (Order::Reverse, _) => count - 1 - position,
            (Order::Shuffled, _) => shuffled(position, count, train.shuffle),
            // Index = (layer · heads + head) · blocks + block; sent block by block.
            (Order::TokenMajor, Some((blocks, layers, heads))) => {
                let groups = u32::from(layers) * u32::from(heads);
                position % groups * u32::from(blocks) + position / groups
            }
        };
        index as u16
    }

    /// Draws messages until one belongs to this shard. Every shard draws all of them, so that the traffic does not depend on the
    /// number of threads.
    fn advance(&mut self) {
        loop {
            let Some((due, entry)) = self.arrivals.next(&mut self.dice) else {
                self.next = None;
                return;
            };
            let size = self.sizes.draw(&mut self.dice, entry.as_ref());
            let priority = self.priorities.draw(&mut self.dice, size, entry.as_ref());
            let count = self.counts.draw(&mut self.dice, size, entry.as_ref());
            let shuffle = if self.order == Order::Shuffled { self.dice.next_u64() } else { 0 };
            let ordinal = self.begun;
            self.begun += 1;
            if ordinal.is_multiple_of(self.interleave) {
                self.group_due = due;
            }
            if ordinal / self.interleave % self.shards == self.shard {
                let due = if self.interleave > 1 { self.group_due } else { due };
                self.next = Some(Message { due, ordinal, size, count, priority, shuffle });
                return;
            }
        }
    }
}

fn length_of(payload: u64) -> u16 {
    (HEADER as u64 + payload.min(MAX_PAYLOAD)) as u16
}

/// A permutation of 0 … count−1: a mixing of the next power of two's bits, walked on until it falls inside.
fn shuffled(position: u32, count: u32, key: u64) -> u32 {
    let bits = 32 - (count - 1).leading_zeros();
    if bits == 0 {
        return 0;
    }
    let mask = (1u32 << bits) - 1;
    let mut x = position;
    loop {
        // Each step is a bijection on `bits` bits: adding, multiplying by an odd number, xor with a right shift. Numbers of its
        // own for every round, from the high bits of Knuth's generator: with the same ones some places are favoured.
        let mut state = key;
        for _ in 0..3 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            x = x.wrapping_mul((state >> 32) as u32 | 1) & mask;
            x ^= x >> (bits / 2 + 1);
            x = x.wrapping_add((state >> 48) as u32) & mask;
        }
        if x < count {
            return x;
        }
    }
}

/// Kind and flags of a stream's pulses.
#[must_use]
pub fn kind_of(plan: &StreamPlan, part: Part) -> (Kind, u8) {
    let snapshot = matches!(plan.fragments.cut, Cut::Kv { .. });
    let data = if snapshot { Kind::Snapshot } else { Kind::Data };
    match (plan.mode, part) {
        (Mode::OneWay, _) => (data, 0),
        (Mode::Echo, Part::Whole) if !snapshot => (Kind::Ping, 0),
        (Mode::Echo, _) => (data, FLAG_ECHO),
        (Mode::RequestResponse, _) | (Mode::TokenStream, Part::Request | Part::Whole | Part::Fragment) => {
            (Kind::Request, FLAG_ECHO)
        }
        (Mode::TokenStream, Part::Token) => (Kind::Stream, FLAG_ECHO),
    }
}

/// Kind of the answer to a pulse of a kind.
#[must_use]
pub fn answer_of(kind: Kind) -> Kind {
    match kind {
        Kind::Ping => Kind::Pong,
        Kind::Request => Kind::Response,
        same => same,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shuffle_is_a_permutation() {
        for count in [1u32, 2, 3, 8, 100, 511, 512, 513, 65_535] {
            for key in [0, 1, u64::MAX, 0x1234_5678_9abc_def0] {
                let mut seen = vec![false; count as usize];
                for position in 0..count {
                    seen[shuffled(position, count, key) as usize] = true;
                }
                assert!(seen.iter().all(|s| *s), "{count} {key}");
            }
        }
    }
}
