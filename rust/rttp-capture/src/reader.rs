//! A stream of bytes to packets and to warnings about what is wrong in it.

use std::collections::VecDeque;
use std::io::Read;

use crate::input::{Failure, Fill, Input};
use crate::packet::{Interface, LinkType, Packet};
use crate::pcap::{self, Pcap};
use crate::pcapng::{self, Section};
use crate::warning::{Problem, Warning};

/// Damage without a record for so long ends the reading of a file, bytes.
const LONGEST_SEARCH: u64 = 64 << 20;
/// Packets out of order by less are normal: kernels stamp on several cores.
const TOLERATED_NS: u64 = 1_000_000_000;
/// Blocks without a packet after which a step is a [`Step::Wait`].
const PATIENCE: u32 = 4_096;
/// How far [`first_time_ns`] looks, bytes.
const FIRST_LOOK: u64 = 1 << 20;
const SHOWN: usize = 16;

/// How a capture is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// pcap (draft-ietf-opsawg-pcap), µs or ns, either byte order.
    Pcap,
    /// pcapng (draft-ietf-opsawg-pcapng).
    Pcapng,
}

impl Format {
    /// `pcap` or `pcapng`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Format::Pcap => "pcap",
            Format::Pcapng => "pcapng",
        }
    }
}

/// How a capture is compressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip, of any number of members.
    Gzip,
    /// Zstandard, of any number of frames, with windows up to 128 MiB.
    Zstd,
}

impl Compression {
    /// `none`, `gzip` or `zstd`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Compression::None => "none",
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
        }
    }

    /// Told by the first four bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Compression {
        match bytes {
            [0x1f, 0x8b, ..] => Compression::Gzip,
            // A frame, or one to skip, with which parallel compressors begin.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Compression::Zstd,
            _ => Compression::None,
        }
    }
}

/// What comes next out of a capture.
#[derive(Debug)]
pub enum Step<'a> {
    /// A packet.
    Packet(Packet<'a>),
    /// Something is wrong. Reading goes on: what is fatal is followed by [`Step::End`].
    Warning(Warning),
    /// The source has nothing now (`WouldBlock`, `TimedOut`), or nothing but blocks without packets: ask again.
    Wait,
    /// Nothing more comes.
    End,
}

/// Reads a capture from a stream, once, forwards. Nothing is copied or allocated for a packet.
pub struct Reader<S = Box<dyn Read + Send>> {
    pub(crate) input: Input<S>,
    phase: Phase,
    format: Option<Format>,
    pub(crate) pcap: Pcap,
    pub(crate) section: Section,
    pub(crate) interfaces: Vec<Interface>,
    pub(crate) packets: u64,
    /// The packet found last.
    pub(crate) record: Record,
    pub(crate) newest_ns: Option<u64>,
    longest_search: u64,
    /// Damage behind which the next record is searched.
    damage: Option<Box<Warning>>,
    told: VecDeque<Warning>,
    /// What is to come after the warnings that are about it.
    held: Option<Advance>,
    seen: [u64; Often::ALL.len()],
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Start,
    Pcap,
    Pcapng,
    /// Looking for the next record behind damage.
    Search,
    Finished,
}

/// What is reported once, with its count at the end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Often {
    BadTime,
    TimeBackwards,
    SimpleBlock,
    ObsoleteBlock,
    /// A packet whose block has a field that cannot be.
    BadPacket,
}

impl Often {
    const ALL: [Often; 5] =
        [Often::BadTime, Often::TimeBackwards, Often::SimpleBlock, Often::ObsoleteBlock, Often::BadPacket];

    const fn slug(self) -> &'static str {
        match self {
            Often::BadTime => "bad-time",
            Often::TimeBackwards => "time-backwards",
            Often::SimpleBlock => "no-time",
            Often::ObsoleteBlock => "obsolete-block",
            Often::BadPacket => "bad-block",
        }
    }
}

/// A packet, its bytes by where they lie in the buffer. It stays in its reader: copies of what was just written are slow.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Record {
    pub(crate) offset: u64,
    pub(crate) number: u64,
    pub(crate) time_ns: u64,
    pub(crate) at: usize,
    pub(crate) length: usize,
    pub(crate) interface: u32,
    pub(crate) original: u32,
    pub(crate) link: LinkType,
}

