//! When messages are due, against rates integrated by a second method: cells summed up, where the code inverts formulas.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use std::f64::consts::TAU;
use std::sync::Arc;

use common::{chi_square_bounds, dues_until, kolmogorov, plan, stream, trace};
use rttp_load::plan::{Arrival, Plan, Spacing, Step};
use rttp_load::schedule::Schedule;
use rttp_load::trace::Trace;

const MS: u64 = 1_000_000;

/// Messages per ns at an instant, as docs say it of each process.
fn rate_at(arrival: &Arrival, t: f64) -> f64 {
    let per_second = match arrival {
        Arrival::Constant { rate } | Arrival::Poisson { rate } => *rate,
        Arrival::Bursts { rate, on_ns, off_ns, .. } => {
            let (on, round) = (*on_ns as f64, (on_ns + off_ns) as f64);
            if t % round < on { *rate } else { 0.0 }
        }
        Arrival::Ramp { from, to, over_ns, .. } => from + (to - from) * (t / *over_ns as f64).min(1.0),
        Arrival::Steps { steps, .. } => {
            let mut rest = t % steps.iter().map(|s| s.for_ns).sum::<u64>() as f64;
            let passed = |step: &&Step| {
                let inside = rest < step.for_ns as f64;
                rest -= step.for_ns as f64;
                inside
            };
            steps.iter().find(passed).map_or(0.0, |s| s.rate)
        }
        Arrival::Sine { mean, amplitude, period_ns, .. } => mean + amplitude * (TAU * t / *period_ns as f64).sin(),
        other => panic!("{other:?} has no rate"),
    };
    per_second / 1e9
}

/// The integral of a rate over cells of 10 µs by the midpoint rule; every edge of the processes below lies on a cell's.
struct Integral {
    at: Vec<f64>,
    rates: Vec<f64>,
}

const CELL: u64 = 10_000;

impl Integral {
    fn of(arrival: &Arrival, end: u64) -> Integral {
        let rates: Vec<f64> = (0..end / CELL).map(|i| rate_at(arrival, (i as f64 + 0.5) * CELL as f64)).collect();
        let mut sum = 0.0;
        let mut at = vec![0.0];
        at.extend(rates.iter().map(|rate| {
            sum += rate * CELL as f64;
            sum
        }));
        Integral { at, rates }
    }

    fn until(&self, t: u64) -> f64 {
        let cell = (t / CELL) as usize;
        self.at[cell] + self.rates.get(cell).copied().unwrap_or(0.0) * (t % CELL) as f64
    }
}

/// Every process with a rate, three seconds of some tens of thousands of messages.
fn processes(spacing: Spacing) -> Vec<Arrival> {
    let step = |rate, ms| Step { rate, for_ns: ms * MS };
    let constant = match spacing {
        Spacing::Even => Arrival::Constant { rate: 7_001.3 },
        Spacing::Poisson => Arrival::Poisson { rate: 7_001.3 },
    };
    vec![
        constant,
        Arrival::Bursts { rate: 30_000.7, on_ns: 13 * MS, off_ns: 29 * MS, spacing },
        Arrival::Ramp { from: 100.0, to: 12_000.0, over_ns: 2_500 * MS, spacing },
        Arrival::Ramp { from: 12_000.0, to: 100.0, over_ns: 2_500 * MS, spacing },
        Arrival::Ramp { from: 0.0, to: 9_000.0, over_ns: 1_000 * MS, spacing },
        Arrival::Ramp { from: 5_000.0, to: 5_000.0, over_ns: 1_000 * MS, spacing },
        Arrival::Steps { steps: vec![step(0.0, 7), step(9_000.0, 41), step(1_234.5, 20), step(0.0, 3)], spacing },
        Arrival::Sine { mean: 6_000.0, amplitude: 5_000.0, period_ns: 370 * MS, spacing },
        Arrival::Sine { mean: 6_000.0, amplitude: 6_000.0, period_ns: 4_000 * MS, spacing },
    ]
}

