//! Pulses that are due and not sent yet: strict priority, first come first served within one, in fixed memory.

use rttp_load::stream::Item;

const NONE: u32 = u32::MAX;

/// The queue.
pub struct Ready {
    /// Pulses and the index of the one behind each; grown once to the most that ever waited, never above the bound.
    slab: Vec<(Item, u32)>,
    free: u32,
    /// First and last of each priority.
    ends: [(u32, u32); 256],
    /// Which priorities have pulses, a bit each.
    occupied: [u64; 4],
    waiting: Box<[u32]>,
    length: usize,
}

impl Ready {
    /// Most pulses that wait in one queue, whatever the streams' own bounds add up to.
    pub const MOST: usize = 1 << 20;

    /// An empty queue for so many streams, with room for at most so many pulses.
    #[must_use]
    pub fn new(streams: usize, most: usize) -> Ready {
        Ready {
            // Reserved, not touched: memory that no pulse ever waited in is not used.
            slab: Vec::with_capacity(most.min(Ready::MOST)),
            free: NONE,
            ends: [(NONE, NONE); 256],
            occupied: [0; 4],
            waiting: vec![0; streams].into_boxed_slice(),
            length: 0,
        }
    }

    /// Whether none waits.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.length
    }

    /// How many of a stream wait.
    #[inline]
    #[must_use]
    pub fn waiting(&self, stream: u16) -> u32 {
        self.waiting.get(usize::from(stream)).copied().unwrap_or(0)
    }

    /// Whether one more finds a place.
    #[inline]
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.length < self.slab.capacity()
    }

    /// Enters a pulse; the caller has looked that there is room.
    #[inline]
    pub fn push(&mut self, item: Item) {
        let place = if self.free == NONE {
            self.slab.push((item, NONE));
            self.slab.len() as u32 - 1
        } else {
            let place = self.free;
            self.free = self.slab[place as usize].1;
            self.slab[place as usize] = (item, NONE);
            place
        };
        let priority = usize::from(item.priority);
        let (first, last) = self.ends[priority];
        if first == NONE {
            self.ends[priority] = (place, place);
            self.occupied[priority / 64] |= 1 << (priority % 64);
        } else {
            self.slab[last as usize].1 = place;
            self.ends[priority].1 = place;
        }
        self.length += 1;
        if let Some(waiting) = self.waiting.get_mut(usize::from(item.stream)) {
            *waiting += 1;
        }
    }

    /// The highest priority that waits.
    #[inline]
    #[must_use]
    pub fn top(&self) -> Option<u8> {
        let (word, bits) = self.occupied.iter().enumerate().rfind(|(_, bits)| **bits != 0)?;
        u8::try_from(word * 64 + 63 - bits.leading_zeros() as usize).ok()
    }

    /// Takes the pulse of the highest priority that waits for longest.
    #[inline]
    pub fn pop(&mut self) -> Option<Item> {
        let priority = usize::from(self.top()?);
        let (first, last) = self.ends[priority];
        let (item, next) = self.slab[first as usize];
        if first == last {
            self.ends[priority] = (NONE, NONE);
            self.occupied[priority / 64] &= !(1 << (priority % 64));
        } else {
            self.ends[priority].0 = next;
        }
        self.slab[first as usize].1 = self.free;
        self.free = first;
        self.length -= 1;
        if let Some(waiting) = self.waiting.get_mut(usize::from(item.stream)) {
            *waiting -= 1;
        }
        Some(item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rttp_load::stream::Part;

    fn item(number: u64, priority: u8) -> Item {
        Item {
            due: 0,
            message_due: 0,
            number,
            first: number,
            stream: u16::from(priority % 3),
            priority,
            part: Part::Whole,
            pulses: 1,
            fragment_count: 1,
            fragment_index: 0,
            length: 64,
        }
    }

    #[test]
    fn higher_priority_first_and_within_one_first_come_first_served() {
        let mut ready = Ready::new(3, 100);
        for (number, priority) in [(0, 5), (1, 255), (2, 5), (3, 0), (4, 128), (5, 255)] {
            ready.push(item(number, priority));
        }
        let order: Vec<u64> = std::iter::from_fn(|| ready.pop()).map(|i| i.number).collect();
        assert_eq!(order, [1, 5, 4, 0, 2, 3]);
        assert!(ready.is_empty() && ready.top().is_none());
    }

    #[test]
    fn it_does_what_a_sorted_list_does_and_never_grows_past_its_bound() {
        let mut ready = Ready::new(3, 64);
        let mut model: Vec<(u8, u64)> = Vec::new();
        let mut state = 1u64;
        for number in 0..20_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            if state >> 63 == 0 && ready.has_room() {
                let priority = (state >> 40) as u8;
                ready.push(item(number, priority));
                model.push((priority, number));
            } else if let Some(got) = ready.pop() {
                let best = model.iter().enumerate().max_by_key(|(_, (p, n))| (*p, u64::MAX - n)).unwrap().0;
                assert_eq!((got.priority, got.number), model.remove(best));
            }
            assert_eq!(ready.len(), model.len());
            assert_eq!(ready.waiting(1) as usize, model.iter().filter(|(p, _)| p % 3 == 1).count());
            assert!(ready.slab.capacity() <= 64);
        }
    }
}
