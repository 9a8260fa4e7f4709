//! Histograms as reports use them: read, summed, asked for ranks; never recorded into.

use std::collections::BTreeMap;

use crate::error::Misfit;
use crate::geometry::Geometry;
use crate::quantile;

/// Samples in the cells of an HdrHistogram. A cell stands for its highest value, as in the HdrHistogram libraries.
///
/// Only cells with samples are kept. The library's dense array has 270 KiB at an hour and three digits, whatever is in it:
/// a report over ten thousand of them would take gigabytes.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Histogram {
    pub(crate) geometry: Geometry,
    /// Highest value and count, ascending, no count zero; every value the top of a cell of the geometry.
    cells: Vec<(u64, u64)>,
    samples: u64,
}

impl Histogram {
    /// Most samples, so that every count can be encoded.
    pub const MOST_SAMPLES: u64 = i64::MAX as u64;

    /// A histogram of values with their counts, wide enough for all.
    ///
    /// # Errors
    /// More than five digits; too many samples.
    pub fn of(values: impl IntoIterator<Item = (u64, u64)>, digits: u8) -> Result<Histogram, Misfit> {
        let values: Vec<_> = values.into_iter().filter(|&(_, count)| count > 0).collect();
        let highest = values.iter().map(|&(value, _)| value).max().unwrap_or(0).max(Geometry::USUAL.highest);
        let geometry = Geometry { highest, digits, ..Geometry::USUAL };
        if digits > Geometry::MOST_DIGITS {
            return Err(Misfit::Digits(digits));
        }
        Histogram::gather(geometry, values)
    }

