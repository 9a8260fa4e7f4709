//! Messages of a capture: fragments and repair symbols gathered by flow and message id (`RTTP-2.3`).

use std::collections::{HashMap, VecDeque};

use foldhash::fast::RandomState;
use rttp_capture::Endpoint;
use rttp_proto::dialect::Named;

/// Messages under way at once; the oldest makes room.
pub const MOST_OPEN: usize = 65_536;
/// Capture time after which a message is given up, ns.
pub const AGE_NS: u64 = 30_000_000_000;

/// What became of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum State {
    /// All its fragments were captured.
    Complete,
    /// Fragments are missing, and enough repair symbols are there for them.
    Recoverable,
    /// Fragments are missing.
    Incomplete,
}

impl State {
    /// Names by number.
    pub const NAMES: &'static [Named] = &[
        Named { value: State::Complete as u128, name: "complete" },
        Named { value: State::Recoverable as u128, name: "recoverable" },
        Named { value: State::Incomplete as u128, name: "incomplete" },
    ];
}

/// A pulse as a part of its message.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// Flow's number.
    pub flow: u32,
    /// How often its sender had started anew: numbers begin again then.
    pub start: u64,
    /// `seq_id` less `fragment_index`.
    pub message_id: u32,
    /// Source fragments that the message has.
    pub count: u16,
    /// This one's.
    pub index: u16,
    /// Repair symbols that it announces.
    pub announced: u16,
    /// When it was captured, Unix ns.
    pub time_ns: u64,
    /// Bytes of payload.
    pub bytes: u32,
    /// Of its capture.
    pub packet: u64,
    /// Index of its capture.
    pub file: u32,
    /// Kind on the wire.
    pub kind: u8,
    /// Priority.
    pub priority: u8,
    /// Context.
    pub context_hash: u32,
    /// Who sends.
    pub source: Endpoint,
    /// To whom.
    pub destination: Endpoint,
}

/// A message, as far as a capture has it.
#[derive(Clone, Copy, Debug)]
pub struct Message {
    /// Its first part that was captured.
    pub first: Part,
    /// Source fragments captured.
    pub fragments: u16,
    /// Repair symbols captured.
    pub repair: u16,
    /// Repair symbols announced.
    pub announced: u16,
    /// Payload of the source fragments captured, bytes.
    pub bytes: u64,
    /// When its latest part was captured, Unix ns.
    pub last_ns: u64,
    /// From the first part to the one that made it whole, ns.
    pub whole_after_ns: Option<u64>,
}

impl Message {
    /// What became of it.
    #[must_use]
    pub fn state(&self) -> State {
        if self.fragments >= self.first.count {
            State::Complete
        } else if self.is_recoverable() {
            State::Recoverable
        } else {
            State::Incomplete
        }
    }

    fn is_recoverable(&self) -> bool {
        u32::from(self.fragments) + u32::from(self.repair) >= u32::from(self.first.count)
    }

    fn new(part: &Part) -> Message {
        Message {
            first: *part,
            fragments: 0,
            repair: 0,
            announced: 0,
            bytes: 0,
            last_ns: part.time_ns,
            whole_after_ns: None,
        }
    }

    fn take(&mut self, part: &Part) {
        if part.index < part.count {
            self.fragments = self.fragments.saturating_add(1);
            self.bytes += u64::from(part.bytes);
        } else {
            self.repair = self.repair.saturating_add(1);
        }
        self.announced = self.announced.max(part.announced);
        self.last_ns = self.last_ns.max(part.time_ns);
        if self.whole_after_ns.is_none() && self.is_recoverable() {
            self.whole_after_ns = Some(part.time_ns.saturating_sub(self.first.time_ns));
        }
    }

    fn is_finished(&self) -> bool {
        self.fragments >= self.first.count && self.repair >= self.announced
    }
}

type Key = (u32, u64, u32, u16);

/// Messages under way. Every part is given once: duplicates have been told by their numbers.
#[derive(Debug, Default)]
pub struct Gatherer {
    open: HashMap<Key, Message, RandomState>,
    /// Keys by age; some are finished already.
    by_age: VecDeque<(u64, Key)>,
}

