//! The V2 encoding of the HdrHistogram libraries: a header, then the counts as variable-length integers in which a negative
//! number is a run of empty cells; often compressed by zlib, often in base64.
//!
//! Read and written here, not by the library: that one allocates what a header claims, keeps no offset for an error, and
//! knows only the dense form.

use std::borrow::Cow;
use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use flate2::Compression;
use flate2::bufread::ZlibDecoder;
use flate2::write::ZlibEncoder;

use crate::error::{DecodeError, Layer};
use crate::geometry::Geometry;
use crate::histogram::Histogram;

const PLAIN: u32 = 0x1c84_9303;
const COMPRESSED: u32 = 0x1c84_9304;
/// Bits of a cookie that say how wide counts are; V2 has 1 there.
const WIDTH: u32 = 0xf0;
const HEADER: usize = 40;
/// Most bytes of a count.
const LONGEST_COUNT: usize = 9;
/// Most bytes of counts that are read: room for a million cells of five digits.
const MOST_BYTES: usize = 4 << 20;
/// Most cells with samples that one call decodes, of all histograms together: 1 GiB.
const MOST_CELLS: usize = 1 << 26;

/// Padding or none.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Cells that may still be decoded.
pub(crate) struct Budget(AtomicUsize);

impl Budget {
    pub(crate) fn new() -> Budget {
        Budget(AtomicUsize::new(MOST_CELLS))
    }

    /// Decodes one of many.
    pub(crate) fn decode(&self, input: &[u8]) -> Result<Histogram, DecodeError> {
        let found = decode(input)?;
        let cells = found.cells().len();
        match self.0.try_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(cells)) {
            Ok(_) => Ok(found),
            Err(_) => Err(refused(Layer::Text, 0, "too many cells in all", format!("at most {MOST_CELLS}"))),
        }
    }
}

/// A histogram from base64 text, blanks around it allowed, or from the bytes of the encoding themselves.
///
/// # Errors
/// Where it is not the V2 encoding of an integer histogram, or claims more than is there.
pub fn decode(input: &[u8]) -> Result<Histogram, DecodeError> {
    // A cookie begins with a control character, which no text does.
    if input.first() == Some(&COMPRESSED.to_be_bytes()[0]) {
        return decode_bytes(input);
    }
    let text = input.trim_ascii();
    let blanks = input.len() - input.trim_ascii_start().len();
    let bytes = BASE64.decode(text).map_err(|error| {
        use base64::DecodeError as E;
        let (at, found): (_, Cow<_>) = match error {
            E::InvalidByte(at, byte) | E::InvalidLastSymbol { offset: at, symbol: byte, .. } => {
                (at, format!("`{}`", char::from(byte).escape_default()).into())
            }
            E::InvalidLength(_) | E::InvalidPadding => (text.len(), "the end".into()),
        };
        refused(Layer::Text, blanks + at, found, "base64")
    })?;
    decode_bytes(&bytes)
}

/// Many texts, on so many threads.
///
/// # Errors
/// The first text that is none, by its index.
pub fn decode_all(texts: &[impl AsRef<[u8]> + Sync], threads: usize) -> Result<Vec<Histogram>, (usize, DecodeError)> {
    let (budget, next, failed) = (Budget::new(), AtomicUsize::new(0), AtomicUsize::new(usize::MAX));
    let work = || {
        let mut done = Vec::new();
        while let Some((i, text)) = {
            let i = next.fetch_add(1, Ordering::Relaxed);
            // What lies behind an error nobody will see.
            texts.get(i).filter(|_| i < failed.load(Ordering::Relaxed)).map(|text| (i, text))
        } {
            let found = budget.decode(text.as_ref());
            if found.is_err() {
                failed.fetch_min(i, Ordering::Relaxed);
            }
            done.push((i, found));
        }
        done
    };
    let mut done = thread::scope(|scope| {
        // Where the host refuses a thread, the others do its work.
        let spawn = |_| thread::Builder::new().spawn_scoped(scope, work).ok();
        let others: Vec<_> = (1..threads.min(texts.len())).filter_map(spawn).collect();
        let mut done = work();
        others.into_iter().for_each(|other| done.extend(other.join().unwrap_or_default()));
        done
    });
    done.sort_unstable_by_key(|&(i, _)| i);
    done.into_iter().map(|(i, found)| found.map_err(|error| (i, error))).collect()
}

