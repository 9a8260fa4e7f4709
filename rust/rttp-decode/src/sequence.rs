//! Sequence numbers of one flow as a capture shows them: what is missing, late, doubled (`RTTP-2.1`, `RTTP-2.2`).

use rttp_proto::dialect::Named;
use rttp_proto::seq::SeqId;

/// How a pulse's number fits those before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Order {
    /// No number to judge by: another dialect, a reject.
    None,
    /// The highest so far.
    New,
    /// Behind the highest, and not seen before.
    Late,
    /// Seen before.
    Duplicate,
    /// Too far behind the highest to know whether it was seen.
    Old,
    /// So far from the highest that the sender must have started anew.
    Restart,
}

impl Order {
    /// Names by number; `None` has none.
    pub const NAMES: &'static [Named] = &[
        Named { value: Order::New as u128, name: "new" },
        Named { value: Order::Late as u128, name: "late" },
        Named { value: Order::Duplicate as u128, name: "duplicate" },
        Named { value: Order::Old as u128, name: "old" },
        Named { value: Order::Restart as u128, name: "restart" },
    ];
}

/// Numbers behind the highest of which is remembered whether they were seen.
pub const WINDOW: u64 = 4096;
/// A step larger than this, either way, is a sender that started anew and not loss: a second of a million pulses.
pub const RESTART: u64 = 1 << 20;

/// What one flow's numbers have been so far.
#[derive(Clone, Debug)]
pub struct Sequence {
    seen: Box<[u64; (WINDOW / 64) as usize]>,
    lowest: u64,
    highest: u64,
    /// The sender's newest clock since the last restart, ns.
    newest_ns: u64,
    /// Different numbers since the last restart.
    here: u64,
    /// What earlier starts of the sender left missing.
    lost_before: u64,
    /// Different numbers in all.
    pub received: u64,
    /// Numbers seen again.
    pub duplicates: u64,
    /// Numbers that came after a higher one.
    pub reordered: u64,
    /// Times that the sender started anew.
    pub restarts: u64,
}

impl Sequence {
    /// Before the first pulse.
    #[must_use]
    pub fn new() -> Sequence {
        Sequence {
            seen: Box::new([0; (WINDOW / 64) as usize]),
            lowest: 0,
            highest: 0,
            newest_ns: 0,
            here: 0,
            lost_before: 0,
            received: 0,
            duplicates: 0,
            reordered: 0,
            restarts: 0,
        }
    }

    /// Takes the next pulse's number, and its sender's clock if it has one: how it fits, and how many numbers it jumped
    /// over.
    ///
    /// What the network doubles or delays is as old as it was. So a number that was seen, or is too far behind to tell,
    /// with a clock newer than any before, is that of a sender that started anew.
    pub fn take(&mut self, number: u32, sent_ns: Option<u64>) -> (Order, u32) {
        let is_newer = sent_ns.is_some_and(|ns| ns > self.newest_ns);
        self.newest_ns = self.newest_ns.max(sent_ns.unwrap_or(0));
        self.judge(number, is_newer)
    }

    fn judge(&mut self, number: u32, is_newer: bool) -> (Order, u32) {
        if self.here == 0 {
            self.start(u64::from(number) | 1 << 32);
            return (Order::New, 0);
        }
        let number = SeqId(number).extend(self.highest);
        if number > self.highest {
            let step = number - self.highest;
            if step > RESTART {
                return self.restart(number);
            }
            self.forget(step);
            self.highest = number;
            self.count(number);
            return (Order::New, u32::try_from(step - 1).unwrap_or(u32::MAX));
        }
        let behind = self.highest - number;
        if behind > RESTART {
            return self.restart(number);
        }
        if is_newer && (behind >= WINDOW || self.bit(number)) {
            return self.restart(number);
        }
        if behind >= WINDOW {
            // It may be a duplicate: counted as late, not as received, so that loss is never understated.
            self.reordered += 1;
            return (Order::Old, 0);
        }
        if self.bit(number) {
            self.duplicates += 1;
            return (Order::Duplicate, 0);
        }
        self.reordered += 1;
        self.lowest = self.lowest.min(number);
        self.count(number);
        (Order::Late, 0)
    }

