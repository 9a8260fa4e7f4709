//! From captures to batches of rows: packets to datagrams to flows to judged pulses.

use rttp_capture::{Datagram, Dissector, Foreign, Found, Merge, Packet, Step, Warning, simple};
use rttp_proto::dialect::Extent;
use rttp_proto::dialects::{MAGIC, rttp1};
use rttp_proto::reject::{Reject, Slug};

use crate::batch::{Batch, CUT, NO_VLAN, ROWS};
use crate::dialect::{Choice, DialectCode, Ground, JSON, Judged, RTTP1, Rules, of};
use crate::envelope::{self, EnvelopeHeader};
use crate::flow::{Flows, NO_FLOW};
use crate::head::Head;
use crate::message::{Gatherer, Message, Part};
use crate::sequence::Order;

/// Packets after which a batch is handed on, full or not: so that whoever waits can show progress and be stopped.
const PACKETS: u64 = 65_536;
/// Bytes kept beside the rows of a batch after which it is handed on: a datagram may have 64 KiB, a packet 16 MiB.
const KEPT: usize = 16 << 20;
/// Warnings that are kept whole; further ones are counted.
pub const MOST_WARNINGS: usize = 100;

/// Which datagrams are looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ports {
    /// Those from or to one of these UDP ports.
    Of(Vec<u16>),
    /// Any that is a pulse beyond doubt, and what follows it in its flow.
    Any,
}

/// A moment of a capture, ns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Moment {
    /// Unix time.
    At(u64),
    /// After the first packet.
    After(u64),
}

/// Which bytes of a packet are kept beside its row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Keep {
    /// The header alone.
    Head,
    /// The pulse's payload.
    Payload,
    /// The packet as captured.
    Packet,
}

/// Which messages are gathered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Gather {
    /// None.
    No,
    /// Those of more than one pulse.
    Fragmented,
    /// All.
    All,
}

/// What is decoded and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which datagrams.
    pub ports: Ports,
    /// How their dialect is told.
    pub rules: Rules,
    /// Only packets from then on.
    pub since: Option<Moment>,
    /// Only packets before then.
    pub until: Option<Moment>,
    /// What is kept of each.
    pub keep: Keep,
    /// Which messages are gathered.
    pub gather: Gather,
}

/// Packets by what became of them.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Counters {
    /// Read.
    pub packets: u64,
    /// Their bytes on the line.
    pub bytes: u64,
    /// Of a link type that is not read.
    pub link_type: u64,
    /// Without IP.
    pub not_ip: u64,
    /// Without UDP.
    pub not_udp: u64,
    /// With headers cut off or lying.
    pub damaged: u64,
    /// IP fragments; the last one of a datagram counts as its datagram.
    pub fragments: u64,
    /// UDP of other ports, or on any port none that is a pulse beyond doubt.
    pub other: u64,
    /// Outside the window of time.
    pub outside: u64,
    /// Datagrams whose flow was one too many.
    pub without_flow: u64,
    /// Time of the first packet, Unix ns.
    pub first_ns: Option<u64>,
    /// Time of the latest.
    pub last_ns: u64,
    /// Pulses that came in several IP fragments.
    pub reassembled: u64,
    /// Whether all captures were read to their ends.
    pub ended: bool,
}

/// Warnings by their captures, bounded.
#[derive(Debug, Default)]
pub struct Warnings {
    /// The first of them, each with the index of its capture.
    pub list: Vec<(usize, Warning)>,
    /// All of them.
    pub count: u64,
}

/// How far a call came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Filled {
    /// There is more.
    More,
    /// A source has nothing now.
    Wait,
    /// All is read.
    End,
}

/// The decoder of one or several captures.
pub struct Decoder {
    merge: Merge,
    intake: Intake,
    stopped: bool,
    ended: bool,
}

/// Everything behind the reader: what a packet passes through.
pub struct Intake {
    options: Options,
    dissector: Dissector,
    gatherer: Gatherer,
    /// Flows so far.
    pub flows: Flows,
    /// Rows of this call.
    pub batch: Batch,
    /// Messages that ended in this call.
    pub messages: Vec<Message>,
    /// Packets so far.
    pub counters: Counters,
    padded: Box<[u8]>,
}

