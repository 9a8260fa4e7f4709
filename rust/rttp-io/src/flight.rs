//! Pulses on their way: a ring indexed by number, so that sending, landing and giving up are each a few loads.

use crate::clock::Nanos;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Empty,
    Flying,
    Landed,
    Lost,
}

#[derive(Clone, Copy)]
struct Slot {
    due: Nanos,
    sent: Nanos,
    state: State,
}

/// When a pulse was due and when it left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Launch {
    /// By the schedule.
    pub due: Nanos,
    /// In fact.
    pub sent: Nanos,
}

/// What an answer is the answer to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Landing {
    /// The first answer to a pulse. `overtaken`: the answer to a later pulse came before.
    First {
        /// The pulse.
        launch: Launch,
        /// Whether a later one landed first.
        overtaken: bool,
    },
    /// Answered before.
    Duplicate,
    /// Given up before.
    Late,
    /// Not to a pulse that the ring still knows.
    Unknown,
}

/// The ring.
pub struct Flight {
    slots: Box<[Slot]>,
    /// Everything before it has landed or is lost.
    head: u64,
    next: u64,
    highest: Option<u64>,
}

impl Flight {
    /// Most pulses a ring can hold: 4 Mi take 96 MiB.
    pub const MOST: usize = 1 << 22;

    /// Room for at least so many pulses on their way, or `None` beyond [`Flight::MOST`].
    #[must_use]
    pub fn with_room(pulses: u64) -> Option<Flight> {
        let slots = usize::try_from(pulses).ok()?.max(64).checked_next_power_of_two()?;
        let empty = Slot { due: 0, sent: 0, state: State::Empty };
        (slots <= Flight::MOST).then(|| Flight {
            slots: vec![empty; slots].into_boxed_slice(),
            head: 0,
            next: 0,
            highest: None,
        })
    }

    #[inline]
    fn slot(&mut self, number: u64) -> &mut Slot {
        // The length is a power of two.
        let mask = self.slots.len() - 1;
        &mut self.slots[number as usize & mask]
    }

    /// The number that the next pulse will have.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Whether nothing is on its way.
    #[must_use]
    pub fn empty(&self) -> bool {
        self.head == self.next
    }

    /// Whether another launch must wait for [`Flight::give_up`].
    #[must_use]
    pub fn full(&self) -> bool {
        self.next - self.head >= self.slots.len() as u64
    }

    /// Enters a pulse that is being sent.
    #[inline]
    pub fn launch(&mut self, launch: Launch) {
        let number = self.next;
        *self.slot(number) = Slot { due: launch.due, sent: launch.sent, state: State::Flying };
        self.next += 1;
    }

    /// Enters an answer to the pulse of a number.
    #[inline]
    pub fn land(&mut self, number: u64) -> Landing {
        if number >= self.next || self.next - number > self.slots.len() as u64 {
            return Landing::Unknown;
        }
        let highest = self.highest;
        let slot = self.slot(number);
        let launch = Launch { due: slot.due, sent: slot.sent };
        match slot.state {
            State::Flying => slot.state = State::Landed,
            State::Landed => return Landing::Duplicate,
            State::Lost => return Landing::Late,
            State::Empty => return Landing::Unknown,
        }
        let overtaken = highest.is_some_and(|h| number < h);
        self.highest = highest.max(Some(number));
        self.advance();
        Landing::First { launch, overtaken }
    }

    fn advance(&mut self) {
        while self.head < self.next && self.slot(self.head).state != State::Flying {
            self.head += 1;
        }
    }

    /// Gives up the oldest pulse if it was sent before `limit`, or whenever the ring is full. Call until `None`.
    #[inline]
    pub fn give_up(&mut self, limit: Nanos) -> Option<Launch> {
        if self.empty() {
            return None;
        }
        let full = self.full();
        let slot = self.slot(self.head);
        let launch = Launch { due: slot.due, sent: slot.sent };
        if launch.sent >= limit && !full {
            return None;
        }
        slot.state = State::Lost;
        self.advance();
        Some(launch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(sent: Nanos) -> Launch {
        Launch { due: sent - 1, sent }
    }

    #[test]
    fn each_answer_is_known_for_what_it_is() {
        let mut flight = Flight::with_room(1).unwrap();
        for sent in [10, 20, 30] {
            flight.launch(at(sent));
        }
        assert_eq!(flight.land(1), Landing::First { launch: at(20), overtaken: false });
        assert_eq!(flight.land(0), Landing::First { launch: at(10), overtaken: true });
        assert_eq!(flight.land(0), Landing::Duplicate);
        assert_eq!(flight.land(3), Landing::Unknown, "not sent yet");
        assert_eq!(flight.give_up(30), None, "sent at the limit is not before it");
        assert_eq!(flight.give_up(31), Some(at(30)));
        assert_eq!(flight.land(2), Landing::Late);
        assert!(flight.empty());
    }

    #[test]
    fn a_full_ring_gives_up_its_oldest_pulse_and_forgets_it() {
        let mut flight = Flight::with_room(64).unwrap();
        for sent in 1..=64 {
            flight.launch(at(sent));
        }
        assert!(flight.full());
        assert_eq!(flight.give_up(0), Some(at(1)));
        assert_eq!(flight.give_up(0), None);
        flight.launch(at(65));
        assert_eq!(flight.land(0), Landing::Unknown, "its place is taken");
        assert_eq!(flight.land(64), Landing::First { launch: at(65), overtaken: false });
    }

    #[test]
    fn absurd_room_is_refused() {
        assert!(Flight::with_room(1 << 23).is_none());
        assert!(Flight::with_room(u64::MAX).is_none());
    }
}
