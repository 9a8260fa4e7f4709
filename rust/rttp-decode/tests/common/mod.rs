//! Captures built by hand, and decoders over them.
#![allow(clippy::unwrap_used, dead_code, reason = "helpers of tests")]

use std::io::Cursor;

use rttp_capture::{Merge, Source};
use rttp_decode::decoder::{Decoder, Filled, Gather, Keep, Options, Ports, Warnings};
use rttp_decode::dialect::Rules;
use rttp_decode::filter::Filter;
use rttp_decode::rows::{Next, Rows, Shape};
use rttp_decode::select::Selector;
use rttp_proto::dialects::rttp1::{HEADER, Kind};
use rttp_proto::pulse::Header;
use rttp_proto::seq::SeqId;
use serde_json::Value;

pub(crate) const START_NS: u64 = 1_795_000_000_000_000_000;
pub(crate) const PORT: u16 = 21_076;

/// A datagram as a capture holds it.
#[derive(Clone)]
pub(crate) struct Sent {
    pub(crate) at_ns: u64,
    pub(crate) from: (u8, u16),
    pub(crate) to: (u8, u16),
    pub(crate) payload: Vec<u8>,
    /// Bytes of the payload that are captured, if not all.
    pub(crate) snapped: Option<usize>,
}

/// From host 1, port 40000, to host 2, port 21076, so many µs after the start.
pub(crate) fn sent(us: u64, payload: Vec<u8>) -> Sent {
    Sent { at_ns: START_NS + us * 1_000, from: (1, 40_000), to: (2, PORT), payload, snapped: None }
}

/// A DATA pulse of a message of so many fragments.
pub(crate) fn pulse(seq: u32, count: u16, index: u16) -> Vec<u8> {
    let mut header = Header::new(Kind::Data, SeqId(seq), START_NS);
    (header.fragment_count, header.fragment_index) = (count, index);
    emitted(&header, b"payload")
}

pub(crate) fn emitted(header: &Header, payload: &[u8]) -> Vec<u8> {
    let mut bytes = [0; HEADER];
    header.emit(&mut bytes);
    [&bytes[..], payload].concat()
}

/// An ns pcap capture of Ethernet, IPv4 and UDP.
pub(crate) fn pcap(all: &[Sent]) -> Vec<u8> {
    let mut out = Vec::new();
    for word in [0xa1b2_3c4du32, 2 | 4 << 16, 0, 0, 65_535, 1] {
        out.extend(word.to_le_bytes());
    }
    for sent in all {
        let mut frame = vec![0; 12];
        frame.extend([8, 0, 0x45, 0]);
        frame.extend((28 + sent.payload.len() as u16).to_be_bytes());
        frame.extend([0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, sent.from.0, 192, 0, 2, sent.to.0]);
        for half in [sent.from.1, sent.to.1, 8 + sent.payload.len() as u16, 0] {
            frame.extend(half.to_be_bytes());
        }
        frame.extend(&sent.payload);
        let original = frame.len() as u32;
        if let Some(snapped) = sent.snapped {
            frame.truncate(42 + snapped);
        }
        let (seconds, ns) = (sent.at_ns / 1_000_000_000, sent.at_ns % 1_000_000_000);
        for word in [seconds as u32, ns as u32, frame.len() as u32, original] {
            out.extend(word.to_le_bytes());
        }
        out.extend(frame);
    }
    out
}

pub(crate) fn options() -> Options {
    Options {
        ports: Ports::Of(vec![PORT]),
        rules: Rules::default(),
        since: None,
        until: None,
        keep: Keep::Head,
        gather: Gather::All,
    }
}

pub(crate) fn decoder(captures: &[Vec<u8>], options: Options) -> Decoder {
    let source = |bytes: &Vec<u8>| {
        let bytes = bytes.clone();
        Source { open: Box::new(move || Ok(Box::new(Cursor::new(bytes)) as _)), first_ns: None }
    };
    Decoder::new(Merge::new(captures.iter().map(source).collect()), options)
}

/// What is asked of rows beside the options.
#[derive(Default)]
pub(crate) struct Wanted<'a> {
    pub(crate) messages: bool,
    pub(crate) fields: Option<&'a [&'a str]>,
    pub(crate) filter: Option<&'a str>,
    pub(crate) every: u64,
    pub(crate) head: Option<u64>,
    pub(crate) tail: Option<usize>,
}

/// All rows as JSON objects.
pub(crate) fn rows(all: &[Sent], options: Options, wanted: &Wanted<'_>) -> Vec<Value> {
    let payload = options.keep == Keep::Payload;
    let mut decoder = decoder(&[pcap(all)], options);
    let columns: &[rttp_decode::filter::Column] =
        if wanted.messages { &rttp_decode::cells::FILTERED_MESSAGES } else { &rttp_decode::cells::FILTERED_PULSES };
    let filter = wanted.filter.map(|text| Filter::parse(text, columns).unwrap());
    let selector = Selector::new(filter, wanted.every, wanted.head);
    let shape = Shape::new(wanted.messages, wanted.fields, payload).unwrap();
    let mut rows = Rows::new(shape, selector, vec!["a.pcap".into()], wanted.tail);
    let mut warnings = Warnings::default();
    let mut text = Vec::new();
    loop {
        match rows.next(&mut decoder, &mut warnings).unwrap() {
            Next::Rows(record) => text = rttp_decode::arrow::json_lines(&record, text).unwrap(),
            Next::More => {}
            Next::Wait => panic!("a slice never waits"),
            Next::End => break,
        }
    }
    assert_eq!(warnings.count, 0, "{warnings:?}");
    text.split(|b| *b == b'\n').filter(|l| !l.is_empty()).map(|l| serde_json::from_slice(l).unwrap()).collect()
}

/// One column of all rows, absent values as null.
pub(crate) fn column(all: &[Sent], options: Options, name: &str) -> Vec<Value> {
    let rows = rows(all, options, &Wanted { fields: Some(&[name, "packet"]), ..Wanted::default() });
    rows.iter().map(|row| row[name].clone()).collect()
}

/// Reads all of it.
pub(crate) fn drained(decoder: &mut Decoder, mut each: impl FnMut(&Decoder)) -> Warnings {
    let mut warnings = Warnings::default();
    loop {
        let filled = decoder.fill(&mut warnings);
        each(decoder);
        if filled == Filled::End {
            return warnings;
        }
    }
}