impl Decoder {
    /// A decoder of captures that are read as one, by time.
    #[must_use]
    pub fn new(merge: Merge, options: Options) -> Decoder {
        let intake = Intake {
            options,
            dissector: Dissector::new(),
            gatherer: Gatherer::default(),
            flows: Flows::default(),
            batch: Batch::default(),
            messages: Vec::new(),
            counters: Counters::default(),
            padded: vec![0; usize::from(u16::MAX) + 1].into(),
        };
        Decoder { merge, intake, stopped: false, ended: false }
    }

    /// Reads the next rows and messages, in place of those before.
    pub fn fill(&mut self, warnings: &mut Warnings) -> Filled {
        let Decoder { merge, intake, stopped, ended } = self;
        intake.batch.clear();
        intake.messages.clear();
        if *ended {
            return Filled::End;
        }
        if *stopped {
            intake.gatherer.finish(&mut intake.messages);
            *ended = true;
            return Filled::End;
        }
        let until = intake.counters.packets + PACKETS;
        let told = warnings.count + PACKETS;
        while intake.batch.rows.len() < ROWS
            && intake.batch.kept_bytes_in_all() < KEPT
            && intake.counters.packets < until
            && warnings.count < told
        {
            match merge.next() {
                (file, Step::Packet(packet)) => intake.take(file, &packet),
                (file, Step::Warning(warning)) => warnings.add(file, warning),
                (_, Step::Wait) => return Filled::Wait,
                (_, Step::End) => {
                    intake.counters.ended = true;
                    intake.gatherer.finish(&mut intake.messages);
                    *ended = true;
                    return Filled::End;
                }
            }
        }
        Filled::More
    }

    /// Reads no more: the next call hands on what is there and is the last.
    pub fn stop(&mut self) {
        self.stopped = true;
    }

    /// What was read so far.
    #[must_use]
    pub fn intake(&self) -> &Intake {
        &self.intake
    }

    /// The captures.
    #[must_use]
    pub fn merge(&self) -> &Merge {
        &self.merge
    }
}

impl Warnings {
    fn add(&mut self, file: usize, warning: Warning) {
        self.count += 1;
        if self.list.len() < MOST_WARNINGS {
            self.list.push((file, warning));
        }
    }
}

impl Intake {
    /// IP fragments given up because others never came, and those that still wait.
    #[must_use]
    pub fn fragments_lost(&self) -> u64 {
        self.dissector.fragments_dropped() + self.dissector.fragments_waiting()
    }

    #[inline]
    fn take(&mut self, file: usize, packet: &Packet<'_>) {
        let Intake { options, counters, .. } = self;
        counters.packets += 1;
        counters.bytes += u64::from(packet.original);
        let first_ns = *counters.first_ns.get_or_insert(packet.time_ns);
        counters.last_ns = counters.last_ns.max(packet.time_ns);
        let moment = |m: Moment| match m {
            Moment::At(ns) => ns,
            Moment::After(ns) => first_ns.saturating_add(ns),
        };
        if options.since.is_some_and(|m| packet.time_ns < moment(m))
            || options.until.is_some_and(|m| packet.time_ns >= moment(m))
        {
            counters.outside += 1;
            return;
        }
        // Nearly every packet, without a way through memory.
        if let Some(datagram) = simple(packet) {
            return self.take_datagram(file, packet, &datagram);
        }
        self.take_other(file, packet);
    }

    #[inline(never)]
    fn take_other(&mut self, file: usize, packet: &Packet<'_>) {
        // While the dissector lends a reassembled datagram, the rest must not be borrowed with it.
        let mut dissector = std::mem::take(&mut self.dissector);
        let counters = &mut self.counters;
        match dissector.dissect(packet) {
            Found::Datagram(datagram) => self.take_datagram(file, packet, &datagram),
            Found::Fragment => counters.fragments += 1,
            Found::Foreign(Foreign::LinkType) => counters.link_type += 1,
            Found::Foreign(Foreign::NotIp) => counters.not_ip += 1,
            Found::Foreign(Foreign::NotUdp) => counters.not_udp += 1,
            Found::Foreign(Foreign::Damaged) => counters.damaged += 1,
        }
        self.dissector = dissector;
    }

