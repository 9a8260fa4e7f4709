//! A summary as a document: `rttp.summary/1` (docs/DECODE.md).

use std::collections::BTreeMap;

use rttp_capture::Endpoint;
use rttp_proto::dialect::Named;
use rttp_proto::dialects::rttp1::KINDS;
use rttp_proto::reject::Slug;
use serde::Serialize;

use super::flows::FlowCounts;
use super::{Example, Summary};
use crate::cells::ip;
use crate::decoder::{Counters, Intake, Warnings};
use crate::dialect;
use crate::flow::Flow;
use crate::message::State;

/// The whole of it.
#[derive(Serialize, Debug)]
pub struct Document {
    schema: &'static str,
    captures: Vec<Capture>,
    packets: Packets,
    pulses: Pulses,
    sequence: Numbers,
    messages: Messages,
    rates: Rates,
    flows_in_all: usize,
    flows: Vec<FlowEntry>,
    rejects: Vec<RejectEntry>,
    events: Vec<EventEntry>,
    events_untold: u64,
    warnings: WarningList,
}

/// One capture as it was read.
#[derive(Clone, Serialize, Debug)]
pub struct Capture {
    /// Its path, or what stands for it.
    pub name: String,
    /// `pcap`, `pcapng`, or nothing if it is neither.
    pub format: Option<&'static str>,
    /// `gzip`, `zstd` or nothing.
    pub compression: Option<&'static str>,
    /// Packets read.
    pub packets: u64,
    /// Bytes read, as they are in the file.
    pub bytes: u64,
    /// Interfaces described.
    pub interfaces: Vec<CaptureInterface>,
}

/// One interface of a capture.
#[derive(Clone, Serialize, Debug)]
pub struct CaptureInterface {
    /// As the capture names it.
    pub name: Option<String>,
    /// Name of its link type.
    pub link: String,
    /// Number of its link type.
    pub link_type: u16,
    /// Resolution of its clock.
    pub ticks_per_s: u64,
    /// Bytes kept of a packet at most; 0 for all.
    pub snap_length: u32,
}

#[derive(Serialize, Debug)]
struct Packets {
    total: u64,
    bytes: u64,
    first_ns: Option<u64>,
    last_ns: Option<u64>,
    skipped: Skipped,
}

#[derive(Serialize, Debug)]
struct Skipped {
    link_type: u64,
    not_ip: u64,
    not_udp: u64,
    damaged: u64,
    ip_fragments: u64,
    ip_fragments_lost: u64,
    other_port: u64,
    outside: u64,
    /// With fields that cannot be: the warnings say which.
    left_out: u64,
}

#[derive(Serialize, Debug)]
struct Pulses {
    accepted: u64,
    rejected: u64,
    cut: u64,
    guessed: u64,
    envelopes: u64,
    /// Of flows beyond those that are kept apart.
    without_flow: u64,
    bytes: u64,
    first_ns: Option<u64>,
    last_ns: Option<u64>,
    dialects: BTreeMap<&'static str, u64>,
    kinds: BTreeMap<String, u64>,
    priorities: BTreeMap<u8, u64>,
    length: Option<Lengths>,
}

#[derive(Serialize, Debug)]
struct Lengths {
    min: u64,
    mean: f64,
    p50: u64,
    p99: u64,
    max: u64,
}

#[derive(Serialize, Default, Debug)]
struct Numbers {
    received: u64,
    lost: u64,
    reordered: u64,
    duplicates: u64,
    restarts: u64,
}

#[derive(Serialize, Debug)]
struct Messages {
    complete: u64,
    recoverable: u64,
    incomplete: u64,
    fragmented: u64,
    repair_symbols: u64,
}

#[derive(Serialize, Debug)]
struct Rates {
    start_ns: Option<u64>,
    width_ns: u64,
    pulses: Vec<u64>,
    bytes: Vec<u64>,
}

#[derive(Serialize, Debug)]
struct FlowEntry {
    flow: usize,
    source: String,
    destination: String,
    dialect: Option<&'static str>,
    ground: Option<&'static str>,
    accepted: u64,
    rejected: u64,
    cut: u64,
    bytes: u64,
    first_ns: u64,
    last_ns: u64,
    sequence: Numbers,
    seq_first: Option<u32>,
    seq_last: Option<u32>,
    messages: FlowMessages,
    delay: Option<Delay>,
    jitter_ns: Option<f64>,
    interval: Option<Spread>,
}

#[derive(Serialize, Debug)]
struct FlowMessages {
    complete: u64,
    recoverable: u64,
    incomplete: u64,
}

#[derive(Serialize, Debug)]
struct Delay {
    samples: u64,
    negative: u64,
    min_ns: i64,
    max_ns: i64,
    /// Of those that are not negative; absent beyond the flows with percentiles.
    spread: Option<Spread>,
}

#[derive(Serialize, Debug)]
struct Spread {
    samples: u64,
    p50_ns: u64,
    p99_ns: u64,
    max_ns: u64,
}

