//! Arrival processes: when the messages of a stream are due.
//!
//! A rate that varies is a density; its integral Λ(t) counts the messages due by t. The i-th arrival is where Λ reaches
//! u(i): i itself for even spacing, a sum of exponentials for a Poisson process of that rate (time change theorem). So no
//! rounding adds up: a due time is computed from the number, never from the last due time.

use std::f64::consts::TAU;
use std::sync::Arc;

use rand_distr::{Distribution, Exp1};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::plan::{Arrival, Spacing};
use crate::trace::{Entry, Trace};

/// The density of a stream's messages over time, in ns and messages per ns.
#[derive(Debug)]
pub(crate) enum Shape {
    /// Interval in units of 2⁻³² ns: exact for an even stream of any length.
    Constant {
        interval: u128,
        per_ns: f64,
    },
    /// Rate and end of each piece; starts over at the end.
    Pieces {
        pieces: Vec<Piece>,
        period: f64,
        each: f64,
    },
    Ramp {
        from: f64,
        slope: f64,
        over: f64,
        to: f64,
        until: f64,
    },
    Sine {
        mean: f64,
        amplitude: f64,
        period: f64,
    },
}

#[derive(Debug)]
pub(crate) struct Piece {
    rate: f64,
    start: f64,
    /// Λ at its start.
    before: f64,
}

impl Shape {
    fn constant(rate: f64) -> Shape {
        Shape::Constant { interval: (1e9 / rate * f64::from(2u32).powi(32)) as u128, per_ns: rate / 1e9 }
    }

    fn pieces(steps: impl IntoIterator<Item = (f64, u64)>) -> Shape {
        let (mut period, mut each) = (0.0, 0.0);
        let mut pieces = Vec::new();
        for (rate, length) in steps {
            let rate = rate / 1e9;
            pieces.push(Piece { rate, start: period, before: each });
            period += length as f64;
            each += rate * length as f64;
        }
        Shape::Pieces { pieces, period, each }
    }

    /// Where Λ reaches `u`, ns.
    fn at(&self, u: f64) -> f64 {
        match self {
            Shape::Constant { per_ns, .. } => u / per_ns,
            Shape::Pieces { pieces, period, each } => {
                let rounds = (u / each).floor();
                // Rounding may leave a whole round, or a little less than none. A whole one is the next round's beginning.
                let rest = (u - rounds * each).max(0.0);
                let (rounds, rest) = if rest < *each { (rounds, rest) } else { (rounds + 1.0, 0.0) };
                let i = pieces.partition_point(|p| p.before <= rest).saturating_sub(1);
                // A piece of rate 0 holds no message: one that falls on its start belongs to the next.
                let piece = pieces.iter().skip(i).find(|p| p.rate > 0.0).or(pieces.last());
                piece.map_or(0.0, |p| rounds * period + p.start + ((rest - p.before) / p.rate).max(0.0))
            }
            Shape::Ramp { from, slope, over, to, until } => {
                if u >= *until {
                    return over + (u - until) / to;
                }
                // from·t + slope·t²/2 = u, in the form that stays exact for a slope near 0.
                2.0 * u / (from + (from * from + 2.0 * slope * u).max(0.0).sqrt()).max(f64::MIN_POSITIVE)
            }
            Shape::Sine { mean, amplitude, period } => {
                let each = mean * period;
                let rounds = (u / each).floor();
                rounds * period + sine_at(u - rounds * each, *mean, *amplitude, *period)
            }
        }
    }
}

/// Where mean·t + amplitude·P/2π·(1 − cos 2πt/P) reaches `u` within one period: Newton, kept inside a bracket.
fn sine_at(u: f64, mean: f64, amplitude: f64, period: f64) -> f64 {
    let (mut low, mut high) = (0.0, period);
    let mut t = u / mean;
    for _ in 0..60 {
        let angle = TAU * t / period;
        let error = mean * t + amplitude * period / TAU * (1.0 - angle.cos()) - u;
        if error > 0.0 {
            high = t
        } else {
            low = t
        }
        let next = t - error / (mean + amplitude * angle.sin());
        // The ends belong to the bracket: a first guess that is exact must not be halved away.
        let next = if next >= low && next <= high { next } else { low.midpoint(high) };
        if (next - t).abs() < 0.01 {
            return next;
        }
        t = next;
    }
    t
}

