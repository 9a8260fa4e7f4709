//! Who talks to whom: one flow for each pair of source and destination, its dialect and its numbers.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use rttp_capture::Endpoint;

use crate::dialect::Choice;
use crate::sequence::Sequence;

/// Flows that are kept apart; datagrams of further ones are decoded, without what only a flow can tell.
pub const MOST_FLOWS: usize = 65_536;
/// The number of no flow.
pub const NO_FLOW: u32 = u32::MAX;

/// One direction between two sockets.
#[derive(Debug)]
pub struct Flow {
    /// Who sends.
    pub source: Endpoint,
    /// To whom.
    pub destination: Endpoint,
    /// What its datagrams are, once one of them has said so.
    pub choice: Option<Choice>,
    /// Its numbers.
    pub sequence: Sequence,
    /// When its latest datagram was captured, Unix ns; `None` before the first.
    pub last_ns: Option<u64>,
}

/// Places in [`Flows::recent`].
const RECENT: usize = 256;

/// All flows, numbered from 0 as they appear.
#[derive(Debug)]
pub struct Flows {
    numbers: HashMap<(Endpoint, Endpoint), u32, RandomState>,
    list: Vec<Flow>,
    /// Flows by a few bits of their ports and addresses: most captures have few, and a look here costs no hash.
    recent: Box<[u32; RECENT]>,
}

impl Default for Flows {
    fn default() -> Flows {
        Flows { numbers: HashMap::default(), list: Vec::new(), recent: Box::new([NO_FLOW; RECENT]) }
    }
}

fn place(source: &Endpoint, destination: &Endpoint) -> usize {
    let of = |e: &Endpoint| usize::from(e.port).wrapping_mul(31) ^ usize::from(e.address[15]);
    (of(source).wrapping_mul(7) ^ of(destination)) % RECENT
}

impl Flows {
    /// The flow between two sockets, a new one if need be; `None` if there are too many already.
    #[inline]
    pub fn find(&mut self, source: &Endpoint, destination: &Endpoint) -> Option<u32> {
        let at = place(source, destination);
        let recent = self.recent[at];
        if let Some(flow) = self.list.get(recent as usize)
            && flow.source == *source
            && flow.destination == *destination
        {
            return Some(recent);
        }
        let found = self.look_up(*source, *destination)?;
        self.recent[at] = found;
        Some(found)
    }

    /// Whether there is one already.
    #[must_use]
    pub fn known(&self, source: Endpoint, destination: Endpoint) -> bool {
        self.numbers.contains_key(&(source, destination))
    }

    fn look_up(&mut self, source: Endpoint, destination: Endpoint) -> Option<u32> {
        if let Some(number) = self.numbers.get(&(source, destination)) {
            return Some(*number);
        }
        if self.list.len() >= MOST_FLOWS {
            return None;
        }
        let number = u32::try_from(self.list.len()).ok()?;
        let sequence = Sequence::new();
        self.list.push(Flow { source, destination, choice: None, sequence, last_ns: None });
        self.numbers.insert((source, destination), number);
        Some(number)
    }

    /// A flow by its number.
    #[must_use]
    pub fn flow(&self, number: u32) -> Option<&Flow> {
        self.list.get(number as usize)
    }

    /// A flow by its number, to change it.
    pub fn flow_mut(&mut self, number: u32) -> Option<&mut Flow> {
        self.list.get_mut(number as usize)
    }

    /// All of them, by number.
    #[must_use]
    pub fn all(&self) -> &[Flow] {
        &self.list
    }
}
