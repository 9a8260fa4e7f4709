use crate::files::{
    ETHERNET, MICROSECONDS, ORDERS, Order, block, enhanced, interface, option, pcap, pcap_header, pcapng, record,
    section,
};
use crate::{Kept, read, times};

fn numbered(count: u32) -> Vec<(u32, u32, Vec<u8>)> {
    (0..count).map(|i| (1_700_000_000 + i, i, vec![i as u8 | 0x80; 50])).collect()
}

/// Each record of `numbered` is so long.
const RECORD: usize = 66;

fn with(mut file: Vec<u8>, at: usize, bytes: &[u8]) -> Vec<u8> {
    file[at..at + bytes.len()].copy_from_slice(bytes);
    file
}

fn last_bytes(packets: &[Kept]) -> Vec<u8> {
    packets.iter().map(|packet| packet.data.last().copied().unwrap_or(0) & 0x7f).collect()
}

#[test]
fn what_is_no_capture_is_said_to_be_none_with_its_first_bytes() {
    for (file, said) in [
        (&b""[..], "byte 0: the file is empty, expected a capture"),
        (b"No", "byte 0: begins with `No`, expected pcap or pcapng, plain, gzip or zstd"),
        (
            b"time,size\n0,5\n1,6\n",
            "byte 0: begins with `time,size\\n0,5\\n1,`, expected pcap or pcapng, plain, gzip or zstd",
        ),
        (
            b"\n\r\r\n\0\0\0\x1cabcdefgh",
            "byte 0: begins with `\\n\\r\\r\\n\\x00\\x00\\x00\\x1cabcdefgh`, expected pcap or pcapng, plain, gzip or zstd",
        ),
    ] {
        assert_eq!(read(file), (vec![], vec![said.to_owned()]));
    }
}

#[test]
fn a_file_cut_at_any_byte_gives_its_whole_packets_and_one_warning() {
    let packets: Vec<_> = (0..4).map(|i| (i, vec![7; 30])).collect();
    let pcap_ends: Vec<_> = (0..=4).map(|i| 24 + i * RECORD).collect();
    let pcapng_ends: Vec<_> = [28].into_iter().chain((0..=4).map(|i| 52 + i * 64)).collect();
    for (file, ends) in [
        (pcap(&numbered(4)), &pcap_ends),
        (pcapng(Order::Big, &packets), &pcapng_ends),
        (pcapng(Order::Little, &packets), &pcapng_ends),
    ] {
        assert_eq!(ends.last(), Some(&file.len()));
        let whole = read(&file).0;
        for length in 0..file.len() {
            let (packets, warnings) = read(&file[..length]);
            let first = ends.len() - 5;
            let expected = ends[first..].iter().filter(|end| **end <= length).count().saturating_sub(1);
            assert_eq!(packets[..], whole[..expected], "{length}");
            assert_eq!(warnings.len(), usize::from(!ends.contains(&length)), "{length}: {warnings:?}");
            assert!(length < 4 || warnings.iter().all(|said| said.contains("cut off")), "{length}: {warnings:?}");
        }
    }
}

#[test]
fn a_bad_length_in_a_pcap_is_said_and_the_rest_is_read() {
    let at = 24 + 2 * RECORD;
    let file = with(pcap(&numbered(6)), at + 8, &[0xff; 4]);
    let (packets, warnings) = read(&file);
    assert_eq!(last_bytes(&packets), [0, 1, 3, 4, 5]);
    let next = at + RECORD;
    assert_eq!(
        warnings,
        [format!(
            "packet 3 at byte {at}: captured length 4294967295, expected at most 262144 bytes; the capture is damaged, reading goes on at byte {next}"
        )]
    );
}

#[test]
fn a_length_that_swallows_the_next_header_costs_those_two_packets_alone() {
    let at = 24 + RECORD;
    for length in [49u32, 51, 70, 20] {
        let (packets, warnings) = read(&with(pcap(&numbered(6)), at + 8, &length.to_le_bytes()));
        let kept = last_bytes(&packets);
        assert!(kept.starts_with(&[0]) && kept.ends_with(&[3, 4, 5]), "{length}: {kept:?}");
        assert_eq!(warnings.len(), 1, "{length}: {warnings:?}");
        assert!(warnings[0].contains("reading goes on at byte"), "{warnings:?}");
    }
}

#[test]
fn junk_between_records_is_passed_over() {
    for junk in [vec![0xa5; 1_000], vec![0; 100_000], (0..=255).collect()] {
        let records = numbered(4);
        let good = pcap(&records);
        let at = 24 + 2 * RECORD;
        let file = [&good[..at], &junk, &good[at..]].concat();
        let (packets, warnings) = read(&file);
        assert_eq!(last_bytes(&packets), [0, 1, 2, 3]);
        assert_eq!(warnings.len(), 1);
        assert!(warnings[0].ends_with(&format!("reading goes on at byte {}", at + junk.len())), "{warnings:?}");
    }
}

