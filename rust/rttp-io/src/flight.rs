//! Pulses on their way: a ring indexed by number, so that queueing, sending, landing and giving up are each a few loads.

use rttp_load::stream::{Item, Part};

use crate::clock::Nanos;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Never used, or its pulse is settled: answered, or not waited for.
    Settled,
    /// The number is given and its pulse not due yet.
    Reserved,
    Queued,
    Flying,
    Landed,
    Lost,
}

/// What is known of a pulse.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Launch {
    /// When it was due, by the schedule.
    pub due: Nanos,
    /// When its message was due.
    pub message_due: Nanos,
    /// When it left.
    pub sent: Nanos,
    /// Its number.
    pub number: u64,
    /// Number of its message's first pulse.
    pub first: u64,
    /// Index of its stream.
    pub stream: u16,
    /// Whole pulse, bytes.
    pub length: u16,
    /// `fragment_count` and `fragment_index` of its header.
    pub fragment: (u16, u16),
    /// Its priority.
    pub priority: u8,
    /// Which part of its message it is.
    pub part: Part,
    /// It left while its sender worked off what a stall had left.
    pub disturbed: bool,
}

#[derive(Clone, Copy)]
struct Slot {
    launch: Launch,
    /// Place in the order of sending, low bits.
    order: u32,
    state: State,
    /// In the slot of a message's first pulse: pulses that have not landed.
    missing: u32,
    /// In the slot of a token stream's request: when a token of it landed last; 0 is never.
    last_landing: Nanos,
    /// In the slot of a message's first pulse: whether it kept its deadline is settled.
    judged: bool,
}

/// What a landing means for its message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settled {
    /// When a token of it landed last before this one; 0: none has.
    pub last_token: Nanos,
    /// Nothing of it is missing any more.
    pub complete: bool,
    /// With this landing it is settled whether it kept its deadline: it is whole, or its first token is there.
    pub decides: bool,
}

/// What an answer is the answer to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Landing {
    /// The first answer to a pulse. `overtaken`: the answer to one sent later came before.
    First {
        /// The pulse.
        launch: Launch,
        /// Whether one sent later landed first.
        overtaken: bool,
    },
    /// Answered before.
    Duplicate(Launch),
    /// Given up before.
    Late(Launch),
    /// Not to a pulse that the ring still knows.
    Unknown,
}

/// The ring.
pub struct Flight {
    slots: Box<[Slot]>,
    /// Everything before it is settled.
    head: u64,
    /// Numbers below it are given.
    next: u64,
    sent: u32,
    /// The latest place in the order of sending that has landed.
    latest: Option<u32>,
    closing: bool,
}

impl Flight {
    /// Most pulses a ring can hold: 4 Mi take 256 MiB.
    pub const MOST: usize = 1 << 22;

    /// Room for at least so many pulses on their way, or `None` beyond [`Flight::MOST`].
    #[must_use]
    pub fn with_room(pulses: u64) -> Option<Flight> {
        let slots = usize::try_from(pulses).ok()?.max(64).checked_next_power_of_two()?;
        let launch = Launch {
            due: 0,
            message_due: 0,
            sent: 0,
            number: 0,
            // The number of no message.
            first: u64::MAX,
            stream: 0,
            length: 0,
            fragment: (1, 0),
            priority: 0,
            part: Part::Whole,
            disturbed: false,
        };
        let empty = Slot { launch, order: 0, state: State::Settled, missing: 0, last_landing: 0, judged: false };
        (slots <= Flight::MOST).then(|| Flight {
            slots: vec![empty; slots].into_boxed_slice(),
            head: 0,
            next: 0,
            sent: 0,
            latest: None,
            closing: false,
        })
    }

    #[inline]
    fn slot(&mut self, number: u64) -> &mut Slot {
        // The length is a power of two.
        let mask = self.slots.len() - 1;
        &mut self.slots[number as usize & mask]
    }

    /// Numbers below it are given.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Whether nothing is queued or on its way.
    #[must_use]
    pub fn empty(&self) -> bool {
        self.head == self.next
    }

    /// Whether so many more numbers find a place.
    #[inline]
    #[must_use]
    pub fn has_room(&self, numbers: u64) -> bool {
        self.next - self.head + numbers <= self.slots.len() as u64
    }

    /// Enters a pulse that is due; `numbers` are given so far, its message's among them. Whether its message begins.
    #[inline]
    pub fn queue(&mut self, item: &Item, start: Nanos, numbers: u64) -> bool {
        while self.next < numbers {
            let number = self.next;
            self.slot(number).state = State::Reserved;
            self.next += 1;
        }
        let launch = Launch {
            due: start + item.due,
            message_due: start + item.message_due,
            sent: 0,
            number: item.number,
            first: item.first,
            stream: item.stream,
            length: item.length,
            fragment: (item.fragment_count, item.fragment_index),
            priority: item.priority,
            part: item.part,
            disturbed: false,
        };
        let begins = match item.part {
            Part::Whole => true,
            Part::Request => self.open(&launch, item.pulses),
            // The first fragment to be due, whichever it is.
            Part::Fragment => !self.accounts_for(&launch) && self.open(&launch, item.pulses),
            Part::Token => false,
        };
        let slot = self.slot(item.number);
        slot.launch = launch;
        slot.state = State::Queued;
        begins
    }

