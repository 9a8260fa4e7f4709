//! What the messages of a stream are: priority, size and number of fragments, drawn by the stream's own dice.

use rand_distr::weighted::WeightedAliasIndex;
use rand_distr::{Distribution, LogNormal, Uniform};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::plan::{Cut, Priority, Size};
use crate::trace::{Entry, NO_PRIORITY, NO_SIZE};

/// Draws one of a list by weight in constant time, however long the list is.
#[derive(Debug)]
pub(crate) struct Weighted<T> {
    values: Vec<T>,
    index: WeightedAliasIndex<f64>,
}

impl<T: Copy> Weighted<T> {
    fn new(list: &[(T, f64)]) -> Result<Weighted<T>, String> {
        let index = WeightedAliasIndex::new(list.iter().map(|(_, weight)| *weight).collect())
            .map_err(|e| format!("weights: {e}"))?;
        Ok(Weighted { values: list.iter().map(|(value, _)| *value).collect(), index })
    }

    fn draw(&self, dice: &mut Xoshiro256PlusPlus) -> Option<T> {
        self.values.get(self.index.sample(dice)).copied()
    }
}

fn uniform(from: u64, to: u64) -> Result<Uniform<u64>, String> {
    Uniform::new_inclusive(from, to).map_err(|e| e.to_string())
}

#[derive(Debug)]
pub(crate) enum Priorities {
    Fixed(u8),
    Weighted(Weighted<u8>),
    Uniform(Uniform<u64>),
    Cycle { values: Vec<u8>, next: usize },
    BySize { steps: Vec<(u64, u8)>, beyond: u8 },
    Traced,
}

impl Priorities {
    pub(crate) fn new(plan: &Priority) -> Result<Priorities, String> {
        Ok(match plan {
            Priority::Fixed { value } => Priorities::Fixed(*value),
            Priority::Weighted { classes } => Priorities::Weighted(Weighted::new(classes)?),
            Priority::Uniform { from, to } => Priorities::Uniform(uniform(u64::from(*from), u64::from(*to))?),
            Priority::Cycle { values } => Priorities::Cycle { values: values.clone(), next: 0 },
            Priority::BySize { steps, beyond } => Priorities::BySize { steps: steps.clone(), beyond: *beyond },
            Priority::Trace {} => Priorities::Traced,
        })
    }

    pub(crate) fn draw(&mut self, dice: &mut Xoshiro256PlusPlus, size: u64, entry: Option<&Entry>) -> u8 {
        const NORMAL: u8 = 128;
        match self {
            Priorities::Fixed(value) => *value,
            Priorities::Weighted(classes) => classes.draw(dice).unwrap_or(NORMAL),
            Priorities::Uniform(law) => u8::try_from(law.sample(dice)).unwrap_or(u8::MAX),
            Priorities::Cycle { values, next } => {
                let value = values.get(*next).copied().unwrap_or(NORMAL);
                *next = (*next + 1) % values.len().max(1);
                value
            }
            Priorities::BySize { steps, beyond } => {
                steps.iter().find(|(up_to, _)| size <= *up_to).map_or(*beyond, |(_, priority)| *priority)
            }
            Priorities::Traced => entry
                .filter(|e| e.priority != NO_PRIORITY)
                .map_or(NORMAL, |e| u8::try_from(e.priority).unwrap_or(u8::MAX)),
        }
    }
}

#[derive(Debug)]
pub(crate) enum Sizes {
    Fixed(u64),
    Uniform(Uniform<u64>),
    Lognormal { law: LogNormal<f64>, min: u64, max: u64 },
    Weighted(Weighted<u64>),
    Traced,
}

impl Sizes {
    pub(crate) fn new(plan: &Size) -> Result<Sizes, String> {
        Ok(match plan {
            Size::Fixed { bytes } => Sizes::Fixed(*bytes),
            Size::Uniform { from, to } => Sizes::Uniform(uniform(*from, *to)?),
            Size::Lognormal { median, sigma, min, max } => {
                let law = LogNormal::new(median.ln(), *sigma).map_err(|e| e.to_string())?;
                Sizes::Lognormal { law, min: *min, max: *max }
            }
            Size::Weighted { sizes } => Sizes::Weighted(Weighted::new(sizes)?),
            Size::Trace {} => Sizes::Traced,
        })
    }

    pub(crate) fn draw(&self, dice: &mut Xoshiro256PlusPlus, entry: Option<&Entry>) -> u64 {
        match self {
            Sizes::Fixed(bytes) => *bytes,
            Sizes::Uniform(law) => law.sample(dice),
            Sizes::Lognormal { law, min, max } => (law.sample(dice).round() as u64).clamp(*min, *max),
            Sizes::Weighted(sizes) => sizes.draw(dice).unwrap_or(0),
            Sizes::Traced => entry.filter(|e| e.size != NO_SIZE).map_or(0, |e| u64::from(e.size)),
        }
    }
}

#[derive(Debug)]
pub(crate) enum Counts {
    Fixed(u32),
    Uniform(Uniform<u64>),
    Weighted(Weighted<u16>),
    Mtu(u64),
}

impl Counts {
    pub(crate) fn new(plan: &Cut) -> Result<Counts, String> {
        Ok(match plan {
            Cut::None {} => Counts::Fixed(1),
            Cut::Fixed { count } => Counts::Fixed(u32::from(*count)),
            Cut::Uniform { from, to } => Counts::Uniform(uniform(u64::from(*from), u64::from(*to))?),
            Cut::Weighted { counts } => Counts::Weighted(Weighted::new(counts)?),
            Cut::Mtu { payload } => Counts::Mtu(*payload),
            Cut::Kv { token_blocks, layers, heads } => {
                Counts::Fixed(u32::from(*token_blocks) * u32::from(*layers) * u32::from(*heads))
            }
        })
    }

    /// 1 … 65,535.
    pub(crate) fn draw(&self, dice: &mut Xoshiro256PlusPlus, size: u64, entry: Option<&Entry>) -> u16 {
        let count = match (self, entry) {
            (Counts::Fixed(1), Some(Entry { fragments, .. })) if *fragments != 0 => u64::from(*fragments),
            (Counts::Fixed(count), _) => u64::from(*count),
            (Counts::Uniform(law), _) => law.sample(dice),
            (Counts::Weighted(counts), _) => counts.draw(dice).map_or(1, u64::from),
            (Counts::Mtu(payload), _) => size.div_ceil(*payload),
        };
        u16::try_from(count).unwrap_or(u16::MAX).max(1)
    }
}
