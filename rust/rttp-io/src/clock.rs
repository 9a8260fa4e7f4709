//! Two clocks: a monotonic one that costs 10 ns a reading (the time-stamp counter where it can be trusted, else
//! `clock_gettime`, both by quanta), and the Unix time that goes on the wire and that the kernel stamps with.

use nix::time::{ClockId, clock_gettime};

/// Nanoseconds since an arbitrary start; the same start for all copies of a clock.
pub type Nanos = u64;

/// The monotonic clock of a run.
#[derive(Clone)]
pub struct Clock {
    source: quanta::Clock,
    start: u64,
}

impl Clock {
    /// Calibrates on first use in a process (about 50 ms), then free.
    #[must_use]
    pub fn new() -> Clock {
        let source = quanta::Clock::new();
        let start = source.raw();
        Clock { source, start }
    }

    /// Now. Starts at 1, so that 0 can mean "never".
    #[inline]
    #[must_use]
    pub fn now(&self) -> Nanos {
        self.source.delta_as_nanos(self.start, self.source.raw()) + 1
    }
}

impl Default for Clock {
    fn default() -> Clock {
        Clock::new()
    }
}

/// Unix time in ns, read from the kernel.
#[must_use]
pub fn unix_now() -> u64 {
    clock_gettime(ClockId::CLOCK_REALTIME).map_or(0, |t| {
        let seconds = u64::try_from(t.tv_sec()).unwrap_or(0);
        seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(t.tv_nsec()).unwrap_or(0))
    })
}

/// Unix time from monotonic readings: asks the kernel for the difference once in [`Wall::FRESH`], not for every pulse.
pub struct Wall {
    clock: Clock,
    offset: u64,
    since: Nanos,
}

impl Wall {
    /// How long a difference is used. A clock disciplined at 500 ppm drifts 5 µs in 10 ms.
    pub const FRESH: Nanos = 10_000_000;

    /// Anchored now.
    #[must_use]
    pub fn new(clock: &Clock) -> Wall {
        let mut wall = Wall { clock: clock.clone(), offset: 0, since: 0 };
        wall.anchor();
        wall
    }

    /// A stall between two readings would shift every stamp until the next anchor: of a few tries the tightest counts.
    fn anchor(&mut self) {
        let mut tightest = Nanos::MAX;
        for _ in 0..3 {
            let before = self.clock.now();
            let unix = unix_now();
            let after = self.clock.now();
            if after - before < tightest {
                tightest = after - before;
                self.offset = unix.wrapping_sub(before + tightest / 2);
                self.since = after;
            }
            if tightest < 1_000 {
                return;
            }
        }
    }

    /// The Unix time of a monotonic reading taken just now.
    #[inline]
    pub fn unix(&mut self, now: Nanos) -> u64 {
        if now.saturating_sub(self.since) > Wall::FRESH {
            self.anchor();
        }
        now.wrapping_add(self.offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_clocks_move_together() {
        let clock = Clock::new();
        let mut wall = Wall::new(&clock);
        let (m0, w0) = (clock.now(), unix_now());
        std::thread::sleep(std::time::Duration::from_millis(40));
        let (m1, w1) = (clock.now(), unix_now());
        let drift = (m1 - m0).abs_diff(w1 - w0);
        assert!(drift < 4_000_000, "40 ms differ by {drift} ns: a stall between two readings, or a wrong scale");
        let now = clock.now();
        assert!(wall.unix(now).abs_diff(unix_now()) < 4_000_000);
    }
}