    /// Whether the slot of a message's first pulse holds that message's account.
    #[inline]
    fn accounts_for(&mut self, launch: &Launch) -> bool {
        // By its number alone: a message that is sent on demand is due with each of its pulses.
        self.slot(launch.first).launch.first == launch.first
    }

    fn open(&mut self, launch: &Launch, pulses: u32) -> bool {
        let first = self.slot(launch.first);
        first.missing = pulses;
        first.last_landing = 0;
        first.judged = false;
        first.launch.first = launch.first;
        true
    }

    /// Notes that a queued pulse leaves; `answered`: whether an answer is waited for.
    #[inline]
    pub fn launch(&mut self, number: u64, sent: Nanos, answered: bool, disturbed: bool) -> Launch {
        let order = self.sent;
        self.sent = order.wrapping_add(1);
        let slot = self.slot(number);
        (slot.launch.sent, slot.launch.disturbed) = (sent, disturbed);
        slot.order = order;
        slot.state = if answered { State::Flying } else { State::Settled };
        let launch = slot.launch;
        if !answered {
            self.advance();
        }
        launch
    }

    /// The pulse of a number, if the ring still knows it.
    #[inline]
    #[must_use]
    pub fn peek(&self, number: u64) -> Option<&Launch> {
        let known = number < self.next && self.next - number <= self.slots.len() as u64;
        let mask = self.slots.len() - 1;
        self.slots.get(number as usize & mask).filter(|_| known).map(|slot| &slot.launch)
    }

    /// Takes a queued pulse out that is not sent after all.
    pub fn cancel(&mut self, number: u64) -> Launch {
        let slot = self.slot(number);
        slot.state = State::Settled;
        let launch = slot.launch;
        self.advance();
        launch
    }

    /// Nothing is queued any more: numbers that were given to pulses that never became due are let go.
    pub fn close(&mut self) {
        self.closing = true;
        self.advance();
    }

    /// Enters an answer to the pulse of a number.
    #[inline]
    pub fn land(&mut self, number: u64) -> Landing {
        if number >= self.next || self.next - number > self.slots.len() as u64 {
            return Landing::Unknown;
        }
        let latest = self.latest;
        let slot = self.slot(number);
        let (launch, order) = (slot.launch, slot.order);
        match slot.state {
            State::Flying => slot.state = State::Landed,
            State::Landed => return Landing::Duplicate(launch),
            State::Lost => return Landing::Late(launch),
            State::Settled | State::Reserved | State::Queued => return Landing::Unknown,
        }
        let overtaken = latest.is_some_and(|latest| latest.wrapping_sub(order).cast_signed() > 0);
        if !overtaken {
            self.latest = Some(order);
        }
        self.advance();
        Landing::First { launch, overtaken }
    }

    /// Counts a landed pulse of a message of several. `None` when its account is gone.
    #[inline]
    pub fn settle(&mut self, launch: &Launch, now: Nanos) -> Option<Settled> {
        if !self.accounts_for(launch) {
            return None;
        }
        let first = self.slot(launch.first);
        let last_token = first.last_landing;
        if launch.part == Part::Token {
            first.last_landing = now;
        }
        first.missing = first.missing.saturating_sub(1);
        let complete = first.missing == 0;
        let decides = !first.judged && (complete || launch.part == Part::Token);
        first.judged |= decides;
        Some(Settled { last_token, complete, decides })
    }

    /// A pulse is lost or not sent: whether that settles that its message missed its deadline.
    pub fn fail(&mut self, launch: &Launch) -> bool {
        if launch.part == Part::Whole {
            return true;
        }
        self.accounts_for(launch) && !std::mem::replace(&mut self.slot(launch.first).judged, true)
    }

    #[inline]
    fn advance(&mut self) {
        while self.head < self.next {
            let head = self.head;
            let state = self.slot(head).state;
            if matches!(state, State::Queued | State::Flying) || (state == State::Reserved && !self.closing) {
                return;
            }
            self.head += 1;
        }
    }

