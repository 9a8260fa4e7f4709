//! Datagrams that came in IP fragments, put together within bounds.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use etherparse::defrag::IpDefragBuf;
use etherparse::{IpFragOffset, IpNumber};

const MOST: usize = 256;
const MOST_BYTES: usize = 4 << 20;
const OLDEST_NS: u64 = 30_000_000_000;

/// Fragments with the same key belong together. The protocol, UDP, is the same for all.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Key {
    pub(crate) source: [u8; 16],
    pub(crate) destination: [u8; 16],
    pub(crate) id: u32,
    pub(crate) vlan: Option<u16>,
    pub(crate) interface: u32,
}

/// What the IP header says about a fragment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fragment {
    pub(crate) id: u32,
    /// Bytes in front of it.
    pub(crate) start: u16,
    pub(crate) offset: IpFragOffset,
    pub(crate) more: bool,
}

/// Datagrams of which not everything has come.
#[derive(Default, Debug)]
pub(crate) struct Defragmenter {
    waiting: HashMap<Key, Incomplete>,
    /// Of all that wait.
    bytes: usize,
    dropped: u64,
    begun: u64,
    /// The one that was completed last.
    whole: Vec<u8>,
}

#[derive(Debug)]
struct Incomplete {
    buffer: IpDefragBuf,
    /// Counts up from the oldest.
    number: u64,
    begun_ns: u64,
    fragments: u64,
    bytes: usize,
    hop_limit: u8,
}

impl Defragmenter {
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    pub(crate) fn waiting(&self) -> u64 {
        self.waiting.values().map(|incomplete| incomplete.fragments).sum()
    }

    /// Counts a fragment that cannot be used.
    pub(crate) fn refuse(&mut self) {
        self.dropped += 1;
    }

    /// Takes a fragment. The whole and the hop limit of its first one if nothing is missing now.
    pub(crate) fn add(
        &mut self,
        key: Key,
        time_ns: u64,
        hop_limit: u8,
        fragment: Fragment,
        payload: &[u8],
    ) -> Option<(&[u8], u8)> {
        if self.waiting.get(&key).is_none_or(|incomplete| incomplete.is_too_old(time_ns)) {
            self.make_room(time_ns);
        }
        self.begun += 1;
        let number = self.begun;
        let mut incomplete = match self.waiting.entry(key) {
            Entry::Occupied(entry) => entry,
            Entry::Vacant(entry) => entry.insert_entry(Incomplete {
                buffer: IpDefragBuf::new(IpNumber::UDP, Vec::new(), Vec::new()),
                number,
                begun_ns: time_ns,
                fragments: 0,
                bytes: 0,
                hop_limit,
            }),
        };
        let it = incomplete.get_mut();
        it.fragments += 1;
        if fragment.start == 0 {
            it.hop_limit = hop_limit;
        }
        let fits = it.agrees_with(&fragment, payload) && it.buffer.add(fragment.offset, fragment.more, payload).is_ok();
        let bytes = it.memory();
        self.bytes = self.bytes + bytes - it.bytes;
        it.bytes = bytes;
        let complete = it.buffer.is_complete();
        if !fits || complete {
            let it = incomplete.remove();
            self.bytes -= it.bytes;
            if !fits {
                self.dropped += it.fragments;
                return None;
            }
            self.whole = it.buffer.take_bufs().0;
            return Some((&self.whole, it.hop_limit));
        }
        while self.bytes > MOST_BYTES && self.drop_oldest() {}
        None
    }

    /// Drops what is too old, and the oldest where there are too many.
    fn make_room(&mut self, time_ns: u64) {
        let (mut dropped, mut bytes) = (0, 0);
        self.waiting.retain(|_, it| {
            let keep = !it.is_too_old(time_ns);
            if !keep {
                dropped += it.fragments;
                bytes += it.bytes;
            }
            keep
        });
        self.dropped += dropped;
        self.bytes -= bytes;
        while self.waiting.len() >= MOST && self.drop_oldest() {}
    }

    fn drop_oldest(&mut self) -> bool {
        let oldest = self.waiting.iter().min_by_key(|(_, it)| it.number).map(|(key, _)| *key);
        let Some(it) = oldest.and_then(|key| self.waiting.remove(&key)) else { return false };
        self.dropped += it.fragments;
        self.bytes -= it.bytes;
        true
    }
}

impl Incomplete {
    fn is_too_old(&self, time_ns: u64) -> bool {
        time_ns.saturating_sub(self.begun_ns) > OLDEST_NS
    }

    fn memory(&self) -> usize {
        self.buffer.data().capacity() + size_of_val(self.buffer.sections().as_slice()) + size_of::<(Key, Incomplete)>()
    }

    /// Whether a fragment says the same as the others where they overlap, and about the end.
    fn agrees_with(&self, fragment: &Fragment, payload: &[u8]) -> bool {
        let start = usize::from(fragment.start);
        let end = start + payload.len();
        self.buffer.sections().iter().all(|section| {
            let (from, to) = (start.max(section.start.into()), end.min(section.end.into()));
            let before_the_end = fragment.more || usize::from(section.end) <= end;
            let same = || self.buffer.data().get(from..to) == payload.get(from - start..to - start);
            before_the_end && (from >= to || same())
        })
    }
}
