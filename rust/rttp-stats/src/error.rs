//! Why something is not a histogram, or cannot be done with one.

use std::borrow::Cow;
use std::fmt;

/// In which bytes an offset counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Layer {
    /// The base64 text.
    Text,
    /// The encoding, after base64.
    Encoding,
    /// The encoding inside a compressed one.
    Inflated,
}

/// An encoded histogram that cannot be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DecodeError {
    /// What `at` counts.
    pub layer: Layer,
    /// Byte, from 0.
    pub at: usize,
    /// What is there.
    pub found: Cow<'static, str>,
    /// What would do.
    pub expected: Cow<'static, str>,
}

/// An interval log that cannot be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogError {
    /// From 1.
    pub line: usize,
    /// What is wrong there.
    pub problem: String,
}

/// Something that cannot be done with these histograms or numbers.
#[derive(Clone, PartialEq, Debug)]
pub enum Misfit {
    /// More than [`crate::histogram::Histogram::MOST_SAMPLES`].
    Samples,
    /// More significant digits than five.
    Digits(u8),
    /// A rank outside of 1 … samples.
    Rank {
        /// The rank.
        rank: u64,
        /// How many samples there are.
        samples: u64,
    },
    /// A quantile outside of 0 … 1, or of an empty histogram.
    Quantile(f64),
    /// More samples to take away than are there.
    NotAPart {
        /// The cell, by its highest value.
        value: u64,
        /// To take away.
        wanted: u64,
        /// There.
        there: u64,
    },
    /// A factor that is not above zero, or takes a value beyond 64 bits.
    Factor(f64),
    /// Edges of bins that do not rise.
    Edges,
    /// Arguments of a bootstrap beyond its bounds.
    Bootstrap(&'static str),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let layer = match self.layer {
            Layer::Text => "the text",
            Layer::Encoding => "the encoded histogram",
            Layer::Inflated => "the inflated histogram",
        };
        write!(f, "byte {} of {layer}: {}, expected {}", self.at, self.found, self.expected)
    }
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.problem)
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Misfit::Samples => write!(f, "more than 2^63 - 1 samples"),
            Misfit::Digits(digits) => write!(f, "{digits} significant digits, expected 0 … 5"),
            Misfit::Rank { rank, samples } => write!(f, "rank {rank}, expected 1 … {samples}"),
            Misfit::Quantile(q) => write!(f, "quantile {q:?}, expected 0 … 1 of a histogram with samples"),
            Misfit::NotAPart { value, wanted, there } => {
                write!(f, "not a part of it: {wanted} samples at {value}, where it has {there}")
            }
            Misfit::Factor(factor) => write!(f, "factor {factor:?}, expected one above 0 that keeps values below 2^64"),
            Misfit::Edges => write!(f, "edges that do not rise"),
            Misfit::Bootstrap(why) => write!(f, "{why}"),
        }
    }
}

impl std::error::Error for DecodeError {}
impl std::error::Error for LogError {}
impl std::error::Error for Misfit {}
