//! How sure a percentile is: the ranks between which the true quantile lies, from order statistics alone. No shape of
//! the distribution is assumed.

use statrs::distribution::{Binomial, ContinuousCDF, DiscreteCDF, Normal};

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

/// The interval that covers the `q` quantile with at least `confidence` (both in 0 … 1, exclusive) among `n` samples.
///
/// The number of samples below the quantile is binomial (n, q); the interval cuts off equal tails of it.
/// `None` when there is no sample or an argument lies outside its range.
#[must_use]
pub fn ranks(n: u64, q: f64, confidence: f64) -> Option<Ranks> {
    let inside = |x: f64| x > 0.0 && x < 1.0;
    if n == 0 || !inside(q) || !inside(confidence) {
        return None;
    }
    let (n_f, tail) = (n as f64, (1.0 - confidence) / 2.0);
    let at = ((n_f * q).ceil() as u64).clamp(1, n);
    let variance = n_f * q * (1.0 - q);
    let (lower, upper) = if variance >= NORMAL_FROM {
        let z = Normal::standard().inverse_cdf(1.0 - tail) * variance.sqrt();
        ((n_f * q - z).floor() as u64, (n_f * q + z).ceil() as u64 + 1)
    } else {
        // Count from the near end, so that the binomial's parameter is the small one and nothing is lost to rounding.
        let mirrored = q > 0.5;
        let law = Binomial::new(if mirrored { 1.0 - q } else { q }, n).ok()?;
        let (low, high) = (quantile(&law, n, tail), quantile(&law, n, 1.0 - tail));
        // Mirrored, `k` samples lie above: the bound from above is the sample with rank n − k + 1 of the small tail.
        if mirrored { (n - high.min(n), n + 1 - low.min(n)) } else { (low, high + 1) }
    };
    Some(Ranks { at, lower: lower.min(n), upper: Some(upper).filter(|u| *u <= n) })
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
    use super::*;

    #[test]
    fn the_median_of_ten_lies_between_the_second_and_the_ninth() {
        // The textbook interval: P(2 ≤ K ≤ 8) = 0.979 for K binomial (10, 0.5).
        assert_eq!(ranks(10, 0.5, 0.95), Some(Ranks { at: 5, lower: 2, upper: Some(9) }));
    }

    #[test]
    fn a_tail_percentile_needs_ln_of_the_tail_over_ln_of_q_samples() {
        // ln 0.025 / ln 0.9999 = 36,887.
        assert_eq!(ranks(36_886, 0.9999, 0.95).unwrap().upper, None);
        assert!(ranks(36_890, 0.9999, 0.95).unwrap().upper.is_some());
        assert_eq!(ranks(100, 0.9999, 0.95).unwrap().upper, None);
    }

    #[test]
    fn both_laws_agree_where_they_meet() {
        for (n, q) in [(39_999, 0.99), (40_500, 0.99), (4_000_000, 0.9999), (1_599, 0.5), (1_601, 0.5)] {
            let r = ranks(n, q, 0.95).unwrap();
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
        let r = ranks(n, q, 0.95).unwrap();
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
    fn senseless_arguments_have_no_ranks() {
        assert_eq!(ranks(0, 0.5, 0.95), None);
        assert_eq!(ranks(5, 1.0, 0.95), None);
        assert_eq!(ranks(5, 0.5, f64::NAN), None);
    }
}
