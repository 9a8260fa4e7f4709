//! What to send, when, and how to watch it: decided before the first pulse leaves.

use std::net::SocketAddr;
use std::time::Duration;

use crate::clock::Nanos;
use crate::host::Seat;
use crate::link::Faults;

/// When the next pulse leaves.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Pace {
    /// When the last one is answered or given up (closed loop): one pulse on its way at any time.
    PingPong,
    /// By the clock, whatever is answered (open loop): so many pulses a second, evenly.
    OpenLoop(f64),
}

/// A run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Who answers; `None` starts a responder in this process.
    pub target: Option<SocketAddr>,
    /// When pulses leave.
    pub pace: Pace,
    /// Whole pulse, header and payload, in bytes: 64 … 65,507.
    pub size: usize,
    /// Priority of every pulse.
    pub priority: u8,
    /// Pulses of this first stretch are sent and not measured.
    pub warmup: Duration,
    /// How long to send after the warm-up.
    pub duration: Duration,
    /// Send at most so many pulses after the warm-up.
    pub count: Option<u64>,
    /// A pulse that is not answered in this time is lost.
    pub timeout: Duration,
    /// Look at the socket all the time rather than sleep in the kernel.
    pub spin: bool,
    /// Where the sender runs.
    pub seat: Seat,
    /// Where the embedded responder runs.
    pub server_seat: Seat,
    /// Hold idle cores awake.
    pub awake: bool,
    /// Keep memory in RAM.
    pub lock_memory: bool,
    /// Watch the cores used for stalls.
    pub meter: bool,
    /// Have the kernel stamp answers.
    pub stamps: bool,
    /// Receive buffers asked for, bytes.
    pub receive_buffer: usize,
    /// First sequence number; anything will do.
    pub first_seq: u32,
    /// What to do to the pulses on their way out.
    pub faults: Faults,
}

/// Due times of an open loop, exact over any length: pulse `i` is due at `start + i / rate`, computed and not summed.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    start: Nanos,
    /// Interval in units of 2⁻³² ns.
    interval: u128,
}

impl Schedule {
    /// A schedule that starts at an instant; `rate` in pulses per second, finite and above zero.
    #[must_use]
    pub fn new(start: Nanos, rate: f64) -> Schedule {
        Schedule { start, interval: (1e9 / rate * f64::from(2u32).powi(32)) as u128 }
    }

    /// How many pulses are due before an instant.
    #[must_use]
    pub fn due_before(&self, instant: Nanos) -> u64 {
        let after = u128::from(instant.saturating_sub(self.start)) << 32;
        u64::try_from(after.div_ceil(self.interval.max(1))).unwrap_or(u64::MAX)
    }

    /// When pulse `i` is due.
    #[inline]
    #[must_use]
    pub fn due(&self, i: u64) -> Nanos {
        let after = u128::from(i).saturating_mul(self.interval) >> 32;
        self.start.saturating_add(u64::try_from(after).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_of_pulses_ends_on_time() {
        let schedule = Schedule::new(7, 30_000.0);
        assert_eq!(schedule.due(0), 7);
        let hour = schedule.due(30_000 * 3_600) - 7;
        assert!(hour.abs_diff(3_600_000_000_000) < 100, "{hour}");
    }

    #[test]
    fn as_many_are_due_before_an_instant_as_the_schedule_puts_there() {
        for rate in [3.0, 1_000.0, 333_333.0] {
            let schedule = Schedule::new(50, rate);
            for instant in [50, 51, 1_000_050, 1_000_000_050] {
                let n = schedule.due_before(instant);
                assert!(n == 0 || schedule.due(n - 1) < instant, "{rate} {instant} {n}");
                assert!(schedule.due(n) + 1 >= instant, "{rate} {instant} {n}");
            }
        }
    }

    #[test]
    fn slow_and_absurd_schedules_do_not_wrap() {
        assert_eq!(Schedule::new(0, 1e-9).due(u64::MAX), u64::MAX);
        assert_eq!(Schedule::new(5, 1e9).due(3), 8);
    }
}