    /// Numbers between the first and the last that never came.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost_before + self.missing()
    }

    /// The first and the last number of the latest start, as on the wire.
    #[must_use]
    pub fn range(&self) -> Option<(u32, u32)> {
        (self.here > 0).then_some((self.lowest as u32, self.highest as u32))
    }

    fn missing(&self) -> u64 {
        if self.here == 0 { 0 } else { self.highest - self.lowest + 1 - self.here }
    }

    fn start(&mut self, number: u64) {
        self.seen.fill(0);
        (self.lowest, self.highest, self.here) = (number, number, 0);
        self.count(number);
    }

    fn restart(&mut self, number: u64) -> (Order, u32) {
        self.lost_before += self.missing();
        self.restarts += 1;
        // Far from zero, so that a number below the first has its place.
        self.start(number & 0xffff_ffff | 1 << 32);
        (Order::Restart, 0)
    }

    fn bit(&self, number: u64) -> bool {
        self.seen[(number % WINDOW / 64) as usize] >> (number % 64) & 1 == 1
    }

    fn count(&mut self, number: u64) {
        self.seen[(number % WINDOW / 64) as usize] |= 1 << (number % 64);
        self.here += 1;
        self.received += 1;
    }

    /// Makes room for so many numbers above the highest.
    fn forget(&mut self, step: u64) {
        if step >= WINDOW {
            self.seen.fill(0);
            return;
        }
        for number in self.highest + 1..=self.highest + step {
            self.seen[(number % WINDOW / 64) as usize] &= !(1 << (number % 64));
        }
    }
}

impl Default for Sequence {
    fn default() -> Sequence {
        Sequence::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fed(numbers: impl IntoIterator<Item = u32>) -> Sequence {
        let mut sequence = Sequence::new();
        for number in numbers {
            sequence.take(number, None);
        }
        sequence
    }

    fn counts(s: &Sequence) -> (u64, u64, u64, u64, u64) {
        (s.received, s.lost(), s.duplicates, s.reordered, s.restarts)
    }

    #[test]
    fn loss_is_what_lies_between_the_first_and_the_last_and_never_came() {
        assert_eq!(counts(&fed([7, 8, 11, 12])), (4, 2, 0, 0, 0));
        assert_eq!(counts(&fed([7, 11, 8, 12, 9, 10])), (6, 0, 0, 3, 0));
        assert_eq!(counts(&fed([7, 8, 8, 7, 9])), (3, 0, 2, 0, 0));
    }

    #[test]
    fn the_wrap_is_a_step_of_one() {
        assert_eq!(counts(&fed([u32::MAX - 1, u32::MAX, 0, 1])), (4, 0, 0, 0, 0));
        assert_eq!(fed([u32::MAX, 0]).range(), Some((u32::MAX, 0)));
    }

    #[test]
    fn a_number_below_the_first_moves_the_beginning() {
        assert_eq!(counts(&fed([1, 0, u32::MAX])), (3, 0, 0, 2, 0));
    }

    #[test]
    fn a_sender_that_starts_anew_loses_nothing_by_it() {
        assert_eq!(counts(&fed([100, 102, 2_000_000_000, 2_000_000_001, 5])), (5, 1, 0, 0, 2));
    }

    #[test]
    fn what_is_too_old_to_tell_is_not_counted_as_received() {
        let mut sequence = fed(0..10_000);
        assert_eq!(sequence.take(10, None), (Order::Old, 0));
        assert_eq!(counts(&sequence), (10_000, 0, 0, 1, 0));
    }

    #[test]
    fn a_sender_that_starts_anew_nearby_is_told_by_its_clock() {
        for first_run in [100, 20_000] {
            let mut sequence = Sequence::new();
            (0..first_run).for_each(|n| assert_eq!(sequence.take(n, Some(1_000 + u64::from(n))), (Order::New, 0)));
            // A duplicate is as old as it was.
            assert_eq!(sequence.take(first_run - 1, Some(999 + u64::from(first_run))), (Order::Duplicate, 0));
            assert_eq!(sequence.take(0, Some(1_000_000)), (Order::Restart, 0));
            assert_eq!(sequence.take(3, Some(1_000_001)), (Order::New, 2));
            assert_eq!(counts(&sequence), (u64::from(first_run) + 2, 2, 1, 0, 1));
        }
    }

    #[test]
    fn the_window_forgets_what_it_passed() {
        let mut sequence = fed([0]);
        for step in [1, 63, 64, 65, 4095, 4096, 4097] {
            let next = sequence.highest as u32 + step;
            assert_eq!(sequence.take(next, None), (Order::New, step - 1));
            assert_eq!(sequence.take(next, None), (Order::Duplicate, 0));
            if step > 1 {
                assert_eq!(sequence.take(next - 1, None), (Order::Late, 0), "{step}");
            }
        }
    }
}
