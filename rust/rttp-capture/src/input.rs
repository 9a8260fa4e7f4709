//! Bytes on their way in: read in large pieces, decompressed where their first bytes say so, kept until they are used.

use std::io::{self, BufReader, Chain, Cursor, ErrorKind, Read};
use std::ops::Range;

use flate2::bufread::MultiGzDecoder;
use zstd::stream::read::Decoder;

use crate::reader::Compression;

/// What is read at once, and kept at first; more only for a block that is longer.
const BUFFER: usize = 1 << 20;
/// Reads begin and end at pages, in the file and in the buffer: the kernel copies a third faster then.
const PAGE: usize = 4_096;
/// What is read before the compression is known.
const FIRST: usize = 4_096;
/// Bytes by which compressions are told.
const MAGIC: usize = 4;
/// Compressed bytes that are read at once.
const COMPRESSED: usize = 128 * 1_024;
/// A zstd frame may refer back so far, as a power of two: 128 MiB, what `zstd` takes without `--long`.
const WINDOW_LOG: u32 = 27;

/// What a call for bytes came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fill {
    Ready,
    /// The source has nothing now.
    Wait,
    /// Fewer bytes than were asked for are left.
    End,
}

/// Why a stream ended before its end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Failure {
    Unreadable(String),
    BadCompression(String),
}

pub(crate) struct Input<S> {
    stream: Stream<S>,
    buffer: Vec<u8>,
    /// What of the buffer was read and not used.
    unused: Range<usize>,
    /// Where it began when bytes were read the last time.
    begun: usize,
    /// Where the buffer's first byte lies in the stream; modulo 2⁶⁴, for it may lie in front of it.
    base: u64,
    ended: bool,
    failure: Option<Failure>,
    bytes_in: u64,
}

type Compressed<S> = BufReader<Chain<Cursor<Vec<u8>>, Counted<S>>>;

enum Stream<S> {
    /// Before the first bytes were seen.
    Undecided(Counted<S>),
    Plain(Counted<S>),
    Gzip(Box<MultiGzDecoder<Compressed<S>>>),
    Zstd(Box<Decoder<'static, Compressed<S>>>),
    Closed(Compression),
}

impl<S: Read> Input<S> {
    pub(crate) fn new(source: S) -> Input<S> {
        Input {
            stream: Stream::Undecided(Counted { source, count: 0, failed: false }),
            buffer: Vec::new(),
            unused: 0..0,
            begun: 0,
            base: 0,
            ended: false,
            failure: None,
            bytes_in: 0,
        }
    }

    /// Everything that was read and not used.
    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        self.buffer.get(self.unused.clone()).unwrap_or_default()
    }

    /// Bytes from an index that [`Input::at`] gave, used or not, before the next [`Input::fill`].
    #[inline]
    pub(crate) fn slice(&self, at: usize, length: usize) -> &[u8] {
        self.buffer.get(at..).and_then(|rest| rest.get(..length)).unwrap_or_default()
    }

    /// Where the first unused byte lies in the buffer. It stays there until the next [`Input::fill`].
    #[inline]
    pub(crate) fn at(&self) -> usize {
        self.unused.start
    }

    #[inline]
    pub(crate) fn consume(&mut self, count: usize) {
        self.unused.start = self.unused.start.saturating_add(count).min(self.unused.end);
    }

    /// Where the first unused byte lies in the stream.
    #[inline]
    pub(crate) fn offset(&self) -> u64 {
        self.base.wrapping_add(self.unused.start as u64)
    }

    /// Whether everything that there is has been read.
    pub(crate) fn ended(&self) -> bool {
        self.ended
    }

    pub(crate) fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    pub(crate) fn bytes_in(&self) -> u64 {
        self.bytes_in
    }