impl Gatherer {
    /// Takes a part; messages that it finishes, and those that are too old by now, go to `done`.
    pub fn take(&mut self, part: &Part, done: &mut Vec<Message>) {
        if part.count == 1 && part.announced == 0 {
            let mut whole = Message::new(part);
            whole.take(part);
            done.push(whole);
            return;
        }
        self.give_up(part.time_ns, done);
        let key = (part.flow, part.start, part.message_id, part.count);
        let message = self.open.entry(key).or_insert_with(|| {
            self.by_age.push_back((part.time_ns, key));
            Message::new(part)
        });
        message.take(part);
        if message.is_finished() {
            done.extend(self.open.remove(&key));
        }
    }

    /// Ends all that are still under way.
    pub fn finish(&mut self, done: &mut Vec<Message>) {
        while let Some((_, key)) = self.by_age.pop_front() {
            done.extend(self.open.remove(&key));
        }
    }

    fn give_up(&mut self, now_ns: u64, done: &mut Vec<Message>) {
        while let Some((begun_ns, key)) = self.by_age.front() {
            let over = self.open.len() >= MOST_OPEN || now_ns.saturating_sub(*begun_ns) > AGE_NS;
            // Finished messages leave the queue at its front; their key may have begun anew since.
            let waits = self.open.get(key).is_some_and(|m| m.first.time_ns == *begun_ns);
            if waits && !over {
                break;
            }
            if waits {
                done.extend(self.open.remove(key));
            }
            self.by_age.pop_front();
        }
        // Behind one that waits, many may have finished.
        if self.by_age.len() > 2 * MOST_OPEN {
            self.by_age.retain(|(begun_ns, key)| self.open.get(key).is_some_and(|m| m.first.time_ns == *begun_ns));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOBODY: Endpoint = Endpoint { address: [0; 16], port: 0 };

    fn part(message_id: u32, count: u16, index: u16, announced: u16, time_ns: u64) -> Part {
        let (source, destination) = (NOBODY, NOBODY);
        Part {
            flow: 0,
            start: 0,
            message_id,
            count,
            index,
            announced,
            time_ns,
            bytes: 10,
            packet: 1,
            file: 0,
            kind: 0x10,
            priority: 128,
            context_hash: 0,
            source,
            destination,
        }
    }

    fn gathered(parts: &[Part]) -> Vec<(u32, u16, u16, State, Option<u64>)> {
        let (mut gatherer, mut done) = (Gatherer::default(), Vec::new());
        parts.iter().for_each(|p| gatherer.take(p, &mut done));
        gatherer.finish(&mut done);
        assert!(gatherer.open.is_empty() && gatherer.by_age.is_empty());
        done.iter().map(|m| (m.first.message_id, m.fragments, m.repair, m.state(), m.whole_after_ns)).collect()
    }

    #[test]
    fn a_message_is_complete_with_its_last_fragment_in_any_order() {
        let parts = [part(1, 3, 2, 0, 5), part(1, 3, 0, 0, 7), part(9, 1, 0, 0, 8), part(1, 3, 1, 0, 9)];
        assert_eq!(gathered(&parts), [(9, 1, 0, State::Complete, Some(0)), (1, 3, 0, State::Complete, Some(4))]);
    }

    #[test]
    fn repair_symbols_stand_in_for_missing_fragments() {
        let parts = [part(1, 3, 0, 2, 0), part(1, 3, 3, 2, 1), part(1, 3, 4, 2, 2)];
        assert_eq!(gathered(&parts), [(1, 1, 2, State::Recoverable, Some(2))]);
        assert_eq!(gathered(&parts[..2]), [(1, 1, 1, State::Incomplete, None)]);
    }

    #[test]
    fn what_is_too_old_is_given_up() {
        let parts = [part(1, 2, 0, 0, 0), part(5, 2, 0, 0, AGE_NS + 1), part(5, 2, 1, 0, AGE_NS + 2)];
        assert_eq!(gathered(&parts), [(1, 1, 0, State::Incomplete, None), (5, 2, 0, State::Complete, Some(1))]);
    }

    #[test]
    fn an_attacker_who_begins_messages_and_ends_none_costs_a_bounded_memory() {
        let (mut gatherer, mut done) = (Gatherer::default(), Vec::new());
        for id in 0..200_000 {
            gatherer.take(&part(id, 65_535, 0, 0, 1), &mut done);
        }
        assert!(gatherer.open.len() <= MOST_OPEN && gatherer.by_age.len() <= 2 * MOST_OPEN);
        assert_eq!(done.len(), 200_000 - gatherer.open.len());
    }
}
