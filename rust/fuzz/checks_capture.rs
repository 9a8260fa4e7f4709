//! What must hold for any bytes as a capture or a packet: the bodies of the fuzz targets, and of the tests that replay
//! their corpora.

use rttp_capture::{Dissector, Found, LinkType, Packet, Reader, Step};

/// Bytes as a capture: it ends, and what it gives is consistent.
pub(crate) fn capture(data: &[u8]) {
    let mut reader = Reader::over(data);
    let mut dissector = Dissector::new();
    let (mut newest, mut packets) = ((0, 0), 0u64);
    // A bomb is long, not endless: what is behind so many steps teaches nothing.
    for _ in 0..100_000 {
        match reader.next() {
            Step::Packet(packet) => {
                packets += 1;
                assert!((packet.number, packet.offset) > newest, "numbers and places ascend");
                newest = (packet.number, packet.offset);
                assert!(packet.original as usize >= packet.data.len());
                datagram(&mut dissector, &packet);
            }
            Step::Warning(warning) => {
                let text = warning.to_string();
                assert!(!warning.problem.slug().is_empty() && !text.is_empty() && text.len() < 400, "{text}");
                assert!(!text.chars().any(char::is_control), "{text:?} is for a terminal");
            }
            Step::Wait => panic!("bytes in memory are all there"),
            Step::End => {
                assert!(matches!(reader.next(), Step::End));
                break;
            }
        }
    }
    assert!(reader.packets() >= packets);
    assert!(reader.bytes_in() <= data.len() as u64);
}

/// Bytes as a packet: two of link type, one for what of it was not captured, the rest its data.
pub(crate) fn packet(data: &[u8]) {
    let Some(([high, low, lost], data)) = data.split_first_chunk() else { return };
    let link = LinkType(u16::from_be_bytes([*high, *low]));
    let original = data.len() as u32 + u32::from(*lost);
    let mut packet = Packet { number: 1, offset: 0, time_ns: 0, interface: 0, link, data, original };
    let (mut dissector, mut of_first) = (Dissector::new(), Dissector::of_first_fragments());
    for number in 1..=3 {
        packet.number = number;
        datagram(&mut dissector, &packet);
        datagram(&mut of_first, &packet);
    }
    assert_eq!((of_first.fragments_waiting(), of_first.fragments_dropped()), (0, 0));
}

fn datagram<'a>(dissector: &'a mut Dissector, packet: &Packet<'a>) {
    if let Found::Datagram(found) = dissector.dissect(packet) {
        assert!(found.payload.len() <= found.length as usize);
        assert!(found.reassembled || found.payload.len() + 28 <= packet.data.len());
        assert!(!found.source.to_string().is_empty() && found.vlan.is_none_or(|id| id < 4_096));
    }
    assert!(dissector.fragments_waiting() <= 256 * 8_192);
}