/// [`Step`] without a borrow.
pub(crate) enum Advance {
    /// [`Reader::record`] is the next packet.
    Record,
    Warning(Box<Warning>),
    Wait,
    End,
}

/// What one look at the bytes comes to.
pub(crate) enum Look {
    /// [`Reader::record`] is the next packet.
    Record,
    /// Something was read that is no packet.
    Again,
    Wait,
    /// The stream ends where a record may end.
    End,
    /// The next record is to be searched behind it.
    Damage(Box<Warning>),
}

/// What a search made of the bytes that are there.
pub(crate) enum Searched {
    /// So many bytes in front of a record.
    Found(usize),
    /// None begins in so many bytes; more are needed to say about what is behind them.
    Not { skip: usize, need: usize },
}

impl Reader {
    /// Reads from a source, which may be compressed. Nothing is read before the first step.
    #[must_use]
    pub fn new(source: Box<dyn Read + Send>) -> Reader {
        Reader::over(source)
    }
}

impl<S: Read> Reader<S> {
    /// Reads from a source of any type, such as a slice.
    #[must_use]
    pub fn over(source: S) -> Reader<S> {
        Reader {
            input: Input::new(source),
            phase: Phase::Start,
            format: None,
            pcap: Pcap::default(),
            section: Section::default(),
            interfaces: Vec::new(),
            packets: 0,
            record: Record::default(),
            newest_ns: None,
            longest_search: LONGEST_SEARCH,
            damage: None,
            told: VecDeque::new(),
            held: None,
            seen: [0; Often::ALL.len()],
        }
    }