    /// All samples of all of them, at the finest resolution and the widest range among them.
    ///
    /// A coarse cell's samples stay at its highest value, which is the highest of a finer cell, too. So ranks of the sum are
    /// those of its parts, and any order of summing gives the same.
    ///
    /// # Errors
    /// Too many samples.
    pub fn sum<'a>(parts: impl IntoIterator<Item = &'a Histogram, IntoIter: Clone>) -> Result<Histogram, Misfit> {
        let parts = parts.into_iter();
        let occupied = |part: &'a Histogram| Some((part.cells.first()?.0, part.cells.last()?.0));
        let ends = parts.clone().filter_map(occupied).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
        let Some(mut geometry) = parts.clone().map(|part| part.geometry).reduce(Geometry::with) else {
            return Ok(Histogram::empty(Geometry::USUAL));
        };
        let Some((bottom, top)) = ends else { return Ok(Histogram::empty(geometry)) };
        // The last cell of a coarse part may reach beyond its own range.
        geometry.highest = geometry.highest.max(top);
        let first = geometry.index(bottom);
        let mut counts = vec![0_u64; geometry.index(top) - first + 1];
        for &(value, count) in parts.flat_map(|part| &part.cells) {
            let there = &mut counts[geometry.index(value) - first];
            *there = there.checked_add(count).ok_or(Misfit::Samples)?;
        }
        let cells = counts.into_iter().enumerate().filter(|&(_, count)| count > 0);
        Histogram::from_cells(geometry, cells.map(|(i, count)| (geometry.top(first + i), count)).collect())
    }

    /// What is left without a part.
    ///
    /// # Errors
    /// It has samples that are not here.
    pub fn minus(&self, part: &Histogram) -> Result<Histogram, Misfit> {
        let mut cells: BTreeMap<u64, u64> = self.cells.iter().copied().collect();
        for &(value, wanted) in &part.cells {
            let index = self.geometry.index(value);
            let top = if index < self.geometry.cells() { self.geometry.top(index) } else { value };
            let there = cells.get(&top).copied().unwrap_or(0);
            let left = there.checked_sub(wanted).ok_or(Misfit::NotAPart { value: top, wanted, there })?;
            cells.insert(top, left);
        }
        Histogram::from_cells(self.geometry, cells.into_iter().filter(|&(_, count)| count > 0).collect())
    }

    /// Every value times a factor, rounded.
    ///
    /// # Errors
    /// The factor is not above zero, or a value would not fit into 64 bits.
    pub fn scaled(&self, factor: f64) -> Result<Histogram, Misfit> {
        let times = |value: u64| (value as f64 * factor).round();
        let top = self.cells.last().map_or(0.0, |&(value, _)| times(value));
        if !(factor > 0.0 && factor.is_finite() && top < u64::MAX as f64) {
            return Err(Misfit::Factor(factor));
        }
        // Above 2⁶⁴ the cast saturates: only the range, which has no samples there, is cut.
        // The last cell may reach beyond the highest value.
        let highest = (times(self.geometry.highest).max(top) as u64).max(Geometry::USUAL.highest);
        let geometry = Geometry { lowest: 1, highest, ..self.geometry };
        Histogram::gather(geometry, self.cells.iter().map(|&(value, count)| (times(value) as u64, count)))
    }

    /// Number of samples.
    #[must_use]
    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// Significant decimal digits.
    #[must_use]
    pub fn digits(&self) -> u8 {
        self.geometry.digits
    }

    /// Lowest value of the lowest cell with samples.
    #[must_use]
    pub fn min(&self) -> Option<u64> {
        self.cells.first().map(|&(value, _)| self.geometry.bottom(self.geometry.index(value)))
    }

    /// Highest value of the highest cell with samples.
    #[must_use]
    pub fn max(&self) -> Option<u64> {
        self.cells.last().map(|&(value, _)| value)
    }

    /// Mean, each sample in the middle of its cell.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        let sum: f64 = self.middles().map(|(value, count)| value * count).sum();
        (self.samples > 0).then(|| sum / self.samples as f64)
    }

    /// Standard deviation of the samples, each in the middle of its cell.
    #[must_use]
    pub fn stdev(&self) -> Option<f64> {
        let mean = self.mean()?;
        let squares: f64 = self.middles().map(|(value, count)| (value - mean).powi(2) * count).sum();
        Some((squares / self.samples as f64).sqrt())
    }

    /// Value of the sample with this rank, from 1.
    ///
    /// # Errors
    /// There is none.
    pub fn at_rank(&self, rank: u64) -> Result<u64, Misfit> {
        let mut below = 0;
        let cell = self.cells.iter().find(|&&(_, count)| {
            below += count;
            below >= rank
        });
        let found = cell.filter(|_| rank > 0).map(|&(value, _)| value);
        found.ok_or(Misfit::Rank { rank, samples: self.samples })
    }

    /// Value of the sample quantile: of rank ⌈q n⌉, and the lowest for 0.
    ///
    /// # Errors
    /// `q` is not in 0 … 1, or there is no sample.
    pub fn quantile(&self, q: f64) -> Result<u64, Misfit> {
        if !(0.0..=1.0).contains(&q) || self.samples == 0 {
            return Err(Misfit::Quantile(q));
        }
        self.at_rank(quantile::rank(self.samples, q))
    }

    /// Samples in cells above that of a value.
    #[must_use]
    pub fn above(&self, value: u64) -> u64 {
        let cell = self.geometry.index(value);
        self.cells.iter().rev().take_while(|&&(top, _)| self.geometry.index(top) > cell).map(|&(_, count)| count).sum()
    }

    /// Highest value and count of each cell with samples, ascending.
    #[must_use]
    pub fn cells(&self) -> &[(u64, u64)] {
        &self.cells
    }

    /// Samples from each edge to before the next one. A cell counts where its highest value lies.
    ///
    /// # Errors
    /// The edges do not rise.
    pub fn binned(&self, edges: &[u64]) -> Result<Vec<u64>, Misfit> {
        if !edges.is_sorted_by(|a, b| a < b) {
            return Err(Misfit::Edges);
        }
        let mut counts = vec![0; edges.len().saturating_sub(1)];
        for &(value, count) in &self.cells {
            let bin = edges.partition_point(|&edge| edge <= value).checked_sub(1);
            if let Some(total) = bin.and_then(|bin| counts.get_mut(bin)) {
                *total += count;
            }
        }
        Ok(counts)
    }

    /// Cells by index, ascending, each once, no count zero.
    pub(crate) fn from_cells(geometry: Geometry, cells: Vec<(u64, u64)>) -> Result<Histogram, Misfit> {
        let samples = cells.iter().try_fold(0_u64, |sum, &(_, count)| sum.checked_add(count));
        let samples = samples.filter(|&sum| sum <= Histogram::MOST_SAMPLES).ok_or(Misfit::Samples)?;
        Ok(Histogram { geometry, cells, samples })
    }

    fn empty(geometry: Geometry) -> Histogram {
        Histogram { geometry, cells: Vec::new(), samples: 0 }
    }

    /// Values in any order, all within the geometry.
    fn gather(geometry: Geometry, values: impl IntoIterator<Item = (u64, u64)>) -> Result<Histogram, Misfit> {
        let mut cells = BTreeMap::<u64, u64>::new();
        for (value, count) in values {
            let there = cells.entry(geometry.top(geometry.index(value))).or_default();
            *there = there.checked_add(count).ok_or(Misfit::Samples)?;
        }
        Histogram::from_cells(geometry, cells.into_iter().collect())
    }

    /// Middle and count of each cell.
    fn middles(&self) -> impl Iterator<Item = (f64, f64)> {
        let middle = |value| self.geometry.middle(self.geometry.index(value)) as f64;
        self.cells.iter().map(move |&(value, count)| (middle(value), count as f64))
    }
}