/// V2, compressed, base64.
#[must_use]
pub fn encode(histogram: &Histogram) -> String {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    // Writing to memory fails only for lack of it.
    let _ = encoder.write_all(&encode_plain(histogram));
    let inner = encoder.finish().unwrap_or_default();
    let mut bytes = (COMPRESSED | 0x10).to_be_bytes().to_vec();
    bytes.extend(u32::try_from(inner.len()).unwrap_or(u32::MAX).to_be_bytes());
    bytes.extend(inner);
    BASE64.encode(bytes)
}

/// V2, neither compressed nor as text.
#[must_use]
pub fn encode_plain(histogram: &Histogram) -> Vec<u8> {
    let geometry = histogram.geometry;
    let mut counts = Vec::new();
    let mut next = 0;
    for &(value, count) in histogram.cells() {
        let index = geometry.index(value);
        match (index - next) as i64 {
            0 => {}
            // A single empty cell is a count of zero, as the libraries write it.
            1 => push_number(&mut counts, 0),
            empty => push_number(&mut counts, -empty),
        }
        push_number(&mut counts, count.cast_signed());
        next = index + 1;
    }
    if counts.is_empty() {
        // The libraries write the first cell of an empty one.
        push_number(&mut counts, 0);
    }
    let mut bytes = (PLAIN | 0x10).to_be_bytes().to_vec();
    bytes.extend(u32::try_from(counts.len()).unwrap_or(u32::MAX).to_be_bytes());
    bytes.extend(0_u32.to_be_bytes());
    bytes.extend(u32::from(geometry.digits).to_be_bytes());
    bytes.extend(geometry.lowest.to_be_bytes());
    bytes.extend(geometry.highest.to_be_bytes());
    bytes.extend(1_f64.to_be_bytes());
    bytes.extend(counts);
    bytes
}

fn decode_bytes(bytes: &[u8]) -> Result<Histogram, DecodeError> {
    let layer = Layer::Encoding;
    let cookie = u32_at(bytes, 0).ok_or_else(|| cut(layer, bytes.len(), "a cookie of 4 bytes"))?;
    if cookie & !WIDTH != COMPRESSED {
        return decode_v2(&mut &bytes[..], layer);
    }
    let length = u32_at(bytes, 4).ok_or_else(|| cut(layer, bytes.len(), "a length of 4 bytes"))? as usize;
    let rest = &bytes[8..];
    if length != rest.len() {
        let expected = format!("{}, which follow", rest.len());
        return Err(refused(layer, 4, format!("{length} compressed bytes"), expected));
    }
    let mut inflater = ZlibDecoder::new(rest);
    let found = decode_v2(&mut inflater, Layer::Inflated)?;
    match inflater.get_ref().len() {
        0 => Ok(found),
        left => Err(refused(layer, bytes.len() - left, format!("{left} bytes behind the compressed ones"), "none")),
    }
}

/// Reads no more than the header needs, checks it, then no more than it may need.
fn decode_v2(source: &mut impl Read, layer: Layer) -> Result<Histogram, DecodeError> {
    let mut header = read(source, 4, layer, 0)?;
    let cookie = u32_at(&header, 0).unwrap_or(0);
    if cookie & !WIDTH != PLAIN {
        return Err(refused(layer, 0, cookie_name(cookie), "cookie 0x1c849313 or 0x1c849314 (V2)"));
    }
    header.extend(read(source, HEADER - 4, layer, 4)?);
    let (Some(length), Some(shift), Some(digits), Some(lowest), Some(highest), Some(ratio)) = (
        u32_at(&header, 4),
        u32_at(&header, 8),
        u32_at(&header, 12),
        u64_at(&header, 16),
        u64_at(&header, 24),
        u64_at(&header, 32).map(f64::from_bits),
    ) else {
        return Err(cut(layer, header.len(), "a header of 40 bytes"));
    };
    if shift != 0 {
        return Err(refused(layer, 8, format!("cells shifted by {shift}"), "0"));
    }
    let digits = u8::try_from(digits).ok().filter(|&digits| digits <= Geometry::MOST_DIGITS);
    let digits = digits.ok_or_else(|| {
        refused(layer, 12, format!("{} significant digits", u32_at(&header, 12).unwrap_or(0)), "0 … 5")
    })?;
    if lowest == 0 {
        return Err(refused(layer, 16, "lowest value 0", "1 or more"));
    }
    let geometry = Geometry { lowest, highest, digits };
    if !geometry.fits() {
        let expected = "twice the lowest or more, in 64 bits at this resolution";
        return Err(refused(layer, 24, format!("highest value {highest} with lowest {lowest}"), expected));
    }
    // Another ratio marks values of a DoubleHistogram, whose unit nobody here could name.
    if ratio != 1.0 {
        return Err(refused(layer, 32, format!("conversion ratio {ratio:?}"), "1"));
    }
    let most = MOST_BYTES.min(geometry.cells() * LONGEST_COUNT);
    let length = length as usize;
    if length > most {
        return Err(refused(layer, 4, format!("{length} bytes of counts"), format!("at most {most}")));
    }
    let counts = read(source, length, layer, HEADER)?;
    let mut beyond = [0];
    if source.read(&mut beyond).map_err(|error| broken(layer, HEADER + length, &error))? != 0 {
        return Err(refused(layer, HEADER + length, "more bytes", "the end of the counts"));
    }
    let cells = decode_counts(&counts, geometry, layer)?;
    Histogram::from_cells(geometry, cells).map_err(|misfit| refused(layer, HEADER, misfit.to_string(), "fewer"))
}