    /// The next packet, or what is wrong before it. [`Step::End`] comes again however often it is asked for.
    #[inline]
    #[expect(clippy::should_implement_trait, reason = "a step borrows from the reader")]
    pub fn next(&mut self) -> Step<'_> {
        match self.advance() {
            Advance::Record => Step::Packet(self.packet()),
            Advance::Warning(warning) => Step::Warning(*warning),
            Advance::Wait => Step::Wait,
            Advance::End => Step::End,
        }
    }

    /// How the capture is written, once its first bytes were read.
    #[must_use]
    pub fn format(&self) -> Option<Format> {
        self.format
    }

    /// How the capture is compressed; `None` until its first bytes were read.
    #[must_use]
    pub fn compression(&self) -> Compression {
        self.input.compression()
    }

    /// The interfaces described so far, of all sections.
    #[must_use]
    pub fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    /// Packets so far.
    #[must_use]
    pub fn packets(&self) -> u64 {
        self.packets
    }

    /// Bytes read from the source so far, compressed as they are.
    #[must_use]
    pub fn bytes_in(&self) -> u64 {
        self.input.bytes_in()
    }

    /// Where reading stands, bytes from the start of the uncompressed file.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.input.offset()
    }

    #[inline]
    pub(crate) fn packet(&self) -> Packet<'_> {
        let Record { number, offset, time_ns, interface, link, original, at, length } = self.record;
        let data = self.input.slice(at, length);
        Packet { number, offset, time_ns, interface, link, data, original }
    }

    #[inline]
    pub(crate) fn advance(&mut self) -> Advance {
        if !self.told.is_empty() || self.held.is_some() {
            return self.tell();
        }
        match self.look() {
            Some(advance) if self.told.is_empty() => advance,
            held => {
                self.held = held;
                self.tell()
            }
        }
    }

    #[cold]
    fn tell(&mut self) -> Advance {
        match self.told.pop_front() {
            Some(warning) => Advance::Warning(Box::new(warning)),
            None => self.held.take().unwrap_or(Advance::End),
        }
    }

    /// Gives source and buffers back; what was counted stays.
    pub(crate) fn close(&mut self) {
        self.phase = Phase::Finished;
        self.section = Section::default();
        self.input.close();
    }

    /// Reports something at its first time, and counts it.
    #[cold]
    pub(crate) fn warn_once(&mut self, what: Often, offset: u64, problem: Problem) {
        let Some(seen) = self.seen.get_mut(what as usize) else { return };
        *seen += 1;
        if *seen == 1 {
            self.warn(offset, problem);
        }
    }

    #[cold]
    pub(crate) fn warn(&mut self, offset: u64, problem: Problem) {
        self.told.push_back(self.warning(offset, problem));
    }

    /// A warning about the packet that comes next.
    #[cold]
    pub(crate) fn warning(&self, offset: u64, problem: Problem) -> Warning {
        Warning { packet: Some(self.packets + 1), offset, problem }
    }

    /// Compares a packet's time with the one before.
    #[inline]
    pub(crate) fn note_time(&mut self, offset: u64, time_ns: u64) {
        let behind_ns = self.newest_ns.replace(time_ns).unwrap_or(0).saturating_sub(time_ns);
        if behind_ns > TOLERATED_NS {
            self.warn_once(Often::TimeBackwards, offset, Problem::TimeBackwards { behind_ns });
        }
    }

    /// What comes next, or `None` when there is something to tell before anything more is read.
    #[inline]
    fn look(&mut self) -> Option<Advance> {
        let mut patience = PATIENCE;
        loop {
            let look = match self.phase {
                Phase::Pcap => self.pcap(),
                Phase::Pcapng => self.pcapng(),
                Phase::Start => self.start(),
                Phase::Search => self.search(),
                Phase::Finished => return Some(Advance::End),
            };
            match look {
                Look::Record => return Some(Advance::Record),
                // Whoever reads must be able to stop between blocks that hold no packet, however many.
                Look::Again if patience == 0 => return Some(Advance::Wait),
                Look::Again if self.told.is_empty() => patience -= 1,
                Look::Again => return None,
                Look::Wait => return Some(Advance::Wait),
                Look::End => self.finish(),
                Look::Damage(warning) => {
                    self.damage = Some(warning);
                    self.phase = Phase::Search;
                }
            }
        }
    }

    /// Tells the format by the first bytes.
    #[cold]
    fn start(&mut self) -> Look {
        if self.input.fill(SHOWN) == Fill::Wait {
            return Look::Wait;
        }
        let bytes = self.input.bytes();
        let (plain, inner) = (self.input.compression() == Compression::None, Compression::of(bytes));
        let problem = if bytes.is_empty() || self.input.failure().is_some() && bytes.len() < SHOWN {
            if self.input.failure().is_some() {
                return Look::End;
            }
            Problem::Empty
        } else if !plain && inner != Compression::None {
            Problem::NestedCompression { inner }
        } else if let Some(pcap) = Pcap::of_magic(bytes) {
            return self.start_pcap(pcap);
        } else if bytes.starts_with(&pcapng::MAGIC) && bytes.len() < pcapng::MARKED {
            let (found, expected) = (bytes.len() as u64, pcapng::SECTION_HEADER_LENGTH as u64);
            Problem::CutOff { what: "section header", found, expected }
        } else if let Some(big) = pcapng::is_big(bytes).filter(|_| bytes.starts_with(&pcapng::MAGIC)) {
            self.section = Section::new(big, 0);
            (self.format, self.phase) = (Some(Format::Pcapng), Phase::Pcapng);
            return Look::Again;
        } else {
            Problem::NotACapture { found: bytes.iter().take(SHOWN).copied().collect() }
        };
        self.told.push_back(Warning { packet: None, offset: 0, problem });
        Look::End
    }

    fn start_pcap(&mut self, pcap: Pcap) -> Look {
        match self.input.fill(pcap::FILE_HEADER) {
            Fill::Wait => return Look::Wait,
            Fill::End if self.input.failure().is_some() => return Look::End,
            _ => {}
        }
        let bytes = self.input.bytes();
        let Some(header) = bytes.first_chunk() else {
            let (found, expected) = (bytes.len() as u64, pcap::FILE_HEADER as u64);
            let problem = Problem::CutOff { what: "file header", found, expected };
            self.told.push_back(Warning { packet: None, offset: 0, problem });
            return Look::End;
        };
        let (pcap, interface, version) = pcap.with_header(header);
        (self.pcap, self.format, self.phase) = (pcap, Some(Format::Pcap), Phase::Pcap);
        if version.0 != pcap::VERSION.0 {
            let problem = Problem::BadVersion { found: version, expected: pcap::VERSION };
            self.told.push_back(Warning { packet: None, offset: 4, problem });
        }
        if !interface.link.is_known() {
            let problem = Problem::UnknownLink { interface: 0, link: interface.link };
            self.told.push_back(Warning { packet: None, offset: 20, problem });
        }
        self.interfaces.push(interface);
        self.input.consume(pcap::FILE_HEADER);
        Look::Again
    }

    /// Looks for the next record. Says what was wrong once it is known where reading goes on, or that it does not.
    #[cold]
    fn search(&mut self) -> Look {
        let Some(begun) = self.damage.as_ref().map(|damage| damage.offset) else { return Look::End };
        loop {
            let ended = self.input.ended();
            let searched = match self.format {
                Some(Format::Pcapng) => self.section.search(self.input.bytes(), ended, self.input.offset() == begun),
                _ => self.pcap.search(self.input.bytes(), ended, self.input.offset() == begun),
            };
            match searched {
                Searched::Found(skip) => {
                    self.input.consume(skip);
                    let next = self.input.offset();
                    if let Some(damage) = self.damage.take() {
                        let Warning { packet, offset, problem } = *damage;
                        self.told.push_back(Warning { packet, offset, problem: problem.resumed(next) });
                    }
                    self.phase = if self.format == Some(Format::Pcapng) { Phase::Pcapng } else { Phase::Pcap };
                    return Look::Again;
                }
                Searched::Not { skip, need } => {
                    self.input.consume(skip);
                    let far = self.input.offset().saturating_sub(begun) > self.longest_search;
                    if ended || far {
                        return self.give_up();
                    }
                    if self.input.fill(need) == Fill::Wait {
                        return Look::Wait;
                    }
                }
            }
        }
    }

    fn give_up(&mut self) -> Look {
        if let Some(damage) = self.damage.take() {
            // A stream that failed is no file that was cut off.
            if !(matches!(damage.problem, Problem::CutOff { .. }) && self.input.failure().is_some()) {
                self.told.push_back(*damage);
            }
        }
        Look::End
    }

    #[cold]
    fn finish(&mut self) {
        if let Some(failure) = self.input.failure().cloned() {
            let problem = match failure {
                Failure::Unreadable(found) => Problem::Unreadable { found },
                Failure::BadCompression(found) => Problem::BadCompression { found },
            };
            let offset = self.input.offset() + self.input.bytes().len() as u64;
            let packet = self.format.map(|_| self.packets + 1);
            self.told.push_back(Warning { packet, offset, problem });
        }
        for (what, packets) in Often::ALL.into_iter().zip(self.seen) {
            if packets > 1 {
                let problem = Problem::Count { slug: what.slug(), packets };
                self.told.push_back(Warning { packet: None, offset: self.input.offset(), problem });
            }
        }
        self.phase = Phase::Finished;
    }
}