#[test]
fn even_messages_are_due_where_the_integral_of_the_rate_reaches_their_number() {
    let end = 3_000 * MS;
    for arrival in processes(Spacing::Even) {
        let integral = Integral::of(&arrival, end);
        let dues = dues_until(&arrival, &[], 1, end);
        assert!(dues.len() > 10_000, "{arrival:?}: {}", dues.len());
        // Midpoint cells are off by less than 0.02 messages; so the count is within one of the integral at every instant.
        for (i, due) in dues.iter().enumerate() {
            let reached = integral.until(*due);
            assert!(
                (reached - i as f64).abs() < 0.02,
                "{arrival:?}: message {i} is due at {due}, the integral is {reached}"
            );
        }
        let all = integral.until(end - 1);
        assert!((all - dues.len() as f64).abs() < 1.02, "{arrival:?}: {} of {all}", dues.len());
    }
}

#[test]
fn a_message_on_the_edge_of_a_pause_is_due_in_one_of_the_two_bursts_and_none_is_left_out() {
    // Whole numbers of messages, and numbers that only just miss being whole: the edge is where rounding shows.
    for rate in [10.0, 30.0, 70.0, 1e3 / 3.0, 700.0, 1e4 / 7.0, 3_000.0, 1e6 / 3.0, 1e6, 1e8] {
        for on_ns in [1u64, 7, 10, 30, 1_000, 3_000_000, 10_000_000, 33_333_333] {
            let off_ns = 1_000_003;
            let per_burst = rate / 1e9 * on_ns as f64;
            let bursts = Arrival::Bursts { rate, on_ns, off_ns, spacing: Spacing::Even };
            let steps = vec![
                Step { rate: 0.0, for_ns: 5 },
                Step { rate, for_ns: on_ns },
                Step { rate: 0.0, for_ns: off_ns - 5 },
            ];
            for (arrival, lead) in [(bursts, 0), (Arrival::Steps { steps, spacing: Spacing::Even }, 5u64)] {
                let mut schedule = Schedule::new(&plan(1, vec![stream(arrival.clone())]), &[], (0, 1)).unwrap();
                let mut last = 0;
                for i in 0..3_000u64 {
                    let due = schedule.take().unwrap_or_else(|| panic!("{arrival:?}: no message {i}")).due;
                    assert!(due >= last, "{arrival:?}: {due} after {last}");
                    last = due;
                    // Beyond 52 days an f64 no longer tells one half of a ns from the other.
                    if due >= 1 << 52 {
                        break;
                    }
                    let (round, inside) = (due / (on_ns + off_ns), due % (on_ns + off_ns));
                    assert!((lead..=lead + on_ns).contains(&inside), "{arrival:?}: {i} is due in a pause, {inside}");
                    let expected = i as f64 / per_burst;
                    assert!(
                        (round as f64 - expected).abs() < 1.0 + expected * 1e-9,
                        "{arrival:?}: {i} in burst {round}"
                    );
                }
            }
        }
    }
}

#[test]
fn poisson_messages_are_one_exponential_gap_apart_once_time_is_measured_by_the_rate() {
    let end = 3_000 * MS;
    for (seed, arrival) in processes(Spacing::Poisson).into_iter().enumerate() {
        let integral = Integral::of(&arrival, end);
        let dues = dues_until(&arrival, &[], seed as u64, end);
        let reached: Vec<f64> = dues.iter().map(|due| integral.until(*due)).collect();
        let gaps: Vec<f64> = std::iter::once(reached[0]).chain(reached.windows(2).map(|w| w[1] - w[0])).collect();
        assert!(gaps.len() > 9_000, "{arrival:?}: {}", gaps.len());
        let distance = kolmogorov(gaps.clone(), |gap| 1.0 - (-gap).exp());
        assert!(distance < 1.95, "{arrival:?}: √n·D = {distance:.2}, significance 0.1 %");
        // One gap says nothing of the next: their correlation is within 3.29 standard errors of none.
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let product = |w: &[f64]| (w[0] - mean) * (w[1] - mean);
        let variance = gaps.iter().map(|g| (g - mean).powi(2)).sum::<f64>();
        let correlation = gaps.windows(2).map(product).sum::<f64>() / variance;
        assert!(correlation.abs() * (gaps.len() as f64).sqrt() < 3.29, "{arrival:?}: correlation {correlation:.4}");
    }
}