fn decode_counts(bytes: &[u8], geometry: Geometry, layer: Layer) -> Result<Vec<(u64, u64)>, DecodeError> {
    // How many numbers are counts and not zeros only reading tells.
    let mut cells = Vec::new();
    let (mut at, mut index, last) = (0, 0_usize, geometry.cells());
    while at < bytes.len() {
        let here = HEADER + at;
        let number =
            take_number(bytes, &mut at).ok_or_else(|| cut(layer, HEADER + bytes.len(), "the rest of a count"))?;
        let cells_taken = if number < 0 { usize::try_from(number.unsigned_abs()).unwrap_or(usize::MAX) } else { 1 };
        let after = index.saturating_add(cells_taken);
        if after > last {
            return Err(refused(layer, here, format!("cells up to {after}"), format!("{last} by the header")));
        }
        if number > 0 {
            cells.push((geometry.top(index), number.unsigned_abs()));
        }
        index = after;
    }
    cells.shrink_to_fit();
    Ok(cells)
}

/// The next number: seven bits a byte, lowest first, the ninth byte whole; then the lowest bit is the sign (ZigZag).
fn take_number(bytes: &[u8], at: &mut usize) -> Option<i64> {
    let mut bits = 0_u64;
    for i in 0..LONGEST_COUNT {
        let byte = *bytes.get(*at)?;
        *at += 1;
        let is_last = byte < 0x80 || i == LONGEST_COUNT - 1;
        bits |= u64::from(if is_last { byte } else { byte & 0x7f }) << (7 * i);
        if is_last {
            break;
        }
    }
    Some((bits >> 1).cast_signed() ^ -(bits & 1).cast_signed())
}

fn push_number(bytes: &mut Vec<u8>, number: i64) {
    let mut bits = (number << 1 ^ number >> 63).cast_unsigned();
    for _ in 0..LONGEST_COUNT - 1 {
        if bits < 0x80 {
            break;
        }
        bytes.push(bits as u8 | 0x80);
        bits >>= 7;
    }
    bytes.push(bits as u8);
}

/// Exactly so many bytes. Memory grows with what is there, not with what was claimed.
fn read(source: &mut impl Read, length: usize, layer: Layer, from: usize) -> Result<Vec<u8>, DecodeError> {
    let mut bytes = Vec::new();
    source.take(length as u64).read_to_end(&mut bytes).map_err(|error| broken(layer, from, &error))?;
    if bytes.len() < length {
        return Err(cut(layer, from + bytes.len(), format!("{} more bytes", length - bytes.len())));
    }
    Ok(bytes)
}

fn cookie_name(cookie: u32) -> String {
    let name = match cookie & !WIDTH {
        0x1c84_9301 | 0x1c84_9302 => " (V1)",
        0x1c84_9308 | 0x1c84_9309 => " (V0)",
        COMPRESSED => " (V2, compressed twice)",
        _ if matches!(cookie, 0x0c72_124e | 0x0c72_124f) => " (DoubleHistogram)",
        _ => "",
    };
    format!("cookie {cookie:#010x}{name}")
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|chunk| u32::from_be_bytes(*chunk))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|chunk| u64::from_be_bytes(*chunk))
}

fn refused(
    layer: Layer,
    at: usize,
    found: impl Into<Cow<'static, str>>,
    expected: impl Into<Cow<'static, str>>,
) -> DecodeError {
    DecodeError { layer, at, found: found.into(), expected: expected.into() }
}

fn cut(layer: Layer, at: usize, expected: impl Into<Cow<'static, str>>) -> DecodeError {
    refused(layer, at, "the end", expected)
}

/// Only an inflater fails so.
fn broken(layer: Layer, at: usize, error: &io::Error) -> DecodeError {
    refused(layer, at, format!("{error} behind this byte"), "a whole zlib stream")
}