    #[inline]
    fn is_wanted(&self, datagram: &Datagram<'_>) -> bool {
        match &self.options.ports {
            Ports::Of(ports) => {
                ports.iter().any(|port| *port == datagram.destination.port || *port == datagram.source.port)
            }
            Ports::Any => {
                self.flows.known(datagram.source, datagram.destination)
                    || self.options.rules.certain(datagram.payload)
                    || envelope::recognise(datagram.payload).is_some()
            }
        }
    }

    #[inline]
    fn take_datagram(&mut self, file: usize, packet: &Packet<'_>, datagram: &Datagram<'_>) {
        if !self.is_wanted(datagram) {
            self.counters.other += 1;
            return;
        }
        let number = self.flows.find(&datagram.source, &datagram.destination);
        self.counters.without_flow += u64::from(number.is_none());
        self.counters.reassembled += u64::from(datagram.reassembled);
        let mut nobody = None;
        let mut flow = number.and_then(|n| self.flows.flow_mut(n));
        let choice = flow.as_mut().map_or(&mut nobody, |f| &mut f.choice);
        let found = envelope::recognise(datagram.payload);
        let cut_envelope = datagram.payload.first() == Some(&b'{') && datagram.payload.len() < datagram.length as usize;
        let (judged, outcome) = match (found, self.options.rules.asked) {
            // What begins like an envelope and is cut can be nothing else and not be judged.
            (None, None) if cut_envelope => {
                let cut = Err(Reject::at(Slug::Truncated, datagram.payload.len()));
                (Judged { dialect: JSON, ground: Ground::None, outcome: cut }, None)
            }
            (Some(_), None) => {
                let whole = Extent { header: 0, tag: 0 };
                (Judged { dialect: JSON, ground: Ground::Rules, outcome: Ok(whole) }, Some(Ok(whole)))
            }
            _ => judge(self.options.rules, choice, datagram, &mut self.padded),
        };
        let interval_ns = flow.as_mut().and_then(|f| f.last_ns.replace(packet.time_ns));
        let fixed = of(judged.dialect).map_or(0, |d| d.fixed);
        let whole = fixed > 0 && datagram.payload.len() >= fixed;
        let captured = u32::try_from(datagram.payload.len()).unwrap_or(u32::MAX);
        let row = self.batch.push(datagram.payload, whole.then_some(judged.dialect));
        row.time_ns = packet.time_ns;
        row.packet = packet.number;
        row.interval_ns = interval_ns.map(|before| packet.time_ns.wrapping_sub(before).cast_signed());
        row.source = datagram.source;
        row.destination = datagram.destination;
        row.length = datagram.length;
        row.captured = captured;
        row.flow = number.unwrap_or(NO_FLOW);
        row.file = u32::try_from(file).unwrap_or(u32::MAX);
        row.interface = packet.interface;
        row.vlan = datagram.vlan.unwrap_or(NO_VLAN);
        row.dialect = judged.dialect;
        row.ground = judged.ground;
        match outcome {
            Some(Ok(extent)) => {
                row.header = u16::try_from(extent.header).unwrap_or(u16::MAX);
                row.tag = u16::try_from(extent.tag).unwrap_or(u16::MAX);
            }
            None => row.status = CUT,
            Some(Err(reject)) => (row.status, row.reject_offset) = (reject.slug.code(), reject.offset),
        }
        if row.accepted() && whole {
            self.number();
        }
        self.keep(packet, datagram, found);
    }