    pub(crate) fn compression(&self) -> Compression {
        match &self.stream {
            Stream::Undecided(_) | Stream::Plain(_) => Compression::None,
            Stream::Gzip(_) => Compression::Gzip,
            Stream::Zstd(_) => Compression::Zstd,
            Stream::Closed(compression) => *compression,
        }
    }

    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.buffer.capacity()
    }

    /// Gives the source and the buffer back.
    pub(crate) fn close(&mut self) {
        self.stream = Stream::Closed(self.compression());
        self.base = self.offset();
        (self.unused, self.begun) = (0..0, 0);
        self.buffer = Vec::new();
        self.ended = true;
    }

    /// Reads until so many bytes are there, if the source has them.
    #[inline]
    pub(crate) fn fill(&mut self, need: usize) -> Fill {
        if self.unused.len() >= need { Fill::Ready } else { self.read(need) }
    }

    #[cold]
    #[inline(never)]
    fn read(&mut self, need: usize) -> Fill {
        loop {
            let undecided = matches!(self.stream, Stream::Undecided(_));
            if undecided && (self.ended || self.unused.len() >= MAGIC) {
                self.decide();
                continue;
            }
            if self.unused.len() >= need {
                return Fill::Ready;
            }
            if self.ended {
                return Fill::End;
            }
            self.make_room(if undecided { FIRST } else { BUFFER });
            let room = self.buffer.get_mut(self.unused.end..).unwrap_or_default();
            let room = match room.len() / PAGE * PAGE {
                0 => room,
                pages => room.get_mut(..pages).unwrap_or_default(),
            };
            match self.stream.read(room) {
                Ok(0) => self.ended = true,
                Ok(count) => self.unused.end = (self.unused.end + count).min(self.buffer.len()),
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => return Fill::Wait,
                    ErrorKind::Interrupted => {}
                    _ => {
                        self.failure = Some(self.stream.failure(&error));
                        self.ended = true;
                    }
                },
            }
            self.bytes_in = self.stream.count().unwrap_or(self.bytes_in);
        }
    }

    /// Room behind what is there, by moving it to the front; by a longer buffer only once it has filled this one.
    fn make_room(&mut self, least: usize) {
        let to = place(&self.buffer, self.unused.len());
        let cramped = self.unused.end == self.buffer.len() && to.end + PAGE > self.buffer.len();
        if cramped || self.buffer.len() < least {
            let length = if cramped { least.max(self.buffer.len() * 2) } else { least };
            // Zeroed pages come from the system as they are touched; growing in place would write them all.
            let mut longer = vec![0; length + 2 * PAGE];
            let to = place(&longer, self.unused.len());
            if let Some(front) = longer.get_mut(to.clone()) {
                front.copy_from_slice(self.bytes());
            }
            self.buffer = longer;
            self.moved(to);
        } else if self.unused.start > self.begun && to.end < self.unused.end {
            self.buffer.copy_within(self.unused.clone(), to.start);
            self.moved(to);
        }
    }

    fn moved(&mut self, to: Range<usize>) {
        self.base = self.offset().wrapping_sub(to.start as u64);
        (self.begun, self.unused) = (to.start, to);
    }

    /// Which compression the first bytes stand for. They go into its decoder, and the buffer starts anew.
    fn decide(&mut self) {
        let (compression, closed) = (Compression::of(self.bytes()), Stream::Closed(Compression::None));
        let Stream::Undecided(source) = std::mem::replace(&mut self.stream, closed) else { return };
        if compression == Compression::None {
            self.stream = Stream::Plain(source);
            return;
        }
        let first = Cursor::new(self.bytes().to_vec());
        self.unused = self.unused.start..self.unused.start;
        self.ended = false;
        let compressed = BufReader::with_capacity(COMPRESSED, first.chain(source));
        if compression == Compression::Gzip {
            self.stream = Stream::Gzip(Box::new(MultiGzDecoder::new(compressed)));
            return;
        }
        let decoder = Decoder::with_buffer(compressed).and_then(|mut decoder| {
            decoder.window_log_max(WINDOW_LOG)?;
            Ok(decoder)
        });
        match decoder {
            Ok(decoder) => self.stream = Stream::Zstd(Box::new(decoder)),
            Err(error) => {
                self.failure = Some(Failure::BadCompression(error.to_string()));
                self.ended = true;
            }
        }
    }
}

/// Where so many bytes lie in a buffer so that a page begins behind them.
fn place(buffer: &[u8], length: usize) -> Range<usize> {
    let behind = buffer.as_ptr().align_offset(PAGE).min(PAGE) + length.next_multiple_of(PAGE);
    behind - length..behind
}

impl<S: Read> Stream<S> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Undecided(source) | Stream::Plain(source) => source.read(room),
            Stream::Gzip(decoder) => decoder.read(room),
            Stream::Zstd(decoder) => decoder.read(room),
            Stream::Closed(_) => Ok(0),
        }
    }

    fn source(&self) -> Option<&Counted<S>> {
        match self {
            Stream::Undecided(source) | Stream::Plain(source) => Some(source),
            Stream::Gzip(decoder) => Some(decoder.get_ref().get_ref().get_ref().1),
            Stream::Zstd(decoder) => Some(decoder.get_ref().get_ref().get_ref().1),
            Stream::Closed(_) => None,
        }
    }

    fn count(&self) -> Option<u64> {
        self.source().map(|source| source.count)
    }

    /// Whose fault an error is: the source's or that of the bytes which it gave.
    fn failure(&self, error: &io::Error) -> Failure {
        if self.source().is_none_or(|source| source.failed) {
            return Failure::Unreadable(error.to_string());
        }
        Failure::BadCompression(match error.kind() {
            ErrorKind::UnexpectedEof => "the compressed data are cut off".into(),
            _ => error.to_string(),
        })
    }
}

/// A source, how many bytes it gave, and whether it was what failed.
struct Counted<S> {
    source: S,
    count: u64,
    failed: bool,
}

impl<S: Read> Read for Counted<S> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.source.read(room) {
                Ok(count) => {
                    self.count += count as u64;
                    return Ok(count);
                }
                // Decoders need not know that this is no failure.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.failed |= !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
                    return Err(error);
                }
            }
        }
    }
}
