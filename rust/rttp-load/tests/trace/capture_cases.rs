//! pcap and pcapng.

use rttp_load::trace::{Entry, Format, NO_PRIORITY};

use crate::captures::{
    ETHERNET, IPV4, IPV6, Order, block, datagram, enhanced, ethernet, frames, interface, ipv4, ipv4_fragment, ipv6,
    pcap, pulse, section, udp, udp_of_length, vlan,
};
use crate::{parse, ported, refusal, sized};

const ORDERS: [Order; 2] = [Order::Little, Order::Big];

#[test]
fn a_pcap_is_read_in_both_units_and_both_byte_orders() {
    let frame = datagram(9, 100);
    for order in ORDERS {
        for (magic, unit_ns) in [(0xa1b2_c3d4, 1_000), (0xa1b2_3c4d, 1)] {
            let records = [(1_700_000_000, 999_999, &frame[..], frame.len()), (1_700_000_001, 7, &frame, frame.len())];
            let trace = parse(Format::Pcap, pcap(order, magic, ETHERNET, &records)).unwrap();
            let gap_ns = 1_000_000_000 - 999_992 * unit_ns;
            assert_eq!(trace.entries[..], [sized(0, 100), sized(gap_ns, 100)], "{order:?} {magic:x}");
            assert_eq!((trace.skipped, trace.sorted, trace.format), (0, 0, Format::Pcap));
        }
    }
}

#[test]
fn a_pulse_gives_its_payload_s_size_and_its_priority() {
    let capture = |payload: &[u8]| frames(&[(0, 0, ethernet(IPV4, &ipv4(17, &udp(9, payload))))]);
    let entry = |payload: &[u8]| parse(Format::Pcap, capture(payload)).unwrap().entries[0];
    assert_eq!(entry(&pulse(200, 36)), Entry { priority: 200, ..sized(0, 36) });
    assert_eq!(entry(&pulse(0, 0)), Entry { priority: 0, ..sized(0, 0) });
    let mut bad = pulse(200, 36);
    bad[0] = 9;
    assert_eq!(entry(&bad), sized(0, 100));
    assert_eq!(entry(&pulse(200, 36)[..63]), sized(0, 63));
}

#[test]
fn every_link_type_leads_to_the_same_datagram() {
    let inner = ipv4(17, &udp(9, b"hello"));
    let six = ipv6(17, &udp(9, b"hello"));
    let cooked = |protocol: u16| [&[0; 14][..], &protocol.to_be_bytes()].concat();
    let cooked_two = |protocol: u16| [&protocol.to_be_bytes()[..], &[0; 18]].concat();
    for (link_type, packet) in [
        (1, ethernet(IPV4, &inner)),
        (1, ethernet(IPV6, &six)),
        (1, ethernet(0x8100, &vlan(IPV4, &inner))),
        (1, ethernet(0x88a8, &vlan(0x8100, &vlan(IPV6, &six)))),
        (1, [ethernet(IPV4, &inner), vec![0; 9]].concat()),
        (101, inner.clone()),
        (101, six.clone()),
        (12, inner.clone()),
        (228, inner.clone()),
        (229, six.clone()),
        (0, [&[2, 0, 0, 0], &inner[..]].concat()),
        (0, [&[0, 0, 0, 30], &six[..]].concat()),
        (108, [&[0, 0, 0, 2], &inner[..]].concat()),
        (113, [cooked(IPV4), inner.clone()].concat()),
        (113, [cooked(IPV6), six.clone()].concat()),
        (113, [cooked(0x8100), vlan(IPV4, &inner)].concat()),
        (276, [cooked_two(IPV4), inner.clone()].concat()),
        (276, [cooked_two(IPV6), six.clone()].concat()),
    ] {
        let file = pcap(Order::Little, 0xa1b2_c3d4, link_type, &[(0, 0, &packet, packet.len())]);
        let trace = parse(Format::Pcap, file).unwrap_or_else(|e| panic!("link type {link_type}: {e}"));
        assert_eq!(trace.entries[..], [sized(0, 5)], "link type {link_type}");
    }
}