#[test]
fn a_length_that_reaches_over_the_end_is_no_cut_off_if_packets_follow() {
    let at = 24 + RECORD;
    let (packets, warnings) = read(&with(pcap(&numbered(4)), at + 8, &100_000u32.to_le_bytes()));
    assert_eq!(last_bytes(&packets), [0, 2, 3]);
    assert!(warnings[0].contains("packet 100016, expected at most 198 bytes"), "{warnings:?}");
}

#[test]
fn records_far_apart_in_time_are_believed() {
    let file = pcap(&[(5, 0, vec![1; 9]), (900_000, 0, vec![2; 9]), (3_000_000, 0, vec![3; 9])]);
    let (packets, warnings) = read(&file);
    assert_eq!((packets.len(), warnings.len()), (3, 0));
}

#[test]
fn a_fraction_of_a_second_or_more_is_said_once_and_the_packet_kept() {
    let records: Vec<_> = (0..3).map(|i| (i, 2_500_000, vec![1; 9])).collect();
    let (packets, warnings) = read(&pcap(&records));
    assert_eq!(times(&packets), [2_500_000_000, 3_500_000_000, 4_500_000_000]);
    assert_eq!(warnings.len(), 2);
    assert!(warnings[0].starts_with("packet 1 at byte 24: time 2500000, expected less than a second in µs"));
    assert!(warnings[1].ends_with("bad-time: 3 packets in all"), "{warnings:?}");
}

#[test]
fn time_that_goes_backwards_is_said_once_and_counted() {
    let seconds = [10, 9, 8, 20, 5, 30, 1];
    let records: Vec<_> = seconds.map(|s| (s, 0, vec![1; 9])).into();
    let (packets, warnings) = read(&pcap(&records));
    assert_eq!(packets.len(), 7);
    assert_eq!(
        warnings,
        [
            "packet 5 at byte 124: 15.000 s behind the packet before, expected packets in the order of their times",
            "byte 199: time-backwards: 2 packets in all"
        ]
    );
}

#[test]
fn torn_blocks_are_passed_over_in_both_byte_orders() {
    for order in ORDERS {
        let packets: Vec<_> = (0..6u8).map(|i| (u64::from(i), vec![i; 40])).collect();
        let good = pcapng(order, &packets);
        let at = 52 + 2 * 72;
        for (bytes, where_) in [(order.u32(71), 4), (order.u32(4), 4), (order.u32(0x7fff_fff0), 4), (order.u32(9), 68)]
        {
            let (packets, warnings) = read(&with(good.clone(), at + where_, &bytes));
            assert_eq!(last_bytes(&packets), [0, 1, 3, 4, 5], "{order:?} {where_}");
            assert_eq!(warnings.len(), 1);
            assert!(warnings[0].starts_with(&format!("packet 3 at byte {at}: ")), "{warnings:?}");
            assert!(warnings[0].ends_with(&format!("reading goes on at byte {}", at + 72)), "{warnings:?}");
        }
        let over = with(good, at + 4, &order.u32(5_000));
        let (packets, warnings) = read(&over);
        assert_eq!((last_bytes(&packets), warnings.len()), (vec![0, 1, 3, 4, 5], 1));
    }
}

#[test]
fn fields_of_blocks_that_cannot_be_cost_their_packet_alone() {
    let order = Order::Big;
    let lying = with(enhanced(order, 0, 1, b"abcd"), 20, &order.u32(5));
    let file = [
        section(order),
        interface(order, ETHERNET, 0, &option(order, 9, &[20])),
        lying,
        enhanced(order, 3, 1, b"abcd"),
        block(order, 6, b"short"),
        enhanced(order, 0, u64::MAX, b"late"),
        enhanced(order, 0, 9, b"good"),
    ]
    .concat();
    let (packets, warnings) = read(&file);
    let seen: Vec<_> = packets.iter().map(|p| (p.number, p.time_ns, &p.data[..])).collect();
    assert_eq!(seen, [(3, 0, &b"late"[..]), (4, 9_000, b"good")]);
    let expected = [
        "if_tsresol 0x14, expected a power of ten up to 19 or of two up to 63; microseconds are assumed",
        "captured length 5, expected at most what its block has room for; the packet is left out",
        "expected a block whose lengths agree and suffice; the capture is damaged, reading goes on at byte",
        "time 18446744073709551615, expected a time from 1970 to 2554; the packet gets the time of the one before",
        "bad-block: 2 packets in all",
    ];
    assert_eq!(warnings.len(), expected.len(), "{warnings:#?}");
    assert!(warnings.iter().zip(expected).all(|(said, part)| said.contains(part)), "{warnings:#?}");
}

#[test]
fn a_flood_of_bad_blocks_is_told_one_by_one() {
    let order = Order::Little;
    let file = [section(order), block(order, 6, b"").repeat(1_000)].concat();
    assert_eq!(read(&file).1.len(), 1_000);
}

#[test]
fn a_version_that_is_not_known_is_said() {
    let mut file = pcap_header(Order::Big, MICROSECONDS, ETHERNET);
    file[4..6].copy_from_slice(&[0, 3]);
    file.extend(record(Order::Big, 1, 1, b"x"));
    let (packets, warnings) = read(&file);
    assert_eq!((packets.len(), &warnings[..]), (1, &["byte 4: version 3.4, expected 2.4; read as 2.4".to_owned()][..]));
}
