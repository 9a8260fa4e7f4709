//! What must hold for any bytes as a trace: the body of the fuzz target, and of the plain test that replays its corpus.

use rttp_capture::Compression;
use rttp_load::trace::{Format, NO_PRIORITY, NO_SIZE, Options, Trace, TraceError};

/// Bytes as a trace, by what they look like and by every format.
pub(crate) fn trace(data: &[u8]) {
    for format in [Format::Csv, Format::JsonLines, Format::Pcap, Format::Pcapng] {
        match Trace::parse(data, format) {
            Ok(trace) => accepted(&trace, format, data),
            Err(error) => refused(&error),
        }
    }
    let port = Some(u16::from(data.last().copied().unwrap_or(0)));
    let detected = Format::detect(data);
    match (Trace::parse(data, detected), Trace::parse_with(data, detected, Options { port })) {
        (Ok(all), Ok(some)) => {
            let (all, some) = (all.entries.len() as u64 + all.skipped, some.entries.len() as u64 + some.skipped);
            assert_eq!(all, some, "a filter only moves packets to the skipped ones");
        }
        (_, Err(error)) => refused(&error),
        (Err(_), Ok(_)) => {}
    }
}

fn accepted(trace: &Trace, format: Format, data: &[u8]) {
    assert_eq!(trace.format, format);
    // Of a compressed capture only the reader's own bounds hold.
    if Compression::of(data) == Compression::None {
        assert!(trace.entries.len() <= data.len().div_ceil(2), "an entry takes a digit and a line end at least");
    }
    assert_eq!(trace.entries.first().map(|e| e.due_ns), Some(0));
    assert!(trace.entries.is_sorted_by_key(|e| e.due_ns));
    assert!(trace.duration_ns() <= Trace::LONGEST_NS);
    assert!(trace.entries.iter().all(|e| e.priority <= 255 || e.priority == NO_PRIORITY));
    let with_size = trace.entries.iter().filter(|e| e.size != NO_SIZE).count() as u64;
    let sizes = trace.sizes();
    assert_eq!(sizes.iter().map(|(_, count)| count).sum::<u64>(), with_size);
    assert!(sizes.is_sorted_by(|a, b| a.0 < b.0));
    assert_eq!(trace.has_sizes(), with_size > 0);
    let again = Trace::parse(trace.emit().as_bytes(), Format::Csv).map(|t| t.entries);
    assert_eq!(again.as_ref(), Ok(&trace.entries), "parse(emit(x)) == x");
}

fn refused(error: &TraceError) {
    let text = error.to_string();
    assert!(!text.is_empty() && text.len() < 400, "{text}");
    assert!(!text.chars().any(char::is_control), "{text:?} is for a terminal");
}
