//! How sure a mean of a few numbers is: means of resamples (Efron's bootstrap), the same for the same seed.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

use crate::error::Misfit;

/// Most samples.
pub const MOST_SAMPLES: usize = 100_000;
/// Most resamples.
pub const MOST_RESAMPLES: usize = 1_000_000;
/// Most draws: samples times resamples. Some seconds.
pub const MOST_DRAWS: usize = 1_000_000_000;

/// Means of so many resamples with replacement, each as large as the sample, ascending.
///
/// # Errors
/// No samples, one that is not finite, or more of something than the bounds above.
pub fn means(samples: &[f64], resamples: usize, seed: u64) -> Result<Vec<f64>, Misfit> {
    let n = samples.len();
    if n == 0 || !samples.iter().all(|sample| sample.is_finite()) {
        return Err(Misfit::Bootstrap("a bootstrap takes finite samples, one at least"));
    }
    if n > MOST_SAMPLES || resamples > MOST_RESAMPLES || n * resamples > MOST_DRAWS {
        return Err(Misfit::Bootstrap(
            "a bootstrap takes at most 100,000 samples, 1,000,000 resamples and 1,000,000,000 draws in all",
        ));
    }
    let mut dice = Xoshiro256PlusPlus::seed_from_u64(seed);
    // The high half of a product is even to 2⁻⁴⁷ for so few samples.
    let mut draw = || samples[((u128::from(dice.next_u64()) * n as u128) >> 64) as usize];
    let mut means: Vec<f64> = (0..resamples).map(|_| (0..n).map(|_| draw()).sum::<f64>() / n as f64).collect();
    means.sort_unstable_by(f64::total_cmp);
    Ok(means)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resampled_means_scatter_as_the_standard_error_says() {
        let samples: Vec<f64> = (0..100).map(f64::from).collect();
        let found = means(&samples, 20_000, 7).unwrap();
        assert!(found.is_sorted());
        // Deviation of 0 … 99 is 28.87, of the mean of a hundred of them a tenth.
        let (low, high) = (found[500], found[19_499]);
        assert!((low - (49.5 - 1.96 * 2.887)).abs() < 0.2, "{low}");
        assert!((high - (49.5 + 1.96 * 2.887)).abs() < 0.2, "{high}");
    }

    #[test]
    fn the_seed_alone_decides() {
        let samples = [1.0, 2.0, 4.0];
        assert_eq!(means(&samples, 50, 1), means(&samples, 50, 1));
        assert_ne!(means(&samples, 50, 1), means(&samples, 50, 2));
        assert_eq!(means(&[3.0], 4, 9).unwrap(), [3.0; 4]);
        assert_eq!(means(&[3.0], 0, 9).unwrap(), [0.0; 0]);
    }

    #[test]
    fn what_would_take_for_ever_is_refused() {
        for (samples, resamples) in [(0, 1), (MOST_SAMPLES + 1, 1), (1, MOST_RESAMPLES + 1), (100_000, 10_001)] {
            assert!(means(&vec![1.0; samples], resamples, 0).is_err(), "{samples} × {resamples}");
        }
        assert!(means(&[f64::NAN], 1, 0).is_err());
    }
}