/// The time of a capture's first packet, Unix ns. Looks at its first MiB only.
#[must_use]
pub fn first_time_ns(source: Box<dyn Read + Send>) -> Option<u64> {
    let mut reader = Reader::over(source.take(FIRST_LOOK));
    while reader.offset() < FIRST_LOOK {
        match reader.advance() {
            Advance::Record => return Some(reader.record.time_ns),
            Advance::Warning(_) => {}
            Advance::Wait | Advance::End => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    /// A header and a record of six bytes, then what is given, without end.
    fn endless(byte: u8) -> Reader<impl Read> {
        let mut file = Vec::new();
        for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 1, 7, 0, 6, 6] {
            file.extend(word.to_le_bytes());
        }
        file.extend([1; 6]);
        Reader::over(io::Cursor::new(file).chain(io::repeat(byte)))
    }

    #[test]
    fn damage_without_an_end_is_given_up_after_64_mebibytes() {
        assert_eq!(endless(0).longest_search, 64 << 20);
        for byte in [0, 0xa5] {
            let mut reader = endless(byte);
            reader.longest_search = 3 << 20;
            assert!(matches!(reader.next(), Step::Packet(_)));
            let Step::Warning(warning) = reader.next() else { panic!("it is damaged") };
            assert!(warning.problem.is_fatal() && warning.offset == 46, "{warning}");
            assert!(warning.to_string().ends_with("nothing readable was found behind"), "{warning}");
            assert!(matches!(reader.next(), Step::End));
            assert!((3 << 20..6 << 20).contains(&reader.bytes_in()), "{}", reader.bytes_in());
            assert!(reader.input.capacity() <= 2 << 20, "{}", reader.input.capacity());
        }
    }
}
