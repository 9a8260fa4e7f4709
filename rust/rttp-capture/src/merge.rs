//! Several captures as one, by time.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::io::{self, Read};

use crate::reader::{Advance, Reader, Step};
use crate::warning::{Problem, Warning};

/// Opens a source.
pub type Open = Box<dyn FnOnce() -> io::Result<Box<dyn Read + Send>> + Send>;

/// A capture to merge.
pub struct Source {
    /// Opens it, when its time has come.
    pub open: Open,
    /// The time of its first packet, Unix ns ([`first_time_ns`](crate::first_time_ns)); `None` to open it at once.
    pub first_ns: Option<u64>,
}

/// Several captures as one, in the order of their packets' times, and of the sources for equal times.
///
/// A source is opened when the merged time reaches its first packet and closed at its end, so that of captures which
/// follow each other few are open. Packets out of order inside of a capture stay so.
pub struct Merge {
    slots: Vec<Slot>,
    /// Not opened, the next in front, with the times of their first packets.
    unopened: VecDeque<(u64, usize)>,
    /// Sources whose next packet is not known.
    needed: Vec<usize>,
    /// Sources by the time of their next packet.
    front: BinaryHeap<Reverse<(u64, usize)>>,
}

struct Slot {
    open: Option<Open>,
    reader: Option<Reader>,
}

/// [`Step`] without a borrow.
enum Turn {
    Packet(usize),
    Warning(usize, Box<Warning>),
    Wait(usize),
    End,
}

impl Merge {
    /// A merge of sources, which are numbered from 0. Nothing is opened before the first step.
    #[must_use]
    pub fn new(sources: Vec<Source>) -> Merge {
        let mut unopened: Vec<(u64, usize)> =
            sources.iter().enumerate().map(|(at, source)| (source.first_ns.unwrap_or(0), at)).collect();
        unopened.sort_unstable();
        let slot = |source: Source| Slot { open: Some(source.open), reader: None };
        Merge {
            slots: sources.into_iter().map(slot).collect(),
            unopened: unopened.into(),
            needed: Vec::new(),
            front: BinaryHeap::new(),
        }
    }

    /// The next packet of all sources, or what one of them has to say, with the number of that source. A source that
    /// cannot be opened is a warning. [`Step::Wait`] if a source has nothing now whose next packet may be the next of
    /// all. [`Step::End`] once all have ended, with the number 0.
    #[inline(always)]
    #[expect(clippy::should_implement_trait, reason = "a step borrows from the readers")]
    pub fn next(&mut self) -> (usize, Step<'_>) {
        let (source, step) = match self.turn() {
            Turn::Packet(source) => (source, self.reader(source).map_or(Step::End, |r| Step::Packet(r.packet()))),
            Turn::Warning(source, warning) => (source, Step::Warning(*warning)),
            Turn::Wait(source) => (source, Step::Wait),
            Turn::End => (0, Step::End),
        };
        (source, step)
    }

    /// The reader of a source once it was opened. After its end it has its interfaces and counts, and no buffers.
    #[must_use]
    pub fn reader(&self, source: usize) -> Option<&Reader> {
        self.slots.get(source)?.reader.as_ref()
    }

    #[inline(never)]
    fn turn(&mut self) -> Turn {
        loop {
            while let Some(&source) = self.needed.last() {
                let Some(Slot { reader: Some(reader), .. }) = self.slots.get_mut(source) else {
                    self.needed.pop();
                    continue;
                };
                match reader.advance() {
                    Advance::Record => {
                        let time_ns = reader.record.time_ns;
                        // The first of all, most often: it need not go through the heap.
                        let key = (time_ns, source);
                        let is_first = self.front.peek().is_none_or(|Reverse(first)| key < *first)
                            && self.unopened.front().is_none_or(|(first_ns, _)| time_ns < *first_ns);
                        if is_first && self.needed.len() == 1 {
                            return Turn::Packet(source);
                        }
                        self.needed.pop();
                        self.front.push(Reverse(key));
                    }
                    Advance::Warning(warning) => return Turn::Warning(source, warning),
                    Advance::Wait => return Turn::Wait(source),
                    Advance::End => {
                        reader.close();
                        self.needed.pop();
                    }
                }
            }
            let first = self.front.peek().map(|Reverse(first)| *first);
            let due = |(first_ns, _): &mut (u64, usize)| first.is_none_or(|(time_ns, _)| *first_ns <= time_ns);
            if let Some((_, source)) = self.unopened.pop_front_if(due) {
                if let Some(warning) = self.open(source) {
                    return Turn::Warning(source, Box::new(warning));
                }
                continue;
            }
            let Some(Reverse((_, source))) = self.front.pop() else { return Turn::End };
            self.needed.push(source);
            return Turn::Packet(source);
        }
    }

    #[cold]
    fn open(&mut self, source: usize) -> Option<Warning> {
        let slot = self.slots.get_mut(source)?;
        match slot.open.take()?() {
            Ok(stream) => {
                slot.reader = Some(Reader::new(stream));
                self.needed.push(source);
                None
            }
            Err(error) => {
                let problem = Problem::Unreadable { found: error.to_string() };
                Some(Warning { packet: None, offset: 0, problem })
            }
        }
    }
}