/// The due times of one stream, in order.
#[derive(Debug)]
pub(crate) enum Arrivals {
    Shaped {
        shape: Shape,
        spacing: Spacing,
        number: u64,
        u: f64,
    },
    /// `length` is that of a round, in the trace's own time.
    Traced {
        trace: Arc<Trace>,
        speed: f64,
        repeat: bool,
        number: usize,
        rounds: u64,
        length: u64,
    },
    /// Due when the caller wants one.
    OnDemand,
}

impl Arrivals {
    /// `None` when the plan names a trace that was not handed over.
    pub(crate) fn new(arrival: &Arrival, traces: &[Arc<Trace>]) -> Option<Arrivals> {
        let shaped = |shape, spacing| Arrivals::Shaped { shape, spacing, number: 0, u: 0.0 };
        Some(match arrival {
            Arrival::Constant { rate } => shaped(Shape::constant(*rate), Spacing::Even),
            Arrival::Poisson { rate } => shaped(Shape::constant(*rate), Spacing::Poisson),
            Arrival::Bursts { rate, on_ns, off_ns, spacing } => {
                shaped(Shape::pieces([(*rate, *on_ns), (0.0, *off_ns)]), *spacing)
            }
            Arrival::Ramp { from, to, over_ns, spacing } => {
                let (from, to, over) = (from / 1e9, to / 1e9, *over_ns as f64);
                shaped(
                    Shape::Ramp { from, slope: (to - from) / over, over, to, until: (from + to) / 2.0 * over },
                    *spacing,
                )
            }
            Arrival::Steps { steps, spacing } => {
                shaped(Shape::pieces(steps.iter().map(|s| (s.rate, s.for_ns))), *spacing)
            }
            Arrival::Sine { mean, amplitude, period_ns, spacing } => shaped(
                Shape::Sine { mean: mean / 1e9, amplitude: amplitude / 1e9, period: *period_ns as f64 },
                *spacing,
            ),
            Arrival::Trace { trace, speed, repeat } => {
                let trace = traces.get(*trace)?.clone();
                // After the last entry one mean gap passes before the first comes again.
                let gaps = (trace.entries.len() as u64).saturating_sub(1).max(1);
                let length = trace.duration_ns() + (trace.duration_ns() / gaps).max(1_000);
                // However fast, a round takes a ns.
                let length = length.max(speed.ceil() as u64);
                Arrivals::Traced { trace, speed: *speed, repeat: *repeat, number: 0, rounds: 0, length }
            }
            Arrival::Flood {} | Arrival::Closed {} => Arrivals::OnDemand,
        })
    }

    /// The next due time, ns from the start, with the trace's entry; `None` after the last.
    pub(crate) fn next(&mut self, dice: &mut Xoshiro256PlusPlus) -> Option<(u64, Option<Entry>)> {
        match self {
            Arrivals::Shaped { shape: Shape::Constant { interval, .. }, spacing: Spacing::Even, number, .. } => {
                let due = u128::from(*number).saturating_mul(*interval) >> 32;
                *number += 1;
                Some((u64::try_from(due).unwrap_or(u64::MAX), None))
            }
            Arrivals::Shaped { shape, spacing, number, u } => {
                let reached = match spacing {
                    Spacing::Even => *number as f64,
                    Spacing::Poisson => {
                        let step: f64 = Exp1.sample(dice);
                        *u += step;
                        *u
                    }
                };
                *number += 1;
                Some((shape.at(reached) as u64, None))
            }
            Arrivals::Traced { trace, speed, repeat, number, rounds, length } => {
                if *number == trace.entries.len() {
                    if !*repeat {
                        return None;
                    }
                    *number = 0;
                    *rounds += 1;
                }
                let entry = *trace.entries.get(*number)?;
                *number += 1;
                let recorded = u128::from(*rounds) * u128::from(*length) + u128::from(entry.due_ns);
                Some(((recorded as f64 / *speed) as u64, Some(entry)))
            }
            Arrivals::OnDemand => Some((0, None)),
        }
    }
}
