//! How sure a percentile is: the ranks between which the true quantile lies, from order statistics alone. No shape of
//! the distribution is assumed.

use statrs::distribution::{Binomial, ContinuousCDF, DiscreteCDF, Normal, StudentsT};

/// Ranks (1-based) in the sorted sample.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ranks {
    /// Rank of the sample quantile.
    pub at: u64,
    /// Lower end of the interval; 0 means that the sample has none.
    pub lower: u64,
    /// Upper end, or `None` when the sample is too small to bound the quantile from above.
    pub upper: Option<u64>,
}

/// Above this variance of the number of samples below the quantile, the normal law is closer than a rank.
const NORMAL_FROM: f64 = 400.0;

/// Rank of the `q` quantile of `n` samples: ⌈q n⌉, and 1 at least. A product that rounding put just above a whole number is
/// that number.
#[must_use]
pub fn rank(n: u64, q: f64) -> u64 {
    ((n as f64 * q).next_down().ceil() as u64).clamp(1, n.max(1))
}

/// The interval that covers the `q` quantile with at least `confidence` (both in 0 … 1, exclusive) among `n` samples of which
/// each `inflation` (1 or more) tell as much as one independent one.
///
/// The number of independent samples below the quantile is binomial (n / inflation, q); the interval cuts off equal tails of
/// it. `None` when there is no sample or an argument lies outside its range.
#[must_use]
pub fn ranks(n: u64, q: f64, confidence: f64, inflation: f64) -> Option<Ranks> {
    let inside = |x: f64| x > 0.0 && x < 1.0;
    if n == 0 || !inside(q) || !inside(confidence) || !(1.0..f64::INFINITY).contains(&inflation) {
        return None;
    }
    let (n_f, tail) = (n as f64, (1.0 - confidence) / 2.0);
    let at = rank(n, q);
    // How many samples may lie below the quantile: from, to.
    let (low, high) = if n_f / inflation * q * (1.0 - q) >= NORMAL_FROM {
        let z = Normal::standard().inverse_cdf(1.0 - tail) * (n_f * q * (1.0 - q) * inflation).sqrt();
        ((n_f * q - z).floor() as u64, Some((n_f * q + z).ceil() as u64))
    } else {
        let independent = ((n_f / inflation) as u64).clamp(1, n);
        // Count from the near end, so that the binomial's parameter is the small one and nothing is lost to rounding.
        let mirrored = q > 0.5;
        let law = Binomial::new(if mirrored { 1.0 - q } else { q }, independent).ok()?;
        let (low, high) = (quantile(&law, independent, tail), quantile(&law, independent, 1.0 - tail));
        let (low, high) = if mirrored { (independent - high, independent - low) } else { (low, high) };
        let scaled = |k: u64| u128::from(k) * u128::from(n);
        let independent = u128::from(independent);
        // No independent sample above it says that no sample is.
        let high = (u128::from(high) < independent).then(|| scaled(high).div_ceil(independent) as u64);
        ((scaled(low) / independent) as u64, high)
    };
    let upper = high.map(|high| high.saturating_add(1).max(at)).filter(|upper| *upper <= n);
    Some(Ranks { at, lower: low.min(at), upper })
}

/// The `p` quantile of Student's law; `None` when an argument lies outside its range.
#[must_use]
pub fn student(p: f64, degrees_of_freedom: f64) -> Option<f64> {
    if !(p > 0.0 && p < 1.0) {
        return None;
    }
    Some(StudentsT::new(0.0, 1.0, degrees_of_freedom).ok()?.inverse_cdf(p))
}

/// Smallest `k` with P(K ≤ k) ≥ p.
fn quantile(law: &Binomial, n: u64, p: f64) -> u64 {
    let (mut low, mut high) = (0, n);
    while low < high {
        let middle = low + (high - low) / 2;
        if law.cdf(middle) >= p { high = middle } else { low = middle + 1 }
    }
    low
}

#[cfg(test)]
mod tests {
    use rand_xoshiro::Xoshiro256PlusPlus;
    use rand_xoshiro::rand_core::{Rng, SeedableRng};

    use super::*;

    #[test]
    fn the_median_of_ten_lies_between_the_second_and_the_ninth() {
        // The textbook interval: P(2 ≤ K ≤ 8) = 0.979 for K binomial (10, 0.5).
        assert_eq!(ranks(10, 0.5, 0.95, 1.0), Some(Ranks { at: 5, lower: 2, upper: Some(9) }));
    }

    #[test]
    fn a_tail_percentile_needs_ln_of_the_tail_over_ln_of_q_samples() {
        // ln 0.025 / ln 0.9999 = 36,887.
        assert_eq!(ranks(36_886, 0.9999, 0.95, 1.0).unwrap().upper, None);
        assert!(ranks(36_890, 0.9999, 0.95, 1.0).unwrap().upper.is_some());
        assert_eq!(ranks(100, 0.9999, 0.95, 1.0).unwrap().upper, None);
    }