/// χ² of the counts of windows in which twenty messages are expected, and how many windows there are.
fn window_counts(arrival: &Arrival, seed: u64, end: u64) -> (f64, f64) {
    let integral = Integral::of(arrival, end);
    let dues = dues_until(arrival, &[], seed, end);
    let windows = (integral.until(end - 1) / 20.0) as usize;
    let mut counts = vec![0u64; windows];
    for due in dues {
        if let Some(count) = counts.get_mut((integral.until(due) / 20.0) as usize) {
            *count += 1;
        }
    }
    (counts.iter().map(|n| (*n as f64 - 20.0).powi(2) / 20.0).sum(), windows as f64)
}

#[test]
fn poisson_windows_hold_as_many_as_the_integral_says_and_spread_as_a_poisson_process_does() {
    for (seed, arrival) in processes(Spacing::Poisson).into_iter().enumerate() {
        let (statistic, windows) = window_counts(&arrival, 100 + seed as u64, 3_000 * MS);
        let (low, high) = chi_square_bounds(windows);
        assert!((low..high).contains(&statistic), "{arrival:?}: χ² {statistic:.0} outside {low:.0} … {high:.0}");
    }
}

#[test]
fn these_statistics_refuse_an_even_process_and_one_of_another_rate() {
    let even = Arrival::Constant { rate: 7_001.3 };
    let (statistic, windows) = window_counts(&even, 1, 3_000 * MS);
    assert!(statistic < chi_square_bounds(windows).0, "even windows are too good: {statistic}");
    let dues = dues_until(&Arrival::Poisson { rate: 7_001.3 }, &[], 1, 3_000 * MS);
    let gaps = dues.windows(2).map(|w| (w[1] - w[0]) as f64 * 7_400.0 / 1e9).collect();
    assert!(kolmogorov(gaps, |gap| 1.0 - (-gap).exp()) > 1.95, "6 % off must be seen");
}

/// Due times of messages 999,999, 1,999,999 …: the last shard of a million draws them all and sends those.
fn every_millionth(arrival: Arrival, traces: &[Arc<Trace>], millions: usize) -> Vec<u64> {
    let plan: Plan = plan(3, vec![stream(arrival)]);
    let mut schedule = Schedule::new(&plan, traces, (999_999, 1_000_000)).unwrap();
    (0..millions).map(|_| schedule.take().unwrap().due).collect()
}

#[test]
fn ten_million_even_messages_do_not_drift_by_a_nanosecond() {
    for (i, due) in every_millionth(Arrival::Constant { rate: 3_000_017.0 }, &[], 10).into_iter().enumerate() {
        let number = (i as u128 + 1) * 1_000_000 - 1;
        let exact = (number * 1_000_000_000 / 3_000_017) as u64;
        assert!(due.abs_diff(exact) <= 1, "message {number}: {due}, exactly {exact}");
    }
}

#[test]
fn ten_million_messages_in_bursts_do_not_drift_by_a_nanosecond() {
    // 2.1 messages in each burst of 3 µs, then 4 µs of none.
    let bursts = Arrival::Bursts { rate: 700_000.0, on_ns: 3_000, off_ns: 4_000, spacing: Spacing::Even };
    for (i, due) in every_millionth(bursts, &[], 10).into_iter().enumerate() {
        let number = (i as u128 + 1) * 1_000_000 - 1;
        // In time with the pauses cut out, message n is due at n / 0.7 µs.
        let on = number * 10_000 / 7;
        let exact = (on / 3_000 * 7_000 + on % 3_000) as u64;
        assert!(due.abs_diff(exact) <= 1, "message {number}: {due}, exactly {exact}");
    }
}

