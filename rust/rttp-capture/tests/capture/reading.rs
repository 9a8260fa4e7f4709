use std::io::{self, Read};

use rttp_capture::{Compression, Format, LinkType, Reader, Step, first_time_ns};

use crate::files::{
    ETHERNET, MICROSECONDS, NANOSECONDS, ORDERS, Order, block, enhanced, interface, option, pcap, pcap_header, pcapng,
    record, section,
};
use crate::packets::frame;
use crate::{Drip, all, good, read, times};

const S: u64 = 1_000_000_000;

#[test]
fn a_pcap_is_read_in_both_units_and_both_byte_orders() {
    for order in ORDERS {
        for (magic, unit_ns) in [(MICROSECONDS, 1_000), (NANOSECONDS, 1)] {
            let file = [
                pcap_header(order, magic, ETHERNET),
                record(order, 1_700_000_000, 999_999, b"abc"),
                record(order, 1_700_000_001, 7, b""),
            ]
            .concat();
            let mut reader = Reader::over(&file[..]);
            let (packets, warnings) = all(&mut reader);
            assert_eq!(warnings, [""; 0]);
            assert_eq!(times(&packets), [1_700_000_000 * S + 999_999 * unit_ns, 1_700_000_001 * S + 7 * unit_ns]);
            assert_eq!((packets[0].number, packets[0].offset, &packets[0].data[..]), (1, 24, &b"abc"[..]));
            assert_eq!((packets[1].number, packets[1].offset, packets[1].original), (2, 43, 0));
            assert_eq!((reader.format(), reader.compression()), (Some(Format::Pcap), Compression::None));
            assert_eq!((reader.packets(), reader.bytes_in(), reader.offset()), (2, 59, 59));
            let interface = &reader.interfaces()[0];
            assert_eq!((interface.link, interface.snap_length), (LinkType::ETHERNET, 65_535));
            assert_eq!(interface.ticks_per_s, S / unit_ns);
        }
    }
}

#[test]
fn the_modified_pcap_has_longer_record_headers() {
    for order in ORDERS {
        let mut file = pcap_header(order, 0xa1b2_cd34, ETHERNET);
        for seconds in [5, 6] {
            let plain = record(order, seconds, 1, b"abcd");
            file.extend([&plain[..16], &[9; 8], &plain[16..]].concat());
        }
        let packets = good(&file);
        assert_eq!(times(&packets), [5 * S + 1_000, 6 * S + 1_000]);
        assert!(packets.iter().all(|packet| packet.data == b"abcd"));
    }
}

#[test]
fn a_snapped_packet_keeps_its_length_on_the_line() {
    let mut file = pcap(&[(1, 0, vec![7; 60])]);
    file[24 + 12..24 + 16].copy_from_slice(&1_500u32.to_le_bytes());
    assert_eq!((good(&file)[0].data.len(), good(&file)[0].original), (60, 1_500));
}

#[test]
fn interfaces_of_pcapng_have_clocks_names_and_options_of_their_own() {
    for order in ORDERS {
        let named = [
            option(order, 2, b"eth0"),
            option(order, 3, b"the \xff first"),
            option(order, 9, &[9]),
            option(order, 14, &order.u64(100)),
            option(order, 12, b"Linux"),
        ]
        .concat();
        let binary = [option(order, 9, &[0x80 | 10]), option(order, 14, &order.u64(-100i64 as u64))].concat();
        let file = [
            section(order),
            interface(order, ETHERNET, 0, &[]),
            interface(order, 101, 96, &named),
            block(order, 5, &[0; 12]),
            interface(order, 113, 0, &binary),
            enhanced(order, 0, 200_000_001, b"a"),
            enhanced(order, 1, 100_000_001_500, b"bb"),
            block(order, 0x0bad_cafe, &[1, 2, 3]),
            enhanced(order, 2, 300 * 1_024 + 256, b"ccccc"),
        ]
        .concat();
        let mut reader = Reader::over(&file[..]);
        let (packets, warnings) = all(&mut reader);
        assert_eq!(warnings, [""; 0]);
        assert_eq!(times(&packets), [200 * S + 1_000, 200 * S + 1_500, 200 * S + S / 4]);
        let seen: Vec<_> = packets.iter().map(|p| (p.number, p.interface, p.link, p.data.len())).collect();
        assert_eq!(seen, [(1, 0, 1, 1), (2, 1, 101, 2), (3, 2, 113, 5)]);
        let [plain, second, third] = reader.interfaces() else { panic!() };
        assert_eq!((plain.ticks_per_s, plain.name.as_deref(), plain.options.len()), (1_000_000, None, 0));
        assert_eq!((second.name.as_deref(), second.description.as_deref()), (Some("eth0"), Some("the \u{fffd} first")));
        assert_eq!((second.snap_length, second.ticks_per_s, second.options.len()), (96, S, 5));
        assert_eq!(second.options[4], (12, b"Linux".to_vec()));
        assert_eq!(third.ticks_per_s, 1_024);
    }
}

