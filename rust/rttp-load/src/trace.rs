//! Schedules from files: text, JSON lines and captures, as one list of messages with their times.
//!
//! Reading order: [`Entry`], [`Trace`], [`Format`]; then `csv` and `json` for text, `capture` for captures,
//! `collect` for what all of them must keep. Memory is bounded by [`Trace::MOST`] and by the bytes given:
//! nothing is allocated by what a file claims.

mod capture;
mod collect;
mod csv;
mod error;
mod fields;
mod json;

use std::fmt::Write;

pub use error::{Place, Problem, TraceError};

/// Size of an entry whose trace gives none.
pub const NO_SIZE: u32 = u32::MAX;
/// Priority of an entry whose trace gives none.
pub const NO_PRIORITY: u16 = u16::MAX;
/// Fragments of an entry whose trace gives none.
pub const NO_FRAGMENTS: u16 = 0;

/// One message of a trace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// When it is due, ns after the first entry.
    pub due_ns: u64,
    /// Payload in bytes, without the pulse's header; [`NO_SIZE`] if not given.
    pub size: u32,
    /// 0–255, higher goes first; [`NO_PRIORITY`] if not given.
    pub priority: u16,
    /// Fragments of the message, at least 1; [`NO_FRAGMENTS`] if not given.
    pub fragments: u16,
}

/// A schedule read from a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trace {
    /// In time order, the first due at 0; never empty.
    pub entries: Box<[Entry]>,
    /// What it was read from.
    pub format: Format,
    /// Packets of a capture that are no entry: not UDP, a later IP fragment, another port.
    pub skipped: u64,
    /// Packets of a capture that lay up to [`Trace::DISORDER_NS`] behind a newer one and were sorted.
    pub sorted: u64,
}

/// What to take from a trace.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Options {
    /// Only datagrams to this UDP port; captures alone have ports.
    pub port: Option<u16>,
}

/// How a trace is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// Lines of `time,size,priority,fragments`, separated by semicolon, comma, tab or spaces.
    Csv,
    /// One JSON object a line.
    JsonLines,
    /// A pcap capture, µs or ns, either byte order; it may be compressed with gzip or zstd.
    Pcap,
    /// A pcapng capture; it may be compressed with gzip or zstd.
    Pcapng,
}

impl Trace {
    /// Most entries of a trace.
    pub const MOST: usize = 20_000_000;
    /// How far behind the newest packet another may lie in a capture; kernels stamp on several cores.
    pub const DISORDER_NS: u64 = 1_000_000_000;
    /// Longest trace: 365 days.
    pub const LONGEST_NS: u64 = 365 * 86_400 * 1_000_000_000;
    /// Most rows of [`Trace::sizes`].
    pub const MOST_SIZES: usize = 65_536;

    /// Reads a trace, whole or not at all.
    ///
    /// # Errors
    /// The first thing that cannot be used, and where it is.
    pub fn parse(bytes: &[u8], format: Format) -> Result<Trace, TraceError> {
        Trace::parse_with(bytes, format, Options::default())
    }

    /// Reads a trace, or what the options take from it.
    ///
    /// # Errors
    /// The first thing that cannot be used, and where it is; also a port asked of a text, which has none.
    pub fn parse_with(bytes: &[u8], format: Format, options: Options) -> Result<Trace, TraceError> {
        if let (Some(port), Format::Csv | Format::JsonLines) = (options.port, format) {
            return Err(TraceError::value(None, "port", port.to_string().as_bytes(), "a capture; a text has no ports"));
        }
        match format {
            Format::Csv => csv::parse(bytes),
            Format::JsonLines => json::parse(bytes),
            Format::Pcap | Format::Pcapng => capture::parse(bytes, format, options),
        }
    }

    /// The trace as CSV with a header line: `parse(emit(trace))` has the same entries.
    #[must_use]
    pub fn emit(&self) -> String {
        let (sizes, priorities) = (self.has_sizes(), self.has_priorities());
        let fragments = self.entries.iter().any(|e| e.fragments != NO_FRAGMENTS);
        let mut out = String::from("time");
        for (shown, name) in [(sizes, ",size"), (priorities, ",priority"), (fragments, ",fragments")] {
            out.push_str(if shown { name } else { "" });
        }
        out.push('\n');
        for entry in &self.entries {
            out.push_str(&fields::shown_seconds(entry.due_ns));
            for (shown, given, value) in [
                (sizes, entry.size != NO_SIZE, entry.size),
                (priorities, entry.priority != NO_PRIORITY, entry.priority.into()),
                (fragments, entry.fragments != NO_FRAGMENTS, entry.fragments.into()),
            ] {
                // Writing to a String cannot fail.
                let _ = match (shown, given) {
                    (true, true) => write!(out, ",{value}"),
                    (true, false) => out.write_char(','),
                    (false, _) => Ok(()),
                };
            }
            out.push('\n');
        }
        out
    }

    /// When the last entry is due.
    #[must_use]
    pub fn duration_ns(&self) -> u64 {
        self.entries.last().map_or(0, |e| e.due_ns)
    }

    /// Whether any entry has a size.
    #[must_use]
    pub fn has_sizes(&self) -> bool {
        self.entries.iter().any(|e| e.size != NO_SIZE)
    }

    /// Whether any entry has a priority.
    #[must_use]
    pub fn has_priorities(&self) -> bool {
        self.entries.iter().any(|e| e.priority != NO_PRIORITY)
    }

    /// Sizes and how often each occurs, ascending. More than [`Trace::MOST_SIZES`] of them are put into buckets of equal
    /// width, each under its smallest size; empty buckets are left out.
    #[must_use]
    pub fn sizes(&self) -> Vec<(u32, u64)> {
        let mut sizes: Vec<u32> = self.entries.iter().map(|e| e.size).filter(|s| *s != NO_SIZE).collect();
        sizes.sort_unstable();
        let distinct = sizes.chunk_by(|a, b| a == b).count();
        let (Some(&least), Some(&greatest)) = (sizes.first(), sizes.last()) else { return Vec::new() };
        let width = if distinct <= Trace::MOST_SIZES {
            1
        } else {
            (greatest - least) / u32::try_from(Trace::MOST_SIZES).unwrap_or(u32::MAX) + 1
        };
        let bucket = |size: u32| (size - least) / width;
        let buckets = sizes.chunk_by(|a, b| bucket(*a) == bucket(*b));
        buckets.map(|same| (least + bucket(same[0]) * width, same.len() as u64)).collect()
    }
}

/// What text editors on Windows write first.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

impl Format {
    /// Tells a format by its content: captures by their magic numbers, compressed or not, JSON lines by their first brace; else CSV.
    #[must_use]
    pub fn detect(bytes: &[u8]) -> Format {
        if let Some(format) = capture::format(bytes) {
            return format;
        }
        match without_mark(bytes).trim_ascii_start().first() {
            Some(b'{') => Format::JsonLines,
            _ => Format::Csv,
        }
    }

    /// `csv`, `json-lines`, `pcap` or `pcapng`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Format::Csv => "csv",
            Format::JsonLines => "json-lines",
            Format::Pcap => "pcap",
            Format::Pcapng => "pcapng",
        }
    }
}

fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes)
}