#[test]
fn a_million_messages_of_a_wave_do_not_drift() {
    let sine = Arrival::Sine { mean: 1e6, amplitude: 1e6, period_ns: 1_000, spacing: Spacing::Even };
    let due = every_millionth(sine, &[], 1)[0];
    // One message a wave: number n is due where wave n begins, but for the flat trough just before.
    assert!(due.abs_diff(999_999_000) <= 40, "{due}");
}

#[test]
fn a_trace_keeps_its_times_divided_by_its_speed() {
    let trace = trace([0, 10, 10, 1_000, 5_000_000_000]);
    for (speed, expected) in [
        (1.0, [0, 10, 10, 1_000, 5_000_000_000]),
        (4.0, [0, 2, 2, 250, 1_250_000_000]),
        (0.5, [0, 20, 20, 2_000, 10_000_000_000]),
        (1e8, [0, 0, 0, 0, 50]),
    ] {
        let arrival = Arrival::Trace { trace: 0, speed, repeat: false };
        assert_eq!(dues_until(&arrival, std::slice::from_ref(&trace), 1, common::FOREVER), expected, "×{speed}");
    }
}

#[test]
fn a_repeated_trace_starts_over_after_one_mean_gap_for_ever_and_does_not_drift() {
    // A round is 3,000 ns and a mean gap of 1,000: 4,000 ns, at speed 3 a third of it, which is no whole number.
    let trace = [trace([0, 500, 1_500, 3_000])];
    let arrival = |speed| Arrival::Trace { trace: 0, speed, repeat: true };
    let first = [0, 500, 1_500, 3_000, 4_000, 4_500, 5_500, 7_000, 8_000];
    assert_eq!(dues_until(&arrival(1.0), &trace, 1, 8_001), first);
    for (speed, thirds) in [(1.0, 3), (3.0, 1), (1_500.0, 0)] {
        for (i, due) in every_millionth(arrival(speed), &trace, 3).into_iter().enumerate() {
            let rounds = (i as u64 + 1) * 250_000 - 1;
            let exact =
                if thirds > 0 { (rounds * 4_000 + 3_000) * thirds / 3 } else { (rounds * 4_000 + 3_000) / 1_500 };
            assert!(due.abs_diff(exact) <= 1, "×{speed}, round {rounds}: {due}, exactly {exact}");
        }
    }
}

#[test]
fn a_trace_of_one_entry_or_of_one_instant_repeats_without_standing_still() {
    for dues in [vec![0], vec![0, 0, 0]] {
        let each = dues.len();
        let arrival = Arrival::Trace { trace: 0, speed: 1.0, repeat: true };
        let seen = dues_until(&arrival, &[trace(dues)], 1, 10_000);
        assert_eq!(seen.len(), 10 * each, "a µs from one to the next where the trace gives no gap");
    }
}

/// What a plan may ask for at its very edges.
fn extremes(spacing: Spacing) -> Vec<Arrival> {
    let step = |rate, for_ns| Step { rate, for_ns };
    let steps = |list: &[(f64, u64)]| Arrival::Steps { steps: list.iter().map(|s| step(s.0, s.1)).collect(), spacing };
    let mut all = vec![];
    for rate in [1e-6, 1.0, 1e8] {
        all.extend([Arrival::Constant { rate }, Arrival::Poisson { rate }]);
        for (on_ns, off_ns) in
            [(1, 0), (1, 1), (1, 1_000_000_000), (u64::MAX / 4, 1), (1_000, u64::MAX / 4), (7, u64::MAX)]
        {
            all.push(Arrival::Bursts { rate, on_ns, off_ns, spacing });
        }
        for over_ns in [1, 1_000, 3_600_000_000_000, u64::MAX] {
            all.extend([(0.0, rate), (rate, rate), (1e8, 1e-6), (rate, 1e-6)].map(|(from, to)| Arrival::Ramp {
                from,
                to,
                over_ns,
                spacing,
            }));
        }
        for period_ns in [1, 3, 1_000_000, u64::MAX] {
            all.extend([0.0, rate / 2.0, rate].map(|amplitude| Arrival::Sine {
                mean: rate,
                amplitude,
                period_ns,
                spacing,
            }));
        }
        all.extend([
            steps(&[(0.0, 1), (rate, 1), (0.0, 1)]),
            steps(&[(0.0, 999_999_999), (rate, 3), (0.0, 7)]),
            steps(&[(0.0, 5), (0.0, 5), (rate, u64::MAX / 8), (0.0, 5), (1e8, 1), (0.0, 5), (0.0, 5)]),
            steps(&[(1e8, 1), (1e-6, u64::MAX)]),
        ]);
    }
    all
}

