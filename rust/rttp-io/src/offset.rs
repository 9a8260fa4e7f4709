//! Two clocks from round trips: how far the target's clock is ahead of ours, and by how much it gains, fitted to the fastest
//! round trips of the run (the envelope of minimum RTT).
//!
//! An answer carries the time at which the target took the pulse. If both ways took equally long, the target's clock is
//! ahead by θ = (t₁ − t₀ + t₁ − t₂)/2. Nobody can know that they did: θ is off by at most half a round trip, so only
//! the fastest round trips are used, and half of the fastest is the uncertainty that one-way figures are shown with.

use crate::clock::Nanos;

/// Round trips of so long give one point of the envelope, ns; doubled whenever there are too many points.
const WINDOW: Nanos = 100_000_000;
/// Points kept.
const POINTS: usize = 256;
/// Points and time that a fit of the skew needs; with less the clocks count as equally fast.
const FIT_POINTS: usize = 8;
const FIT_SPAN: f64 = 2e9;

#[derive(Clone, Copy, Debug)]
struct Point {
    at: Nanos,
    rtt: Nanos,
    ahead: i64,
}

/// What is known of the target's clock.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Fit {
    /// How far the target's clock is ahead at `at`, ns.
    pub offset_ns: f64,
    /// When, on the run's clock.
    pub at: Nanos,
    /// How much it gains, in millionths.
    pub skew_ppm: f64,
    /// The offset is off by at most so much, as far as the paths are as symmetric as the fastest round trip allows, ns.
    pub uncertainty_ns: f64,
    /// Points of the envelope behind it.
    pub points: usize,
}

/// The estimator.
pub struct Offset {
    /// Both ends share a clock: nothing to estimate.
    shared: bool,
    window: Nanos,
    best: Option<Point>,
    points: Vec<Point>,
    fit: Option<Fit>,
    /// One-way times that came out below zero and were counted as 0.
    pub below_zero: u64,
}

impl Offset {
    /// An estimator; with a `shared` clock the offset is 0 and certain.
    #[must_use]
    pub fn new(shared: bool) -> Offset {
        let fit = shared.then(Fit::default);
        Offset { shared, window: WINDOW, best: None, points: Vec::with_capacity(POINTS), fit, below_zero: 0 }
    }

    /// Takes a round trip: sent, taken by the target, received. `sent` and `received` are our Unix time, `taken` is the target's,
    /// `now` the run's clock at reception. Gives the way out and the way back, or `None` before the first estimate.
    #[inline]
    pub fn one_way(&mut self, now: Nanos, sent: u64, taken: u64, received: u64) -> Option<(Nanos, Nanos)> {
        let out = taken.wrapping_sub(sent).cast_signed();
        let back = received.wrapping_sub(taken).cast_signed();
        if !self.shared {
            let rtt = received.saturating_sub(sent);
            // A stamp that is no time (an answer by another program) must not become a figure.
            let ahead = out.checked_sub(back)? / 2;
            self.enter(Point { at: now, rtt, ahead });
        }
        let fit = self.fit?;
        let elapsed = now.wrapping_sub(fit.at).cast_signed() as f64;
        let ahead = (fit.offset_ns + fit.skew_ppm * 1e-6 * elapsed) as i64;
        let (out, back) = (out.saturating_sub(ahead), back.saturating_add(ahead));
        self.below_zero += u64::from(out < 0 || back < 0);
        Some((u64::try_from(out).unwrap_or(0), u64::try_from(back).unwrap_or(0)))
    }

    fn enter(&mut self, point: Point) {
        match self.best {
            None => {
                self.best = Some(point);
                if self.fit.is_none() {
                    self.fit = Some(Fit {
                        offset_ns: point.ahead as f64,
                        at: point.at,
                        skew_ppm: 0.0,
                        uncertainty_ns: point.rtt as f64 / 2.0,
                        points: 1,
                    });
                }
            }
            Some(best) if point.at / self.window != best.at / self.window => {
                if self.points.len() == POINTS {
                    self.halve();
                }
                self.points.push(best);
                self.best = Some(point);
                self.fit = self.refit();
            }
            Some(best) if point.rtt < best.rtt => self.best = Some(point),
            Some(_) => {}
        }
    }

    /// Of two neighbouring points the faster stays.
    fn halve(&mut self) {
        for i in 0..POINTS / 2 {
            let (a, b) = (self.points[2 * i], self.points[2 * i + 1]);
            self.points[i] = if a.rtt <= b.rtt { a } else { b };
        }
        self.points.truncate(POINTS / 2);
        self.window *= 2;
    }