#[test]
fn packets_that_are_no_datagram_are_skipped_and_counted() {
    let later = ipv4_fragment(17, 0x0010, &[0; 40]);
    let later_six = ipv6(44, &[&[17, 0, 0x00, 0x80, 0, 0, 0, 1], &[0; 40][..]].concat());
    let trace = parse(
        Format::Pcap,
        frames(&[
            (0, 0, ethernet(IPV4, &ipv4(6, &[0; 20]))),
            (1, 0, datagram(9, 1)),
            (2, 0, ethernet(0x0806, &[0; 28])),
            (3, 0, ethernet(IPV4, &later)),
            (4, 0, ethernet(IPV6, &later_six)),
            (5, 0, vec![1, 2, 3]),
            (6, 0, ethernet(IPV4, &ipv4(17, &udp_of_length(9, 7, b"x")))),
            (7, 0, datagram(9, 2)),
        ]),
    )
    .unwrap();
    assert_eq!(trace.entries[..], [sized(0, 1), sized(6_000_000_000, 2)]);
    assert_eq!(trace.skipped, 6);
}

#[test]
fn a_first_fragment_counts_for_its_whole_datagram() {
    let first = udp_of_length(9, 8 + 3_000, &[0; 1_472]);
    let four = ethernet(IPV4, &ipv4_fragment(17, 0x2000, &first));
    let six = ethernet(IPV6, &ipv6(44, &[&[17, 0, 0, 1, 0, 0, 0, 1], &first[..]].concat()));
    let trace = parse(Format::Pcap, frames(&[(0, 0, four), (0, 1, six)])).unwrap();
    assert_eq!(trace.entries[..], [sized(0, 3_000), sized(1_000, 3_000)]);
}

#[test]
fn a_packet_cut_by_the_snap_length_has_its_length_from_the_headers() {
    let whole = ethernet(IPV4, &ipv4(17, &udp(9, &pulse(5, 900))));
    let records = [
        (0, 0, &whole[..14 + 20 + 8 + 64], whole.len()),
        (0, 1, &whole[..14 + 20 + 8], whole.len()),
        (0, 2, &whole[..14 + 20 + 7], whole.len()),
    ];
    let trace = parse(Format::Pcap, pcap(Order::Little, 0xa1b2_3c4d, ETHERNET, &records)).unwrap();
    assert_eq!(trace.entries[..], [Entry { priority: 5, ..sized(0, 900) }, sized(1, 964)]);
    assert_eq!((trace.entries[1].priority, trace.skipped), (NO_PRIORITY, 1));
}

#[test]
fn a_udp_length_beyond_the_packet_is_not_believed() {
    let boast = ipv4(17, &udp_of_length(9, 60_000, &[0; 10]));
    let cut = ethernet(IPV4, &boast);
    // The IP header claims 60,020 bytes as well, of which 15 were captured and 52 were on the line.
    let mut claims = cut.clone();
    claims[16..18].copy_from_slice(&60_020u16.to_be_bytes());
    let records = [(0, 0, &cut[..], cut.len()), (0, 1, &claims[..], cut.len()), (0, 2, &claims[..45], cut.len())];
    let trace = parse(Format::Pcap, pcap(Order::Little, 0xa1b2_3c4d, ETHERNET, &records)).unwrap();
    assert_eq!(trace.entries[..], [sized(0, 10), sized(1, 10), sized(2, 10)]);
    let jumbo = ethernet(IPV6, &ipv6(17, &udp_of_length(9, 0, &[0; 11])));
    assert_eq!(parse(Format::Pcap, frames(&[(0, 0, jumbo)])).unwrap().entries[..], [sized(0, 11)]);
}

#[test]
fn a_port_takes_only_datagrams_to_it() {
    let file = frames(&[(0, 0, datagram(8, 1)), (1, 0, datagram(9, 2)), (2, 0, datagram(8, 3))]);
    let trace = ported(&file, Format::Pcap, 8).unwrap();
    assert_eq!((&trace.entries[..], trace.skipped), (&[sized(0, 1), sized(2_000_000_000, 3)][..], 1));
    let trace = ported(&file, Format::Pcap, 9).unwrap();
    assert_eq!((&trace.entries[..], trace.skipped), (&[sized(0, 2)][..], 2));
    assert_eq!(ported(&file, Format::Pcap, 40_000).unwrap_err(), "none of 3 packets is UDP to port 40000");
}

