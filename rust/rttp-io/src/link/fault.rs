//! A link that loses, doubles, delays, swaps and damages what is sent over it, by a seed: the same seed, the same faults.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

use crate::clock::{Clock, Nanos};
use crate::link::{Arrival, Link, Wait};

/// Probabilities of each fault for one datagram, 0 to 1, and the delay of all.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Faults {
    /// Not sent at all.
    pub loss: f64,
    /// Sent twice.
    pub duplicate: f64,
    /// One bit flipped.
    pub corrupt: f64,
    /// Held back until the next one has gone.
    pub reorder: f64,
    /// Every datagram leaves this much later, ns.
    pub delay_ns: Nanos,
    /// Seed of the dice.
    pub seed: u64,
}

impl Faults {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn none(&self) -> bool {
        *self == Faults { seed: self.seed, ..Faults::default() }
    }
}

/// Datagrams held back at once; one more is let go early.
pub const HELD: usize = 1 << 18;

/// See the module.
pub struct FaultyLink<L> {
    inner: L,
    faults: Faults,
    dice: Xoshiro256PlusPlus,
    clock: Clock,
    held: VecDeque<(Nanos, Vec<u8>)>,
    swapped: Option<Vec<u8>>,
    spare: Vec<Vec<u8>>,
}

impl<L: Link> FaultyLink<L> {
    /// Wraps a link.
    pub fn new(inner: L, faults: Faults, clock: Clock) -> FaultyLink<L> {
        let dice = Xoshiro256PlusPlus::seed_from_u64(faults.seed);
        FaultyLink { inner, faults, dice, clock, held: VecDeque::new(), swapped: None, spare: Vec::new() }
    }

    fn happens(&mut self, probability: f64) -> bool {
        // 53 random bits are a uniform number below 1.
        probability > 0.0 && ((self.dice.next_u64() >> 11) as f64) < probability * (1u64 << 53) as f64
    }

    fn copy(&mut self, datagram: &[u8]) -> Vec<u8> {
        let mut copy = self.spare.pop().unwrap_or_default();
        copy.clear();
        copy.extend_from_slice(datagram);
        copy
    }

    /// Sends what has been held long enough.
    fn release(&mut self) -> io::Result<()> {
        let now = self.clock.now();
        while let Some((due, _)) = self.held.front()
            && (*due <= now || self.held.len() > HELD)
            && let Some((_, datagram)) = self.held.pop_front()
        {
            self.inner.send(&datagram)?;
            self.spare.push(datagram);
        }
        Ok(())
    }

    fn depart(&mut self, datagram: &[u8]) -> io::Result<bool> {
        if self.faults.delay_ns == 0 {
            return self.inner.send(datagram);
        }
        let copy = self.copy(datagram);
        self.held.push_back((self.clock.now().saturating_add(self.faults.delay_ns), copy));
        Ok(true)
    }
}

impl<L: Link> Link for FaultyLink<L> {
    fn send(&mut self, datagram: &[u8]) -> io::Result<bool> {
        self.release()?;
        if self.happens(self.faults.loss) {
            return Ok(true);
        }
        let mut copy = self.copy(datagram);
        if self.happens(self.faults.corrupt) && !copy.is_empty() {
            let bit = self.dice.next_u64();
            let at = usize::try_from(bit >> 3).unwrap_or(0) % copy.len();
            copy[at] ^= 1 << (bit & 7);
        }
        if self.swapped.is_none() && self.happens(self.faults.reorder) {
            self.swapped = Some(copy);
            return Ok(true);
        }
        let mut done = self.depart(&copy)?;
        if self.happens(self.faults.duplicate) {
            done &= self.depart(&copy)?;
        }
        self.spare.push(copy);
        if let Some(late) = self.swapped.take() {
            done &= self.depart(&late)?;
            self.spare.push(late);
        }
        Ok(done)
    }

    fn answer(&mut self, datagram: &[u8]) -> io::Result<bool> {
        self.inner.answer(datagram)
    }

    fn recv(&mut self, buffer: &mut [u8], wait: Wait) -> io::Result<Option<Arrival>> {
        self.release()?;
        // What is held must leave on time, so a delaying link never sleeps in the kernel.
        let wait = if self.held.is_empty() { wait } else { Wait::Poll };
        self.inner.recv(buffer, wait)
    }

    fn wait(&mut self, longest: Duration) -> io::Result<()> {
        self.release()?;
        let now = self.clock.now();
        let next = self.held.front().map(|(due, _)| Duration::from_nanos(due.saturating_sub(now)));
        self.inner.wait(next.map_or(longest, |next| next.min(longest)))
    }

    fn from(&self) -> SocketAddr {
        self.inner.from()
    }

    fn buffer_drops(&self) -> u64 {
        self.inner.buffer_drops()
    }

    fn syscalls(&self) -> u64 {
        self.inner.syscalls()
    }
}