#[test]
fn at_its_extremes_no_process_panics_goes_back_or_stops() {
    for spacing in [Spacing::Even, Spacing::Poisson] {
        for arrival in extremes(spacing) {
            let plan = plan(9, vec![stream(arrival.clone())]);
            let text = format!("{arrival:?}");
            let mut schedule = Schedule::new(&plan, &[], (0, 1)).unwrap_or_else(|e| panic!("{text}: {e}"));
            let mut last = 0;
            let mut count = 0;
            while count < 1_000
                && let Some(item) = schedule.take()
            {
                assert!(item.due >= last, "{text}: {} after {last}, message {count}", item.due);
                last = item.due;
                count += 1;
            }
            // 1,000 messages at the lowest of rates last 31 years, in short bursts longer than 2⁶⁴ ns: only these end before.
            assert!(count == 1_000 || 1_000.0 / mean_rate(&arrival) > 1e19, "{text}: ended after {count} at {last}");
        }
    }
}

/// Messages per ns in the long run; of a ramp the lower of its rates.
fn mean_rate(arrival: &Arrival) -> f64 {
    let per_second = match arrival {
        Arrival::Constant { rate } | Arrival::Poisson { rate } => *rate,
        Arrival::Bursts { rate, on_ns, off_ns, .. } => rate * *on_ns as f64 / (*on_ns as f64 + *off_ns as f64),
        Arrival::Ramp { from, to, .. } => from.min(*to),
        Arrival::Steps { steps, .. } => {
            let length: f64 = steps.iter().map(|s| s.for_ns as f64).sum();
            steps.iter().map(|s| s.rate * s.for_ns as f64).sum::<f64>() / length
        }
        Arrival::Sine { mean, .. } => *mean,
        other => panic!("{other:?} has no rate"),
    };
    per_second / 1e9
}

#[test]
fn messages_closer_than_a_nanosecond_never_go_back() {
    // At 10⁸ a second one gap in ten is shorter than a ns, and one in a thousand shorter than Newton's last step.
    for (amplitude, period_ns) in [(1e8, 1_000), (1e8, 1_000_000_000), (9e7, 50_000), (1e8, 1)] {
        let arrival = Arrival::Sine { mean: 1e8, amplitude, period_ns, spacing: Spacing::Poisson };
        let mut schedule = Schedule::new(&plan(4, vec![stream(arrival)]), &[], (0, 1)).unwrap();
        let mut last = 0;
        for i in 0..100_000 {
            let due = schedule.take().unwrap().due;
            assert!(due >= last, "{amplitude} {period_ns}: message {i} is due at {due}, the one before at {last}");
            last = due;
        }
    }
}

#[test]
fn the_first_message_of_a_rate_that_begins_with_none_waits_for_it() {
    for spacing in [Spacing::Even, Spacing::Poisson] {
        let steps = vec![Step { rate: 0.0, for_ns: 77_000 }, Step { rate: 1e6, for_ns: 1_000_000 }];
        let dues = dues_until(&Arrival::Steps { steps, spacing }, &[], 2, 1_077_000);
        assert!(dues[0] >= 77_000 && dues[0] < 97_000, "{spacing:?}: {}", dues[0]);
    }
}