#[test]
fn packets_up_to_a_second_out_of_order_are_sorted_and_counted() {
    let file =
        frames(&[(5, 0, datagram(9, 1)), (4, 0, datagram(9, 2)), (5, 0, datagram(9, 3)), (4, 1, datagram(9, 4))]);
    let trace = parse(Format::Pcap, file).unwrap();
    let expected = [sized(0, 2), sized(1_000, 4), sized(1_000_000_000, 1), sized(1_000_000_000, 3)];
    assert_eq!((&trace.entries[..], trace.sorted), (&expected[..], 2));
    let file = frames(&[(5, 1, datagram(9, 1)), (4, 0, datagram(9, 2))]);
    assert_eq!(refusal(Format::Pcap, file), "packet 2 at byte 83: time 4 is before 5.000001 of packet 1 at byte 24");
}

#[test]
fn a_bad_pcap_is_refused_with_packet_and_byte() {
    let good = frames(&[(0, 0, datagram(9, 1)), (1, 0, datagram(9, 1))]);
    let editcap = "(`editcap FILE NEW` keeps the whole packets)";
    let mut long = good.clone();
    long[24 + 8..24 + 12].copy_from_slice(&300_000u32.to_le_bytes());
    for (file, said) in [
        (
            good[..good.len() - 1].to_vec(),
            format!("packet 2 at byte 83: the capture is cut off: 58 of 59 bytes are there {editcap}"),
        ),
        (
            good[..90].to_vec(),
            format!("packet 2 at byte 83: the capture is cut off: 7 of 16 bytes are there {editcap}"),
        ),
        (good[..20].to_vec(), format!("byte 0: the capture is cut off: 20 of 24 bytes are there {editcap}")),
        (good[..24].to_vec(), "no entries, expected at least one".into()),
        (b"0,1".to_vec(), "byte 0: magic number `0,1`, expected a pcap capture".into()),
        (frames(&[(0, 0, vec![0; 60])]), "none of 1 packets is UDP".into()),
        (frames(&[(0, 1_000_000, datagram(9, 1))]), {
            "packet 1 at byte 24: time `1000000`, expected less than a second in µs; the capture is damaged or its unit is wrong".into()
        }),
        (long, {
            "packet 1 at byte 24: captured length `300000`, expected at most 262144 bytes; the capture is damaged"
                .into()
        }),
        (pcap(Order::Big, 0xa1b2_c3d4, 105, &[]), {
            "byte 20: link type `105`, expected Ethernet, Linux cooked, raw IP or loopback".into()
        }),
    ] {
        assert_eq!(refusal(Format::Pcap, file), said);
    }
}

#[test]
fn pcapng_interfaces_have_clocks_of_their_own() {
    let (frame, raw) = (datagram(9, 1), ipv4(17, &udp(9, b"22")));
    for order in ORDERS {
        let file = [
            section(order),
            interface(order, ETHERNET, None, None),
            interface(order, 101, Some(9), Some(100)),
            interface(order, 101, Some(0x80 | 10), Some(-100)),
            block(order, 5, &[0; 12]),
            enhanced(order, 0, 200_000_001, &frame),
            enhanced(order, 1, 100_000_001_500, &raw),
            block(order, 0x0bad_cafe, &[1, 2, 3]),
            enhanced(order, 2, 300 * 1024 + 256, &raw),
        ]
        .concat();
        assert_eq!(Format::detect(&file), Format::Pcapng);
        let trace = parse(Format::Pcapng, file).unwrap();
        assert_eq!(trace.entries[..], [sized(0, 1), sized(500, 2), sized(249_999_000, 2)], "{order:?}");
    }
}

#[test]
fn a_new_pcapng_section_starts_anew() {
    let frame = datagram(9, 1);
    let one = |order, ticks| {
        [section(order), interface(order, ETHERNET, None, None), enhanced(order, 0, ticks, &frame)].concat()
    };
    let trace = parse(Format::Pcapng, [one(Order::Big, 5), one(Order::Little, 6)].concat()).unwrap();
    assert_eq!(trace.entries[..], [sized(0, 1), sized(1_000, 1)]);
    let orphan = [one(Order::Big, 5), section(Order::Big), enhanced(Order::Big, 0, 5, &frame)].concat();
    let said = refusal(Format::Pcapng, orphan);
    assert!(said.ends_with("interface `0`, expected one that the capture describes"), "{said}");
}