#[test]
fn a_new_section_has_interfaces_of_its_own_in_its_own_byte_order() {
    let one = |order, ticks| pcapng(order, &[(ticks, vec![1])]);
    let file =
        [one(Order::Big, 5), one(Order::Little, 6), section(Order::Big), enhanced(Order::Big, 0, 7, b"")].concat();
    let mut reader = Reader::over(&file[..]);
    let (packets, warnings) = all(&mut reader);
    assert_eq!((times(&packets), packets[1].interface), (vec![5_000, 6_000], 1));
    assert_eq!((reader.interfaces().len(), reader.packets()), (2, 3));
    let at = file.len() - 32;
    assert_eq!(
        warnings,
        [format!(
            "packet 3 at byte {at}: interface 0, expected one that the capture describes; the packet is left out"
        )]
    );
}

#[test]
fn a_simple_packet_gets_the_time_of_the_one_before_and_that_is_said_once() {
    let order = Order::Little;
    let simple = |original: u32, data: &[u8]| block(order, 3, &[&order.u32(original)[..], data].concat());
    let file = [
        section(order),
        interface(order, ETHERNET, 4, &[]),
        enhanced(order, 0, 77, b"abc"),
        simple(3, b"abc"),
        simple(900, b"abcd"),
    ]
    .concat();
    let (packets, warnings) = read(&file);
    assert_eq!(times(&packets), [77_000; 3]);
    let lengths: Vec<_> = packets.iter().map(|p| (p.data.len(), p.original)).collect();
    assert_eq!(lengths, [(3, 3), (3, 3), (4, 900)]);
    assert_eq!(warnings.len(), 2);
    assert!(warnings[0].starts_with("packet 2 at byte 88: a simple packet block, expected enhanced"), "{warnings:?}");
    assert!(warnings[1].ends_with("no-time: 2 packets in all"), "{warnings:?}");
}

#[test]
fn an_obsolete_packet_block_is_read() {
    for order in ORDERS {
        let head = [&order.u16(0)[..], &order.u16(9), &order.u32(0), &order.u32(55), &order.u32(3), &order.u32(70)];
        let file = [
            section(order),
            interface(order, ETHERNET, 0, &[]),
            block(order, 2, &[&head.concat()[..], b"abc"].concat()),
        ]
        .concat();
        let (packets, warnings) = read(&file);
        assert_eq!((packets[0].time_ns, &packets[0].data[..], packets[0].original), (55_000, &b"abc"[..], 70));
        assert!(warnings[0].contains("obsolete packet block") && warnings.len() == 1, "{warnings:?}");
    }
}

#[test]
fn an_unknown_link_type_is_said_once_for_each_interface() {
    let (_, warnings) = read(&pcap_header(Order::Big, MICROSECONDS, 105));
    assert_eq!(
        warnings,
        [
            "byte 20: link type 105 of interface 0, expected Ethernet, Linux cooked, raw IP or loopback; no datagrams are found"
        ]
    );
    let order = Order::Big;
    let packets = [0, 1, 1, 0, 2].map(|i| enhanced(order, i, 1, b"x")).concat();
    let three = [105, 147, 1].map(|link| interface(order, link, 0, &[])).concat();
    let (packets, warnings) = read(&[section(order), three, packets].concat());
    assert_eq!(packets.len(), 5);
    assert_eq!(warnings.len(), 2);
    assert!(warnings[0].starts_with("packet 1 ") && warnings[1].starts_with("packet 2 "), "{warnings:?}");
}

#[test]
fn fed_in_any_pieces_with_waits_between_it_is_the_same_as_whole() {
    let packets: Vec<_> = (0..40u64).map(|i| (i, vec![i as u8; i as usize * 3])).collect();
    let records: Vec<_> = (0..40).map(|i| (i, 5, vec![i as u8; i as usize * 3])).collect();
    let mut torn = pcap(&records);
    torn[24 + 8] = 0xff;
    torn[24 + 11] = 0xff;
    for file in [pcap(&records), pcapng(Order::Big, &packets), pcapng(Order::Little, &packets), torn] {
        let whole = read(&file);
        for step in [1, 2, 3, 7, 100] {
            assert_eq!(all(&mut Reader::over(Drip::new(&file, step))), whole, "{step}");
        }
    }
}

#[test]
fn a_source_that_has_nothing_now_is_asked_again_and_nothing_is_lost() {
    let file = pcap(&[(1, 0, b"abc".to_vec())]);
    let mut reader = Reader::over(Drip::new(&file, 1_000));
    assert!(matches!(reader.next(), Step::Wait));
    let (packets, warnings) = all(&mut reader);
    assert_eq!((packets.len(), warnings.len()), (1, 0));
    assert!(matches!((reader.next(), 0), (Step::End, 0)));
}

