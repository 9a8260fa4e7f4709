//! What holds for any bytes and any good capture with some of them changed.

use proptest::prelude::*;
use rttp_capture::{Dissector, Reader};

use crate::files::{Order, pcap, pcapng};
use crate::packets::{IPV4, IPV6, ethernet, frame, ipv4, ipv4_with, ipv6, udp, vlan};
use crate::{Drip, all, checks, read};

fn small(kind: u8) -> Vec<u8> {
    let frames = || (0..6u8).map(|i| frame(&vec![i; usize::from(i) * 9]));
    match kind {
        0 => pcap(&frames().enumerate().map(|(i, data)| (i as u32, 5, data)).collect::<Vec<_>>()),
        _ => {
            let packets: Vec<_> = frames().enumerate().map(|(i, data)| (i as u64, data)).collect();
            pcapng(if kind == 1 { Order::Big } else { Order::Little }, &packets)
        }
    }
}

fn changed(bytes: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<prop::sample::Index>(), prop_oneof![Just(0), Just(255), any::<u8>()]);
    prop::collection::vec(change, 0..6).prop_map(move |changes| {
        let mut bytes = bytes.clone();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes
    })
}

fn a_damaged_capture() -> impl Strategy<Value = Vec<u8>> {
    (0..3u8).prop_flat_map(|kind| changed(small(kind)))
}

fn a_damaged_packet() -> impl Strategy<Value = Vec<u8>> {
    let hops = ipv6(0, &[&[17, 0, 1, 4, 0, 0, 0, 0][..], &udp(b"hello")].concat());
    let first = ipv6(44, &[&[17, 0, 0, 1, 0, 0, 0, 1][..], &udp(b"hello wo")].concat());
    let packets = prop::sample::select(vec![
        (1u16, frame(b"hello")),
        (1, ethernet(IPV6, &ipv6(17, &udp(b"hello")))),
        (1, ethernet(0x8100, &vlan(7, IPV4, &ipv4(&udp(b"hello"))))),
        (1, ethernet(IPV4, &ipv4_with(17, 1, 0x2000, &[1; 4], &udp(b"hello wo")))),
        (1, ethernet(IPV6, &hops)),
        (101, first),
        (101, ipv4(&udp(b"hello"))),
        (113, [&[0; 14][..], &IPV4.to_be_bytes(), &ipv4(&udp(b"hello"))].concat()),
        (276, [&IPV6.to_be_bytes()[..], &[0; 18], &ipv6(17, &udp(b"hello"))].concat()),
    ]);
    let lost = prop_oneof![Just(0u8), any::<u8>()];
    (packets, lost, any::<prop::sample::Index>(), any::<bool>()).prop_flat_map(|((link, data), lost, cut, whole)| {
        let there = if whole { data.len() } else { cut.index(data.len() + 1) };
        changed(data).prop_map(move |data| [&link.to_be_bytes()[..], &[lost], &data[..there]].concat())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_bytes_are_read_to_their_end(bytes: Vec<u8>) {
        checks::capture(&bytes);
        checks::packet(&bytes);
    }

    #[test]
    fn any_damaged_capture_is_read_to_its_end(bytes in a_damaged_capture()) {
        checks::capture(&bytes);
    }

    #[test]
    fn a_damaged_capture_is_the_same_in_pieces(bytes in a_damaged_capture(), step in 1..200usize) {
        prop_assert_eq!(all(&mut Reader::over(Drip::new(&bytes, step))), read(&bytes));
    }

    #[test]
    fn any_damaged_packet_holds_something_or_nothing(bytes in a_damaged_packet()) {
        checks::packet(&bytes);
    }
}

#[test]
fn a_dissector_has_nothing_at_first() {
    let dissector = Dissector::default();
    assert_eq!((dissector.fragments_waiting(), dissector.fragments_dropped()), (0, 0));
}
