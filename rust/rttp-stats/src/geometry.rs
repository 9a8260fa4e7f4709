//! The cells of an HdrHistogram: exact up to a power of two, then so many to each doubling. Layout by the Java library
//! (`AbstractHistogram`), whose encodings name cells by their index.

/// Which values share a cell. Every cell begins at a multiple of its width, which is a power of two: so the cells of
/// a finer geometry lie inside those of a coarser one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Geometry {
    /// Lowest value told apart from zero, at least 1.
    pub(crate) lowest: u64,
    /// Highest value that must have a cell.
    pub(crate) highest: u64,
    /// Significant decimal digits, 0 … 5.
    pub(crate) digits: u8,
}

impl Geometry {
    /// Most significant digits.
    pub(crate) const MOST_DIGITS: u8 = 5;
    /// 1 ns to an hour at three digits, as a run records.
    pub(crate) const USUAL: Geometry = Geometry { lowest: 1, highest: 3_600_000_000_000, digits: 3 };

    /// Whether the bits of a value suffice for it.
    pub(crate) fn fits(&self) -> bool {
        self.digits <= Geometry::MOST_DIGITS
            && self.lowest >= 1
            && self.highest / 2 >= self.lowest
            && self.unit_bits() + self.half_bits() < 63
    }

    /// The least geometry in which no sample of either needs a wider cell.
    pub(crate) fn with(self, other: Geometry) -> Geometry {
        Geometry {
            lowest: self.lowest.min(other.lowest),
            highest: self.highest.max(other.highest),
            digits: self.digits.max(other.digits),
        }
    }

    /// Number of cells.
    pub(crate) fn cells(&self) -> usize {
        ((self.doublings(self.highest) as usize) + 2) << self.half_bits()
    }

    /// The cell of a value; beyond `cells` for one that is too high.
    pub(crate) fn index(&self, value: u64) -> usize {
        let doublings = self.doublings(value);
        ((doublings as usize) << self.half_bits()) + (value >> (doublings + self.unit_bits())) as usize
    }

    /// Lowest value of a cell below `cells`.
    pub(crate) fn bottom(&self, index: usize) -> u64 {
        let doublings = self.doublings_of(index);
        ((index - ((doublings as usize) << self.half_bits())) as u64) << (doublings + self.unit_bits())
    }

    /// Highest value of a cell below `cells`.
    pub(crate) fn top(&self, index: usize) -> u64 {
        self.bottom(index) + ((1 << (self.doublings_of(index) + self.unit_bits())) - 1)
    }

    /// Value in the middle, as the libraries have it for means.
    pub(crate) fn middle(&self, index: usize) -> u64 {
        self.bottom(index) + ((1_u64 << (self.doublings_of(index) + self.unit_bits())) >> 1)
    }

    /// Times that the width of the lowest cells was doubled for this value.
    fn doublings(&self, value: u64) -> u32 {
        let exact_bits = self.half_bits() + 1 + self.unit_bits();
        (64 - value.leading_zeros()).saturating_sub(exact_bits)
    }

    fn doublings_of(&self, index: usize) -> u32 {
        u32::try_from(index >> self.half_bits()).unwrap_or(u32::MAX).saturating_sub(1)
    }

    /// log₂ of the width of the lowest cells.
    fn unit_bits(&self) -> u32 {
        self.lowest.checked_ilog2().unwrap_or(0)
    }

    /// log₂ of the cells of one width: half of those that give each digit's unit a cell.
    fn half_bits(&self) -> u32 {
        // 2 × 10^digits, up to a power of two, halved.
        const BITS: [u32; 6] = [0, 4, 7, 10, 14, 17];
        BITS.get(usize::from(self.digits)).copied().unwrap_or(17)
    }
}

#[cfg(test)]
mod tests {
    use hdrhistogram::Histogram;
    use proptest::prelude::*;

    use super::*;

    fn geometries() -> impl Strategy<Value = Geometry> {
        (0..=5_u8, 0..60_u32, any::<u64>(), any::<u64>()).prop_map(|(digits, bits, low, high)| {
            let lowest = (low >> (63 - bits)).max(1);
            Geometry { lowest, highest: high.max(lowest.saturating_mul(2)), digits }
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        #[test]
        fn cells_are_those_of_the_library(geometry in geometries(), values in prop::collection::vec((any::<u64>(), 0..64_u32), 20)) {
            let library = Histogram::<u64>::new_with_bounds(geometry.lowest, geometry.highest, geometry.digits);
            prop_assert_eq!(geometry.fits(), library.is_ok());
            let Ok(library) = library else { return Ok(()) };
            prop_assert_eq!(geometry.cells(), library.distinct_values());
            for (value, shift) in values {
                let value = value >> shift;
                let index = geometry.index(value);
                if index < geometry.cells() {
                    prop_assert_eq!(geometry.bottom(index), library.lowest_equivalent(value));
                    // The library cannot say 2⁶⁴ − 1: it goes one beyond and back.
                    prop_assert_eq!(geometry.top(index).min(u64::MAX - 1), library.highest_equivalent(value));
                    prop_assert_eq!(geometry.middle(index), library.median_equivalent(value));
                    prop_assert_eq!(geometry.index(geometry.top(index)), index);
                } else {
                    prop_assert!(value > geometry.highest);
                }
            }
        }
    }
}