#[test]
fn packets_longer_than_the_buffer_are_whole() {
    let long: Vec<u8> = (0..3_000_000u32).map(|i| i as u8).collect();
    let file = pcapng(Order::Little, &[(1, vec![1]), (2, long.clone()), (3, vec![3; 70_000])]);
    let packets = good(&file);
    assert_eq!((packets.len(), &packets[1].data, packets[2].data.len()), (3, &long, 70_000));
}

#[test]
fn the_first_time_is_found_in_the_first_mebibyte_or_not_at_all() {
    let first = |file: Vec<u8>| first_time_ns(Box::new(io::Cursor::new(file)));
    assert_eq!(first(pcap(&[(7, 1, frame(b"x")), (9, 0, vec![1])])), Some(7 * S + 1_000));
    assert_eq!(first(pcapng(Order::Big, &[(9, vec![1])])), Some(9_000));
    assert_eq!(first(pcap(&[])), None);
    assert_eq!(first(b"hello".to_vec()), None);
    let padding = block(Order::Big, 0x0bad, &vec![0; 2 << 20]);
    let late = [section(Order::Big), padding, pcapng(Order::Big, &[(9, vec![1])])].concat();
    assert_eq!(first(late), None);
}

#[test]
fn a_source_that_fails_is_said_to_be_unreadable_behind_what_it_gave() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk is on fire"))
        }
    }
    assert_eq!(all(&mut Reader::over(Failing)).1, ["byte 0: cannot be read: the disk is on fire"]);
    let file = pcap(&[(1, 0, vec![1; 9]), (2, 0, vec![2; 9])]);
    let mut reader = Reader::over(file[..60].chain(Failing));
    let (packets, warnings) = all(&mut reader);
    assert_eq!(packets.len(), 1);
    assert_eq!(warnings, ["packet 2 at byte 60: cannot be read: the disk is on fire"]);
    let folder = std::fs::File::open(env!("CARGO_MANIFEST_DIR")).unwrap();
    let (_, warnings) = all(&mut Reader::over(folder));
    assert!(warnings[0].starts_with("byte 0: cannot be read: ") && warnings.len() == 1, "{warnings:?}");
}

/// Gives its parts one by one, with a timeout behind each.
struct Halting {
    parts: std::vec::IntoIter<Vec<u8>>,
    halts: bool,
}

impl Read for Halting {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.halts = !self.halts;
        if !self.halts {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let part = self.parts.next().unwrap_or_default();
        room[..part.len()].copy_from_slice(&part);
        Ok(part.len())
    }
}

#[test]
fn a_pause_inside_a_record_whose_rest_comes_at_the_next_look_is_no_damage() {
    let packets: Vec<(u64, Vec<u8>)> = (0..4).map(|i| (i, vec![i as u8; 30])).collect();
    let of_pcap = pcap(&packets.iter().map(|(at, data)| (1_700_000_000, *at as u32, data.clone())).collect::<Vec<_>>());
    for file in [of_pcap, crate::files::pcapng(Order::Little, &packets)] {
        for cut in 1..file.len() {
            let parts = vec![file[..cut].to_vec(), file[cut..].to_vec()].into_iter();
            let (packets, warnings) = all(&mut Reader::over(Halting { parts, halts: false }));
            assert_eq!((packets.len(), warnings), (4, vec![]), "cut at {cut}");
        }
    }
}

#[test]
fn blocks_without_packets_give_their_reader_a_chance_to_stop() {
    let mut file = section(Order::Little);
    (0..10_000).for_each(|_| file.extend(block(Order::Little, 5, &[0; 8])));
    let mut reader = Reader::over(&file[..]);
    assert!(matches!(reader.next(), Step::Wait));
    assert!(matches!(reader.next(), Step::Wait));
    assert!(matches!(reader.next(), Step::End));
}

#[test]
fn names_of_interfaces_are_cut_to_what_anybody_reads() {
    let long = option(Order::Little, 2, &[b'n'; 5_000]);
    let file = [section(Order::Little), interface(Order::Little, ETHERNET, 0, &long)].concat();
    let mut reader = Reader::over(&file[..]);
    assert_eq!(all(&mut reader), (vec![], vec![]));
    assert_eq!(reader.interfaces()[0].name.as_deref(), Some(&*"n".repeat(256)));
}

#[test]
fn a_lost_byte_takes_one_block_with_it_and_not_the_alignment_of_the_rest() {
    let packets: Vec<_> = (0..20).map(|i| (i, vec![7; 30])).collect();
    let mut file = crate::files::pcapng(Order::Little, &packets);
    file.remove(52 + 64 * 5 + 40);
    let (packets, warnings) = read(&file);
    assert_eq!((packets.len(), warnings.len()), (19, 1), "{warnings:?}");
}