#[derive(Serialize, Debug)]
struct RejectEntry {
    slug: &'static str,
    meaning: &'static str,
    count: u64,
    first: Option<Seen>,
}

#[derive(Serialize, Debug)]
struct EventEntry {
    source: String,
    slug: &'static str,
    count: u64,
    first: Seen,
}

#[derive(Serialize, Debug)]
struct Seen {
    capture: String,
    packet: u64,
    offset: u32,
    time_ns: u64,
    source: String,
    destination: String,
}

#[derive(Serialize, Debug)]
struct WarningList {
    count: u64,
    list: Vec<WarningEntry>,
}

#[derive(Serialize, Debug)]
struct WarningEntry {
    capture: String,
    packet: Option<u64>,
    offset: u64,
    slug: &'static str,
    text: String,
}

impl Summary {
    /// The document. At most `most` flows are listed, those with most datagrams first.
    #[must_use]
    pub fn document(&self, captures: Vec<Capture>, intake: &Intake, warnings: &Warnings, most: usize) -> Document {
        let name = |file: u32| captures.get(file as usize).map_or_else(String::new, |c| c.name.clone());
        let (flows, sequence) = self.flow_entries(intake.flows.all(), most);
        let mut events: Vec<EventEntry> = self.events.iter().map(|(key, e)| event(key, e, &name)).collect();
        events.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| (&a.source, a.slug).cmp(&(&b.source, b.slug))));
        let read: u64 = captures.iter().map(|capture| capture.packets).sum();
        let warnings = WarningList {
            count: warnings.count,
            list: warnings.list.iter().map(|(file, w)| warning(name(*file as u32), w)).collect(),
        };
        Document {
            schema: "rttp.summary/1",
            packets: packets(&intake.counters, intake.fragments_lost(), read),
            pulses: self.pulses(intake.counters.without_flow),
            sequence,
            messages: Messages {
                complete: self.ended(State::Complete),
                recoverable: self.ended(State::Recoverable),
                incomplete: self.ended(State::Incomplete),
                fragmented: self.messages.fragmented,
                repair_symbols: self.messages.repair,
            },
            rates: Rates {
                start_ns: self.rates.start_ns,
                width_ns: self.rates.width_ns,
                pulses: self.rates.steps.iter().map(|s| s.0).collect(),
                bytes: self.rates.steps.iter().map(|s| s.1).collect(),
            },
            flows_in_all: self.flows.flows.iter().filter(|f| f.datagrams() > 0).count(),
            flows,
            rejects: Slug::ALL.iter().filter_map(|slug| self.reject(*slug, &name)).collect(),
            events,
            events_untold: self.events_untold,
            warnings,
            captures,
        }
    }

    fn pulses(&self, without_flow: u64) -> Pulses {
        let some = self.first_ns <= self.last_ns;
        let named = |names: &[Named], n: usize| names.iter().find(|k| k.value == n as u128).map(|k| k.name);
        let kinds = self.kinds.iter().enumerate().filter(|(_, n)| **n > 0);
        let priorities = self.priorities.iter().enumerate().filter(|(_, n)| **n > 0);
        let dialects = self.dialects.iter().enumerate().filter(|(_, n)| **n > 0);
        Pulses {
            accepted: self.accepted,
            rejected: self.rejects.iter().sum(),
            cut: self.cut,
            guessed: self.guessed,
            envelopes: self.envelopes,
            without_flow,
            bytes: self.bytes,
            first_ns: some.then_some(self.first_ns),
            last_ns: some.then_some(self.last_ns),
            dialects: dialects.filter_map(|(i, n)| Some((named(dialect::NAMES, i)?, *n))).collect(),
            kinds: kinds
                .map(|(i, n)| (named(KINDS, i).map_or_else(|| format!("{i:#04x}"), str::to_owned), *n))
                .collect(),
            priorities: priorities.map(|(i, n)| (u8::try_from(i).unwrap_or(u8::MAX), *n)).collect(),
            length: self.length(),
        }
    }

    fn length(&self) -> Option<Lengths> {
        let total: u64 = self.lengths.iter().sum();
        let there = || self.lengths.iter().enumerate().filter(|(_, n)| **n > 0).map(|(length, n)| (length as u64, *n));
        let at = |share: f64| {
            let mut rank = (total as f64 * share).ceil().max(1.0) as u64;
            there().find(|(_, n)| {
                let found = rank <= *n;
                rank = rank.saturating_sub(*n);
                found
            })
        };
        Some(Lengths {
            min: there().next()?.0,
            mean: there().map(|(length, n)| length as f64 * n as f64).sum::<f64>() / total as f64,
            p50: at(0.5)?.0,
            p99: at(0.99)?.0,
            max: there().next_back()?.0,
        })
    }

    fn reject(&self, slug: Slug, name: &dyn Fn(u32) -> String) -> Option<RejectEntry> {
        let code = usize::from(slug.code());
        let count = *self.rejects.get(code)?;
        let first = self.first_rejects.get(code)?.as_ref().map(|example| seen(example, name));
        (count > 0).then_some(RejectEntry { slug: slug.as_str(), meaning: slug.meaning(), count, first })
    }

    fn flow_entries(&self, flows: &[Flow], most: usize) -> (Vec<FlowEntry>, Numbers) {
        let mut all = Numbers::default();
        let mut listed: Vec<(usize, &FlowCounts, &Flow)> = Vec::new();
        for (i, (counts, flow)) in self.flows.flows.iter().zip(flows).enumerate() {
            if counts.datagrams() > 0 {
                let numbers = numbers(flow);
                all.received += numbers.received;
                all.lost += numbers.lost;
                all.reordered += numbers.reordered;
                all.duplicates += numbers.duplicates;
                all.restarts += numbers.restarts;
                listed.push((i, counts, flow));
            }
        }
        listed.sort_by_key(|(i, counts, _)| (std::cmp::Reverse(counts.datagrams()), *i));
        listed.truncate(most);
        (listed.into_iter().map(|(i, counts, flow)| counts.entry(i, flow)).collect(), all)
    }
}