    /// Gives up the oldest pulse if it was sent so long ago that it is lost. Call until `None`.
    ///
    /// `timeouts` are by stream. A pulse behind one that may still be answered waits for it; an answer is judged by its own
    /// timeout all the same.
    #[inline]
    pub fn give_up(&mut self, now: Nanos, timeouts: &[Nanos]) -> Option<Launch> {
        if self.empty() {
            return None;
        }
        let head = self.head;
        let slot = self.slot(head);
        let timeout = timeouts.get(usize::from(slot.launch.stream)).copied().unwrap_or(0);
        if slot.state != State::Flying || now.saturating_sub(slot.launch.sent) <= timeout {
            return None;
        }
        let launch = slot.launch;
        slot.state = State::Lost;
        self.advance();
        Some(launch)
    }

    /// Gives up the oldest pulse on its way, whatever its age.
    pub fn abandon(&mut self) -> Option<Launch> {
        while !self.empty() {
            let head = self.head;
            let slot = self.slot(head);
            let (launch, flying) = (slot.launch, slot.state == State::Flying);
            slot.state = if flying { State::Lost } else { State::Settled };
            self.advance();
            if flying {
                return Some(launch);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(number: u64) -> Item {
        Item {
            due: number,
            message_due: number,
            number,
            first: number,
            stream: 0,
            priority: 128,
            part: Part::Whole,
            pulses: 1,
            fragment_count: 1,
            fragment_index: 0,
            length: 64,
        }
    }

    fn fly(flight: &mut Flight, number: u64, sent: Nanos) {
        flight.queue(&item(number), 100, number + 1);
        flight.launch(number, sent, true, false);
    }

    fn sent_of(landing: Landing) -> (Nanos, bool) {
        match landing {
            Landing::First { launch, overtaken } => (launch.sent, overtaken),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_answer_is_known_for_what_it_is() {
        let mut flight = Flight::with_room(1).unwrap();
        for number in 0..3 {
            fly(&mut flight, number, 110 + number * 10);
        }
        assert_eq!(sent_of(flight.land(1)), (120, false));
        assert_eq!(sent_of(flight.land(0)), (110, true), "the second was sent later and landed first");
        assert!(matches!(flight.land(0), Landing::Duplicate(_)));
        assert_eq!(flight.land(3), Landing::Unknown, "not sent yet");
        assert_eq!(flight.give_up(140, &[10]), None, "at the timeout is in time");
        assert_eq!(flight.give_up(141, &[10]).unwrap().sent, 130);
        assert!(matches!(flight.land(2), Landing::Late(_)));
        assert!(flight.empty());
    }

    #[test]
    fn the_order_of_sending_counts_not_that_of_numbers() {
        let mut flight = Flight::with_room(8).unwrap();
        for number in 0..3 {
            flight.queue(&item(number), 0, 3);
        }
        for number in [2, 0, 1] {
            flight.launch(number, 50, true, false);
        }
        assert!(!sent_of(flight.land(2)).1);
        assert!(!sent_of(flight.land(0)).1, "a low number that was sent second is in order");
        assert!(!sent_of(flight.land(1)).1);
    }

    #[test]
    fn a_queued_or_reserved_number_holds_the_ring_until_it_closes() {
        let mut flight = Flight::with_room(64).unwrap();
        flight.queue(&item(0), 0, 64);
        assert!(!flight.has_room(1), "64 numbers are given");
        flight.launch(0, 5, true, false);
        assert!(matches!(flight.land(0), Landing::First { .. }));
        assert!(flight.has_room(1) && !flight.has_room(2));
        assert_eq!(flight.land(1), Landing::Unknown, "given, not sent");
        flight.close();
        assert!(flight.empty());
    }

    #[test]
    fn a_message_is_complete_when_its_last_pulse_lands_whatever_the_order() {
        let mut flight = Flight::with_room(64).unwrap();
        let fragment = |index: u64| Item {
            first: 10,
            number: 10 + index,
            message_due: 7,
            due: 7,
            pulses: 3,
            part: Part::Fragment,
            ..item(0)
        };
        for index in [2, 0, 1] {
            flight.queue(&fragment(index), 0, 13);
            flight.launch(10 + index, 8, true, false);
        }
        for (number, complete) in [(11, false), (12, false), (10, true)] {
            let Landing::First { launch, .. } = flight.land(number) else { panic!("unknown") };
            let settled = flight.settle(&launch, number).unwrap();
            assert_eq!((settled.complete, settled.decides), (complete, complete), "{number}");
        }
    }

    #[test]
    fn what_is_not_answered_needs_no_landing() {
        let mut flight = Flight::with_room(64).unwrap();
        for number in 0..1_000 {
            assert!(flight.has_room(1));
            flight.queue(&item(number), 0, number + 1);
            flight.launch(number, number, false, false);
        }
        assert!(flight.empty());
        assert_eq!(flight.land(999), Landing::Unknown, "nobody asked for an answer");
    }

    #[test]
    fn absurd_room_is_refused() {
        assert!(Flight::with_room(1 << 23).is_none());
        assert!(Flight::with_room(u64::MAX).is_none());
    }
}