#[test]
fn a_bad_pcapng_is_refused_with_packet_and_byte() {
    let order = Order::Big;
    let with = |rest: &[u8]| [section(order), interface(order, ETHERNET, None, None), rest.to_vec()].concat();
    let good = enhanced(order, 0, 1, &datagram(9, 1));
    let mut torn = good.clone();
    *torn.last_mut().unwrap() ^= 4;
    let late = [section(order), interface(order, ETHERNET, None, Some(i64::MAX)), good.clone()].concat();
    for (file, said) in [
        (with(&[&good[..], &good[..75]].concat()), {
            "packet 2 at byte 128: the capture is cut off: 75 of 76 bytes are there (`editcap FILE NEW` keeps the whole packets)"
        }),
        (
            with(&torn),
            "packet 1 at byte 52: block `000000060000004c00000000`, expected one whose lengths agree; the capture is damaged",
        ),
        (with(&block(order, 3, &[0; 8])), {
            "packet 1 at byte 52: time is missing, expected enhanced packet blocks; a simple one has no time"
        }),
        (with(&block(order, 2, &[0; 24])), {
            "packet 1 at byte 52: block `obsolete packet block`, expected enhanced packet blocks; `editcap FILE NEW` writes them"
        }),
        (with(&interface(order, 1, Some(20), None)), {
            "packet 1 at byte 52: if_tsresol `0x14`, expected a power of ten up to 19 or of two up to 63"
        }),
        (late, "packet 1 at byte 64: time `1`, expected a time from 1970 to 2554"),
        (with(&[]), "no entries, expected at least one"),
        (with(&enhanced(order, 0, 1, &[0; 60])), "none of 1 packets is UDP"),
        ([section(order), interface(order, 105, None, None), good].concat(), {
            "packet 1 at byte 52: link type `105`, expected Ethernet, Linux cooked, raw IP or loopback"
        }),
        (b"\n\r\r\n".to_vec(), "byte 0: magic number `\\n\\r\\r\\n`, expected a pcapng capture"),
    ] {
        assert_eq!(refusal(Format::Pcapng, file), said);
    }
}

#[test]
fn a_block_too_short_for_its_own_head_is_refused_whatever_its_type() {
    for order in ORDERS {
        for kind in [0, 1, 2, 3, 4, 5, 6, 9, 10, 0x0a0d_0d0a, 0x0bad, 0x4000_0bad, 0x8000_0001, u32::MAX] {
            for length in [0, 4, 8, 11] {
                let short = [order.u32(kind), order.u32(length), order.u32(length), [0; 4]].concat();
                let said = refusal(Format::Pcapng, [section(order), short].concat());
                assert!(said.starts_with("packet 1 at byte 28: block `"), "{said}");
                assert!(said.ends_with("expected one whose lengths agree; the capture is damaged"), "{said}");
            }
        }
        for kind in [1, 6] {
            let hollow = [section(order), block(order, kind, &[])].concat();
            assert!(refusal(Format::Pcapng, hollow).contains("block `"));
        }
        let unknown = [section(order), block(order, 0x8000_0001, &[])].concat();
        assert_eq!(refusal(Format::Pcapng, unknown), "no entries, expected at least one");
    }
}

/// A frame with one block, not compressed.
fn zstd(data: &[u8]) -> Vec<u8> {
    let length = data.len() as u32;
    let block = (1 | length << 3).to_le_bytes();
    [&[0x28, 0xb5, 0x2f, 0xfd, 0xa0][..], &length.to_le_bytes(), &block[..3], data].concat()
}

#[test]
fn a_compressed_capture_is_a_trace_as_it_is() {
    let plain = frames(&[(5, 0, datagram(9, 1)), (6, 0, datagram(9, 2))]);
    let packed = zstd(&plain);
    assert_eq!(Format::detect(&packed), Format::Pcap);
    assert_eq!(parse(Format::Pcap, &packed), parse(Format::Pcap, &plain));
    let order = Order::Big;
    let ng = [section(order), interface(order, ETHERNET, None, None), enhanced(order, 0, 5, &datagram(9, 1))].concat();
    assert_eq!(Format::detect(&zstd(&ng)), Format::Pcapng);
    let cut = refusal(Format::Pcap, &packed[..packed.len() - 1]);
    assert!(cut.contains("compressed data `") && cut.ends_with("expected data that decompress to their end"), "{cut}");
    let nested = refusal(Format::Pcap, zstd(&zstd(&plain)));
    assert_eq!(nested, "byte 0: magic number `(\u{fffd}/\u{fffd}`, expected a pcap capture");
    assert_eq!(Format::detect(&zstd(b"0,1\n")), Format::Csv);
}
