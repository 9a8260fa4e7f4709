//! What holds for any trace and any bytes.

use proptest::prelude::*;
use rttp_load::trace::{Entry, Format, NO_FRAGMENTS, NO_PRIORITY, NO_SIZE, Trace};

use crate::captures::{Order, datagram, enhanced, frames, interface, section};
use crate::checks;

fn an_entry() -> impl Strategy<Value = Entry> {
    let size = prop_oneof![Just(NO_SIZE), 0..2_000u32, 0..NO_SIZE];
    let priority = prop_oneof![Just(NO_PRIORITY), 0..=255u16];
    let fragments = prop_oneof![Just(NO_FRAGMENTS), any::<u16>()];
    let gap = prop_oneof![Just(0), 0..2_000_000_000u64];
    (gap, size, priority, fragments).prop_map(|(due_ns, size, priority, fragments)| Entry {
        due_ns,
        size,
        priority,
        fragments,
    })
}

/// Gaps summed to times, the first at 0.
fn a_trace() -> impl Strategy<Value = Trace> {
    prop::collection::vec(an_entry(), 1..50).prop_map(|mut entries| {
        let mut due_ns = 0;
        for (i, entry) in entries.iter_mut().enumerate() {
            due_ns += if i == 0 { 0 } else { entry.due_ns };
            entry.due_ns = due_ns;
        }
        Trace { entries: entries.into(), format: Format::Csv, skipped: 0, sorted: 0 }
    })
}

/// Bytes that get past the first look: a good capture with some of them changed.
fn a_damaged_capture() -> impl Strategy<Value = Vec<u8>> {
    let order = prop_oneof![Just(Order::Little), Just(Order::Big)];
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6);
    (order, any::<bool>(), changes).prop_map(|(order, ng, changes)| {
        let mut bytes = if ng { small_pcapng(order) } else { small_pcap() };
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes
    })
}

fn small_pcap() -> Vec<u8> {
    frames(&[(5, 0, datagram(9, 3)), (5, 10, datagram(10, 70)), (6, 0, vec![0; 20])])
}

fn small_pcapng(order: Order) -> Vec<u8> {
    let frame = datagram(9, 3);
    [
        section(order),
        interface(order, 1, Some(9), Some(2)),
        enhanced(order, 0, 1_000, &frame),
        enhanced(order, 0, 2_000, &frame),
    ]
    .concat()
}

proptest! {
    #[test]
    fn what_was_emitted_parses_to_itself(trace in a_trace()) {
        prop_assert_eq!(Trace::parse(trace.emit().as_bytes(), Format::Csv), Ok(trace));
    }

    #[test]
    fn any_bytes_are_a_trace_or_refused(bytes: Vec<u8>) {
        checks::trace(&bytes);
    }

    #[test]
    fn any_text_of_its_own_characters_is_a_trace_or_refused(text in "[0-9.,; \t\r\n#eE+:{}a-z\"-]{0,200}") {
        checks::trace(text.as_bytes());
    }

    #[test]
    fn any_damaged_capture_is_a_trace_or_refused(bytes in a_damaged_capture()) {
        checks::trace(&bytes);
    }
}

#[test]
fn a_capture_cut_at_any_byte_is_refused_unless_whole_packets_are_left() {
    for (whole, format, ends) in [
        (small_pcap(), Format::Pcap, vec![24, 85, 213, 249]),
        (small_pcapng(Order::Little), Format::Pcapng, vec![28, 72, 152, 232]),
        (small_pcapng(Order::Big), Format::Pcapng, vec![28, 72, 152, 232]),
    ] {
        let entries = Trace::parse(&whole, format).unwrap().entries;
        assert_eq!((entries.len(), Some(&whole.len())), (2, ends.last()));
        for length in 0..whole.len() {
            let cut = Trace::parse(&whole[..length], format);
            let packets = ends.iter().filter(|end| **end <= length).count().saturating_sub(1);
            let packets = if format == Format::Pcapng { packets.saturating_sub(1) } else { packets.min(2) };
            match cut {
                Ok(trace) => {
                    assert!(ends.contains(&length), "{length} bytes end inside a packet");
                    assert_eq!(trace.entries[..], entries[..packets]);
                }
                Err(error) => {
                    let said = error.to_string();
                    assert!(said.contains("cut off") || said.contains("magic") || packets == 0, "{length}: {said}");
                }
            }
        }
    }
}