    /// A line through the points whose round trip is close to the least.
    fn refit(&self) -> Option<Fit> {
        let least = self.points.iter().map(|p| p.rtt).min()?;
        let near = || self.points.iter().filter(move |p| p.rtt <= least + least / 4 + 1_000);
        let n = near().count() as f64;
        let origin = near().next_back()?.at;
        let x = |p: &Point| -(origin.saturating_sub(p.at) as f64);
        let (mean_x, mean_y) = near().fold((0.0, 0.0), |(a, b), p| (a + x(p) / n, b + p.ahead as f64 / n));
        let sums = near().fold((0.0, 0.0), |(xx, xy), p| {
            let dx = x(p) - mean_x;
            (xx + dx * dx, xy + dx * (p.ahead as f64 - mean_y))
        });
        let span = near().next().map_or(0.0, |p| -x(p));
        let slope = if n >= FIT_POINTS as f64 && span >= FIT_SPAN { sums.1 / sums.0 } else { 0.0 };
        let residual =
            near().map(|p| (p.ahead as f64 - mean_y - slope * (x(p) - mean_x)).powi(2) / n).sum::<f64>().sqrt();
        Some(Fit {
            offset_ns: mean_y - slope * mean_x,
            at: origin,
            skew_ppm: slope * 1e6,
            uncertainty_ns: least as f64 / 2.0 + 2.0 * residual / n.sqrt(),
            points: near().count(),
        })
    }

    /// What is known by now; `None` before the first round trip.
    #[must_use]
    pub fn fit(&self) -> Option<Fit> {
        self.fit
    }

    /// Whether both ends share a clock.
    #[must_use]
    pub fn shared(&self) -> bool {
        self.shared
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten seconds of round trips to a clock that is `offset` ahead and gains `ppm`.
    fn simulate(
        offset: i64,
        ppm: f64,
        out: impl Fn(u64) -> u64,
        back: impl Fn(u64) -> u64,
    ) -> (Offset, Vec<(Nanos, Nanos)>) {
        let mut estimator = Offset::new(false);
        let mut seen = Vec::new();
        for i in 0..10_000u64 {
            let sent = i * 1_000_000;
            let arrived = sent + out(i);
            let ahead = offset + (arrived as f64 * ppm * 1e-6) as i64;
            let base = 1_700_000_000_000_000_000;
            let taken = (base + arrived).wrapping_add_signed(ahead);
            let received = arrived + back(i);
            seen.extend(estimator.one_way(received + 1, base + sent, taken, base + received));
        }
        (estimator, seen)
    }

    /// Queueing: mostly little, now and then much, another way each direction.
    fn queue(i: u64, salt: u64) -> u64 {
        let x = (i + salt).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        if x.is_multiple_of(10) { x % 2_000_000 } else { x % 3_000 }
    }

    #[test]
    fn offset_and_skew_come_out_within_the_uncertainty_that_is_shown() {
        let (estimator, seen) = simulate(-3_600_000_000_000, 40.0, |i| 20_000 + queue(i, 1), |i| 20_000 + queue(i, 2));
        let fit = estimator.fit().unwrap();
        assert!((fit.skew_ppm - 40.0).abs() < 0.5, "{fit:?}");
        let truth = -3_600_000_000_000.0 + fit.at as f64 * 40e-6;
        assert!((fit.offset_ns - truth).abs() < fit.uncertainty_ns, "{fit:?} {truth}");
        assert!(fit.uncertainty_ns < 25_000.0, "{fit:?}");
        let late = &seen[5_000..];
        assert!(late.iter().all(|(out, back)| out + 3_000 > 20_000 && back + 3_000 > 20_000), "the fastest take 20 µs");
    }

    #[test]
    fn an_asymmetric_path_stays_inside_the_uncertainty() {
        let (estimator, _) = simulate(5_000_000, 0.0, |i| 10_000 + queue(i, 3), |i| 90_000 + queue(i, 4));
        let fit = estimator.fit().unwrap();
        let error = (fit.offset_ns - 5_000_000.0).abs();
        assert!(error > 30_000.0 && error <= fit.uncertainty_ns, "{fit:?}");
    }

    #[test]
    fn a_shared_clock_is_certain_and_nothing_is_negative() {
        let mut estimator = Offset::new(true);
        assert_eq!(estimator.one_way(9, 100, 107, 109), Some((7, 2)));
        assert_eq!(estimator.one_way(9, 100, 99, 109), Some((0, 10)), "read a moment early by the other end");
        assert_eq!((estimator.below_zero, estimator.fit().unwrap().uncertainty_ns), (1, 0.0));
    }

    #[test]
    fn stamps_that_are_no_times_give_no_panic_and_bounded_memory() {
        let mut estimator = Offset::new(false);
        for i in 0..100_000u64 {
            let taken = i.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let _ = estimator.one_way(i * 50_000_000, i * 50_000_000, taken, i * 50_000_000 + 9);
        }
        assert!(estimator.points.len() <= POINTS && estimator.points.capacity() == POINTS);
    }
}
