use rttp_capture::{Dissector, Foreign, Found, Packet};

use crate::datagrams::packet;
use crate::packets::{IPV4, IPV6, ethernet, ipv4_with, ipv6, udp, vlan};

/// `payload` from byte `start` on, as a fragment of a datagram.
fn four(id: u16, whole: &[u8], start: usize, end: usize) -> Vec<u8> {
    let more = if end < whole.len() { 0x2000 } else { 0 };
    ethernet(IPV4, &ipv4_with(17, id, more | (start / 8) as u16, &[], &whole[start..end]))
}

fn six(id: u8, whole: &[u8], start: usize, end: usize) -> Vec<u8> {
    let word = (start as u16) | u16::from(end < whole.len());
    let header = [&[17, 0][..], &word.to_be_bytes(), &[0, 0, 0, id]].concat();
    ethernet(IPV6, &ipv6(44, &[&header[..], &whole[start..end]].concat()))
}

fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i * i / 7) as u8).collect()
}

fn at(data: &[u8], time_s: u64) -> Packet<'_> {
    Packet { time_ns: time_s * 1_000_000_000, ..packet(1, data) }
}

#[test]
fn fragments_in_any_order_make_the_datagram() {
    let payload = bytes(3_000);
    let whole = udp(&payload);
    for make in [|w: &[u8], a, b| four(9, w, a, b), |w: &[u8], a, b| six(9, w, a, b)] {
        let parts = [make(&whole, 0, 1_480), make(&whole, 1_480, 2_960), make(&whole, 2_960, whole.len())];
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let mut dissector = Dissector::new();
            for i in &order[..2] {
                assert_eq!(dissector.dissect(&at(&parts[*i], 1)), Found::Fragment);
            }
            assert_eq!(dissector.fragments_waiting(), 2);
            let Found::Datagram(found) = dissector.dissect(&at(&parts[order[2]], 1)) else { panic!() };
            assert_eq!((found.payload, found.length, found.reassembled), (&payload[..], 3_000, true));
            assert_eq!((found.destination.port, found.hop_limit), (21_076, 61));
            assert_eq!((dissector.fragments_waiting(), dissector.fragments_dropped()), (0, 0));
        }
    }
}

#[test]
fn datagrams_of_other_ids_vlans_and_interfaces_do_not_mix() {
    let whole = udp(&bytes(100));
    let (first, last) = (four(1, &whole, 0, 64), four(1, &whole, 64, 108));
    let tagged = ethernet(0x8100, &vlan(7, IPV4, &last[14..]));
    let other = four(2, &whole, 64, 108);
    let mut dissector = Dissector::new();
    assert_eq!(dissector.dissect(&at(&first, 0)), Found::Fragment);
    assert_eq!(dissector.dissect(&at(&tagged, 0)), Found::Fragment);
    assert_eq!(dissector.dissect(&at(&other, 0)), Found::Fragment);
    assert_eq!(dissector.dissect(&Packet { interface: 1, ..at(&last, 0) }), Found::Fragment);
    assert!(matches!(dissector.dissect(&at(&last, 0)), Found::Datagram(_)));
    assert_eq!(dissector.fragments_waiting(), 3);
}

#[test]
fn repeated_fragments_do_no_harm_and_conflicting_ones_drop_the_datagram() {
    let whole = udp(&bytes(100));
    let mut bent = whole.clone();
    bent[40] ^= 1;
    let mut dissector = Dissector::new();
    for data in [four(1, &whole, 0, 64), four(1, &whole, 0, 64)] {
        assert_eq!(dissector.dissect(&at(&data, 0)), Found::Fragment);
    }
    assert!(matches!(dissector.dissect(&at(&four(1, &whole, 32, 108), 0)), Found::Datagram(_)));
    dissector.dissect(&at(&four(1, &whole, 0, 64), 0));
    assert_eq!(dissector.dissect(&at(&four(1, &bent, 32, 108), 0)), Found::Fragment);
    assert_eq!((dissector.fragments_waiting(), dissector.fragments_dropped()), (0, 2));
    // A last fragment that ends before another one does.
    dissector.dissect(&at(&four(2, &whole, 64, 96), 0));
    assert_eq!(dissector.dissect(&at(&four(2, &whole[..64], 8, 64), 0)), Found::Fragment);
    assert_eq!((dissector.fragments_waiting(), dissector.fragments_dropped()), (0, 4));
}

#[test]
fn what_waits_for_more_than_thirty_seconds_is_dropped() {
    let whole = udp(&bytes(100));
    let (first, last) = (four(1, &whole, 0, 64), four(1, &whole, 64, 108));
    let mut dissector = Dissector::new();
    dissector.dissect(&at(&first, 100));
    assert!(matches!(dissector.dissect(&at(&last, 130)), Found::Datagram(_)));
    dissector.dissect(&at(&first, 200));
    assert_eq!(dissector.dissect(&at(&last, 231)), Found::Fragment);
    assert_eq!((dissector.fragments_waiting(), dissector.fragments_dropped()), (1, 1));
}

#[test]
fn a_flood_of_fragments_takes_bounded_memory_and_the_oldest_makes_room() {
    let whole = udp(&bytes(100));
    let mut dissector = Dissector::new();
    for id in 0..1_000 {
        dissector.dissect(&at(&four(id, &whole, 0, 64), 0));
    }
    assert_eq!((dissector.fragments_waiting(), dissector.fragments_dropped()), (256, 744));
    assert_eq!(dissector.dissect(&at(&four(743, &whole, 64, 108), 0)), Found::Fragment);
    assert!(matches!(dissector.dissect(&at(&four(999, &whole, 64, 108), 0)), Found::Datagram(_)));
    // Far ends make each buffer 64 KiB: no more than 64 of them fit into 4 MiB.
    let mut dissector = Dissector::new();
    let far = vec![0; 65_000];
    for id in 0..200 {
        dissector.dissect(&at(&four(id, &far, 64_000, 64_800), 0));
    }
    assert!((50..=64).contains(&dissector.fragments_waiting()), "{}", dissector.fragments_waiting());
}

#[test]
fn a_fragment_that_was_not_captured_whole_is_damaged() {
    let data = four(1, &udp(&bytes(100)), 0, 64);
    let snapped = Packet { original: data.len() as u32, ..at(&data[..60], 0) };
    let mut dissector = Dissector::new();
    assert_eq!(dissector.dissect(&snapped), Found::Foreign(Foreign::Damaged));
    assert_eq!((dissector.fragments_waiting(), dissector.fragments_dropped()), (0, 1));
}

#[test]
fn first_fragments_may_stand_for_their_datagrams() {
    let whole = udp(&bytes(3_000));
    for make in [|w: &[u8], a, b| four(9, w, a, b), |w: &[u8], a, b| six(9, w, a, b)] {
        let mut dissector = Dissector::of_first_fragments();
        let data = make(&whole, 0, 1_480);
        let Found::Datagram(found) = dissector.dissect(&at(&data, 0)) else { panic!() };
        assert_eq!((found.payload.len(), found.length, found.reassembled), (1_472, 3_000, false));
        let data = make(&whole, 1_480, 2_960);
        assert_eq!(dissector.dissect(&at(&data, 0)), Found::Fragment);
    }
}