    #[test]
    fn both_laws_agree_where_they_meet() {
        for (n, q) in [(39_999, 0.99), (40_500, 0.99), (4_000_000, 0.9999), (1_599, 0.5), (1_601, 0.5)] {
            let r = ranks(n, q, 0.95, 1.0).unwrap();
            let half = 1.96 * (n as f64 * q * (1.0 - q)).sqrt();
            let (lower, upper) = (r.lower as f64, r.upper.unwrap() as f64);
            assert!((n as f64 * q - half - lower).abs() < 4.0, "{n} {q}: {r:?}");
            assert!((n as f64 * q + half - upper).abs() < 4.0, "{n} {q}: {r:?}");
        }
    }

    #[test]
    fn the_interval_holds_the_quantile_as_often_as_it_says() {
        // Uniform samples by a fixed multiplicative sequence: the true quantile is q itself.
        let (n, q, runs) = (2_000u64, 0.99, 2_000u64);
        let r = ranks(n, q, 0.95, 1.0).unwrap();
        let mut state = 1u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1u64 << 53) as f64
        };
        let mut covered = 0;
        for _ in 0..runs {
            let below = (0..n).filter(|_| next() < q).count() as u64;
            // The sample of rank r lies below q exactly when at least r samples do.
            covered += u64::from(below >= r.lower && below < r.upper.unwrap());
        }
        let share = covered as f64 / runs as f64;
        assert!((0.945..0.995).contains(&share), "covered {share}");
    }

    #[test]
    fn samples_that_repeat_each_other_count_once() {
        // Every draw stands five times: an interval over n that took them for independent would be too narrow.
        let (draws, repeats, q, runs) = (1_000u64, 5, 0.9, 2_000);
        let n = draws * repeats;
        let mut dice = Xoshiro256PlusPlus::seed_from_u64(1);
        let covered = |r: Ranks, below: u64| u64::from(below >= r.lower && r.upper.is_none_or(|upper| below < upper));
        let (mut naive, mut honest) = (0, 0);
        for _ in 0..runs {
            let below = (0..draws).filter(|_| (dice.next_u64() as f64) < q * 2f64.powi(64)).count() as u64 * repeats;
            naive += covered(ranks(n, q, 0.95, 1.0).unwrap(), below);
            honest += covered(ranks(n, q, 0.95, repeats as f64).unwrap(), below);
        }
        let share = |count: u64| count as f64 / f64::from(runs);
        assert!(share(naive) < 0.75, "{}", share(naive));
        assert!((0.94..0.97).contains(&share(honest)), "{}", share(honest));
    }

    #[test]
    fn inflation_divides_what_bounds_a_tail() {
        assert_eq!(ranks(36_890 * 3 - 300, 0.9999, 0.95, 3.0).unwrap().upper, None);
        assert!(ranks(36_890 * 3, 0.9999, 0.95, 3.0).unwrap().upper.is_some());
        assert_eq!(ranks(100, 0.5, 0.95, 1_000.0), Some(Ranks { at: 50, lower: 0, upper: None }));
        assert_eq!(ranks(100, 0.5, 0.95, 0.5), None);
    }

    #[test]
    fn students_law_is_that_of_the_tables() {
        for (p, freedom, expected) in [(0.99, 4.0, 3.747), (0.975, 9.0, 2.262), (0.5, 3.0, 0.0), (0.01, 4.0, -3.747)] {
            assert!((student(p, freedom).unwrap() - expected).abs() < 5e-4, "{p} {freedom}");
        }
        assert!((student(0.99, 1e6).unwrap() - 2.3263).abs() < 1e-3, "the normal law in the limit");
        for (p, freedom) in [(0.0, 4.0), (1.0, 4.0), (f64::NAN, 4.0), (0.5, 0.0), (0.5, -1.0), (0.5, f64::NAN)] {
            assert_eq!(student(p, freedom), None, "{p} {freedom}");
        }
    }

    #[test]
    fn a_rank_is_not_put_up_by_rounding() {
        for (n, q, expected) in [(100, 0.07, 7), (100, 0.55, 55), (100, 0.5, 50), (3, 0.5, 2), (1, 0.5, 1), (0, 0.5, 1)]
        {
            assert_eq!(rank(n, q), expected, "{n} {q}");
        }
    }

    #[test]
    fn senseless_arguments_have_no_ranks() {
        assert_eq!(ranks(0, 0.5, 0.95, 1.0), None);
        assert_eq!(ranks(5, 1.0, 0.95, 1.0), None);
        assert_eq!(ranks(5, 0.5, f64::NAN, 1.0), None);
    }
}