    /// The sequence number and the message of the row added last.
    #[inline]
    fn number(&mut self) {
        let (Some(row), Some(head)) = (self.batch.rows.last_mut(), self.batch.heads.last()) else { return };
        let head = Head::new(row.dialect, head);
        let (Some(seq), Some(flow)) = (head.seq(), self.flows.flow_mut(row.flow)) else { return };
        (row.order, row.missing) = flow.sequence.take(seq, head.timestamp_ns());
        if self.options.gather == Gather::No || row.order == Order::Duplicate || row.order == Order::Old {
            return;
        }
        let (Some((count, index)), Some(message_id)) = (head.fragment(), head.message_id()) else { return };
        // Only `rttp1` has repair symbols; elsewhere such an index means nothing.
        let is_part = index < count || head.is_repair() == Some(true);
        if !is_part || self.options.gather == Gather::Fragmented && head.is_alone() {
            return;
        }
        let part = Part {
            flow: row.flow,
            start: flow.sequence.restarts,
            message_id,
            count,
            index,
            announced: head.repair_announced(),
            time_ns: row.time_ns,
            bytes: row.payload_length().unwrap_or(0),
            packet: row.packet,
            file: row.file,
            kind: head.kind().unwrap_or(0),
            priority: head.priority(),
            context_hash: head.context_hash(),
            source: row.source,
            destination: row.destination,
        };
        self.gatherer.take(&part, &mut self.messages);
    }

    /// Bytes that are kept beside the row added last.
    #[inline]
    fn keep(&mut self, packet: &Packet<'_>, datagram: &Datagram<'_>, found: Option<(&str, EnvelopeHeader)>) {
        let Some(row) = self.batch.rows.last() else { return };
        let payload = || {
            let behind = datagram.payload.get(usize::from(row.header)..).unwrap_or(&[]);
            let length = row.payload_length().map_or(0, |n| n as usize);
            behind.get(..length).unwrap_or(behind)
        };
        let (payload, length) = (payload(), row.length);
        let found = if row.dialect == JSON { found } else { envelope::recognise(payload) };
        if let Some((text, header)) = found.filter(|_| row.accepted()) {
            self.batch.add_envelope(header, text);
        }
        match self.options.keep {
            Keep::Head => {}
            Keep::Payload => self.batch.keep(payload, length),
            Keep::Packet => self.batch.keep(packet.data, packet.original),
        }
    }
}

/// Judges a datagram as long as it was on the line: what the capture cut off counts as zeros. `None` if a rule reads
/// there, beside the dialect that it seems to have: then nobody can say, and it decides nothing for its flow.
#[inline]
fn judge(
    rules: Rules,
    choice: &mut Option<Choice>,
    datagram: &Datagram<'_>,
    padded: &mut [u8],
) -> (Judged, Option<Result<Extent, Reject>>) {
    let captured = datagram.payload;
    let length = datagram.length as usize;
    if captured.len() >= length {
        let judged = rules.judge(choice, captured);
        return (judged, Some(judged.outcome));
    }
    if let Some(head) = padded.get_mut(..captured.len()) {
        head.copy_from_slice(captured);
    }
    let mut decided = *choice;
    let mut judged = rules.judge(&mut decided, padded.get(..length).unwrap_or(captured));
    if let Some(head) = padded.get_mut(..captured.len()) {
        head.fill(0);
    }
    let named = rules.asked.or(choice.map(|(dialect, _)| dialect));
    let is_magic = captured.starts_with(&MAGIC.to_be_bytes());
    // Whose tail is cut off looks like no `rttp1` with zeros there, and must not be guessed to be another.
    let may_be_rttp1 = named.unwrap_or(RTTP1) == RTTP1 && !is_magic;
    if may_be_rttp1 && captured.len() < read_of(RTTP1, captured) {
        judged.dialect = RTTP1;
    }
    if captured.len() < read_of(judged.dialect, captured) {
        judged.ground = choice.map_or(if is_magic { Ground::Magic } else { Ground::None }, |(_, ground)| ground);
        return (judged, None);
    }
    *choice = decided;
    (judged, Some(judged.outcome))
}

/// How many bytes the rules of a dialect read.
fn read_of(dialect: DialectCode, bytes: &[u8]) -> usize {
    match bytes {
        // Scheme and number of repair symbols of the tail (`RTTP-1.5`).
        [_, _, flags, ..] if dialect == RTTP1 && flags & rttp1::FLAG_FEC != 0 => rttp1::HEADER + 2,
        _ => of(dialect).map_or(0, |d| d.fixed),
    }
}