impl FlowCounts {
    fn datagrams(&self) -> u64 {
        self.accepted + self.rejected + self.cut
    }

    fn entry(&self, i: usize, flow: &Flow) -> FlowEntry {
        let name = |names: &[Named], n: u128| names.iter().find(|k| k.value == n).map(|k| k.name);
        let named = |names: &'static [Named], n: u128| name(names, n);
        let detail = self.detail.as_deref();
        let range = flow.sequence.range();
        FlowEntry {
            flow: i,
            source: flow.source.to_string(),
            destination: flow.destination.to_string(),
            dialect: flow.choice.and_then(|(d, _)| named(dialect::NAMES, d.into())),
            ground: flow.choice.and_then(|(_, g)| named(dialect::Ground::NAMES, g as u128)),
            accepted: self.accepted,
            rejected: self.rejected,
            cut: self.cut,
            bytes: self.bytes,
            first_ns: self.first_ns,
            last_ns: self.last_ns,
            sequence: numbers(flow),
            seq_first: range.map(|r| r.0),
            seq_last: range.map(|r| r.1),
            messages: FlowMessages {
                complete: self.complete,
                recoverable: self.recoverable,
                incomplete: self.incomplete,
            },
            delay: (self.delays > 0).then(|| Delay {
                samples: self.delays,
                negative: self.negative,
                min_ns: self.least_ns,
                max_ns: self.greatest_ns,
                spread: detail.and_then(|d| spread(&d.delay_ns)),
            }),
            jitter_ns: (self.delays > 1).then_some(self.jitter_ns),
            interval: detail.and_then(|d| spread(&d.interval_ns)),
        }
    }
}

fn spread(histogram: &hdrhistogram::Histogram<u32>) -> Option<Spread> {
    (!histogram.is_empty()).then(|| Spread {
        samples: histogram.len(),
        p50_ns: histogram.value_at_quantile(0.5),
        p99_ns: histogram.value_at_quantile(0.99),
        max_ns: histogram.max(),
    })
}

fn numbers(flow: &Flow) -> Numbers {
    let s = &flow.sequence;
    Numbers {
        received: s.received,
        lost: s.lost(),
        reordered: s.reordered,
        duplicates: s.duplicates,
        restarts: s.restarts,
    }
}

fn packets(counters: &Counters, ip_fragments_lost: u64, read: u64) -> Packets {
    let last_ns = counters.first_ns.map(|_| counters.last_ns);
    Packets {
        total: counters.packets,
        bytes: counters.bytes,
        first_ns: counters.first_ns,
        last_ns,
        skipped: Skipped {
            link_type: counters.link_type,
            not_ip: counters.not_ip,
            not_udp: counters.not_udp,
            damaged: counters.damaged,
            ip_fragments: counters.fragments,
            ip_fragments_lost,
            other_port: counters.other,
            outside: counters.outside,
            left_out: if counters.ended { read.saturating_sub(counters.packets) } else { 0 },
        },
    }
}

fn seen(example: &Example, name: &dyn Fn(u32) -> String) -> Seen {
    let endpoint = |e: Endpoint| e.to_string();
    Seen {
        capture: name(example.file),
        packet: example.packet,
        offset: example.offset,
        time_ns: example.time_ns,
        source: endpoint(example.source),
        destination: endpoint(example.destination),
    }
}

fn event((address, status): &([u8; 16], u8), event: &super::Event, name: &dyn Fn(u32) -> String) -> EventEntry {
    EventEntry {
        source: ip(*address).to_string(),
        slug: Slug::from_code(*status).map_or("", Slug::as_str),
        count: event.count,
        first: seen(&event.first, name),
    }
}

fn warning(capture: String, warning: &rttp_capture::Warning) -> WarningEntry {
    WarningEntry {
        capture,
        packet: warning.packet,
        offset: warning.offset,
        slug: warning.problem.slug(),
        text: warning.to_string(),
    }
}
