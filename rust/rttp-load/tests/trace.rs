//! Traces from text and from captures: what they mean, what is refused and with which words.
#![allow(clippy::unwrap_used, reason = "a test that cannot read its input has failed")]

#[path = "trace/capture_cases.rs"]
mod capture_cases;
#[path = "trace/captures.rs"]
mod captures;
#[path = "../../fuzz/checks_trace.rs"]
mod checks;
#[path = "trace/laws.rs"]
mod laws;
#[path = "trace/text_cases.rs"]
mod text_cases;

use rttp_load::trace::{Entry, Format, NO_FRAGMENTS, NO_PRIORITY, NO_SIZE, Options, Trace};

/// What a format makes of bytes, or its complaint.
fn parse(format: Format, bytes: impl AsRef<[u8]>) -> Result<Trace, String> {
    Trace::parse(bytes.as_ref(), format).map_err(|e| e.to_string())
}

fn refusal(format: Format, bytes: impl AsRef<[u8]>) -> String {
    parse(format, bytes).unwrap_err()
}

/// An entry with nothing but its time.
fn bare(due_ns: u64) -> Entry {
    Entry { due_ns, size: NO_SIZE, priority: NO_PRIORITY, fragments: NO_FRAGMENTS }
}

fn sized(due_ns: u64, size: u32) -> Entry {
    Entry { size, ..bare(due_ns) }
}

fn ported(bytes: &[u8], format: Format, port: u16) -> Result<Trace, String> {
    Trace::parse_with(bytes, format, Options { port: Some(port) }).map_err(|e| e.to_string())
}

#[test]
fn a_format_is_told_by_its_content() {
    for (bytes, format) in [
        (&b""[..], Format::Csv),
        (b"0.1,5", Format::Csv),
        (b"# {\n{", Format::Csv),
        (b"\n\r\r\n1", Format::Csv),
        (b" \r\n\t{\"time\": 1}", Format::JsonLines),
        (b"\xef\xbb\xbf{}", Format::JsonLines),
        (b"\xa1\xb2\xc3\xd4", Format::Pcap),
        (b"\xd4\xc3\xb2\xa1", Format::Pcap),
        (b"\xa1\xb2\x3c\x4d", Format::Pcap),
        (b"\x4d\x3c\xb2\xa1", Format::Pcap),
        (b"\n\r\r\n\0\0\0\x1c\x1a\x2b\x3c\x4d", Format::Pcapng),
        (b"\n\r\r\n\x1c\0\0\0\x4d\x3c\x2b\x1a", Format::Pcapng),
    ] {
        assert_eq!(Format::detect(bytes), format, "{bytes:?}");
    }
}

#[test]
fn sizes_are_counted_and_entries_without_one_are_not() {
    let trace = parse(Format::Csv, "0,9\n1,5\n2\n3,9\n4,0\n").unwrap();
    assert_eq!(trace.sizes(), [(0, 1), (5, 1), (9, 2)]);
    assert_eq!((trace.has_sizes(), trace.has_priorities(), trace.duration_ns()), (true, false, 4_000_000_000));
    let trace = parse(Format::Csv, "0\n1").unwrap();
    assert_eq!((trace.sizes(), trace.has_sizes()), (vec![], false));
}

#[test]
fn too_many_sizes_share_buckets_of_one_width_and_none_is_lost() {
    let entry = |size: u32| Entry { size, ..bare(0) };
    let most = Trace::MOST_SIZES as u32;
    let trace_of = |sizes: &mut dyn Iterator<Item = u32>| Trace {
        entries: sizes.map(entry).collect(),
        format: Format::Csv,
        skipped: 0,
        sorted: 0,
    };
    let kept = trace_of(&mut (0..most).map(|i| 3 * i)).sizes();
    assert_eq!((kept.len(), kept[1]), (Trace::MOST_SIZES, (3, 1)));
    for step in [1, 7, 65_000] {
        let shared = trace_of(&mut (0..most + 1).map(|i| 10 + step * i)).sizes();
        assert!(shared.len() <= Trace::MOST_SIZES, "{}", shared.len());
        assert_eq!(shared.iter().map(|(_, count)| count).sum::<u64>(), u64::from(most) + 1);
        let width = (step * most) / most + 1;
        assert!(shared.iter().all(|(size, _)| (size - 10) % width == 0));
        assert_eq!(shared[0].0, 10);
    }
    let extremes = trace_of(&mut (0..most).chain([NO_SIZE - 1])).sizes();
    assert_eq!(extremes, [(0, u64::from(most)), (65_535 * most, 1)]);
}

#[test]
fn a_port_is_asked_of_captures_alone() {
    for format in [Format::Csv, Format::JsonLines] {
        assert_eq!(ported(b"0", format, 7).unwrap_err(), "port `7`, expected a capture; a text has no ports");
    }
}

#[test]
fn the_kept_traces_hold() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/trace");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let replayed = files.map(|file| checks::trace(&std::fs::read(&file).unwrap())).count();
    assert!((20..60).contains(&replayed), "{replayed}");
}
