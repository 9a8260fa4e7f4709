use rttp_capture::{Format, Interface, LinkType, Packet, Reader, WriteError, Writer};

use crate::files::{Order, enhanced, interface, option, section};
use crate::{Kept, all, good};

fn described(link: u16) -> Interface {
    Interface {
        link: LinkType(link),
        snap_length: 96,
        name: None,
        description: None,
        ticks_per_s: 1_000_000_000,
        options: Vec::new(),
    }
}

fn packet<'a>(link: u16, time_ns: u64, data: &'a [u8]) -> Packet<'a> {
    Packet { number: 1, offset: 0, time_ns, interface: 0, link: LinkType(link), data, original: data.len() as u32 + 5 }
}

#[test]
fn packets_of_every_known_link_type_come_back_from_both_formats() {
    for format in [Format::Pcap, Format::Pcapng] {
        for link in [0, 1, 12, 14, 101, 108, 113, 228, 229, 276] {
            let mut writer = Writer::new(Vec::new(), format, Some("made by a test")).unwrap();
            for i in 0..5u64 {
                let data = vec![i as u8; i as usize];
                writer.packet(&described(link), &packet(link, 1_700_000_000_123_456_789 + i, &data)).unwrap();
            }
            let file = writer.finish().unwrap();
            let packets = good(&file);
            for (i, read) in packets.iter().enumerate() {
                let Kept { time_ns, link: read_link, data, original, .. } = read;
                assert_eq!((*time_ns, *read_link), (1_700_000_000_123_456_789 + i as u64, link), "{format:?}");
                assert_eq!((data, *original), (&vec![i as u8; i], i as u32 + 5));
            }
            assert_eq!(packets.len(), 5);
            let comment = file.windows(14).any(|bytes| bytes == b"made by a test");
            assert_eq!(comment, format == Format::Pcapng);
        }
    }
}

#[test]
fn interfaces_are_described_once_with_the_options_that_mean_the_same_anywhere() {
    let order = Order::Big;
    let options = [
        option(order, 2, b"eth0"),
        option(order, 3, b"the first"),
        option(order, 6, &[1, 2, 3, 4, 5, 6]),
        option(order, 7, &[1, 2, 3, 4, 5, 6, 7, 8]),
        option(order, 8, &order.u64(1_000_000)),
        option(order, 9, &[6]),
        option(order, 12, b"Linux"),
        option(order, 14, &order.u64(7)),
    ];
    let source = [
        section(order),
        interface(order, 1, 96, &options.concat()),
        interface(order, 101, 0, &[]),
        [1, 1, 0, 0].map(|i| enhanced(order, i, 5, b"abcde")).concat(),
    ]
    .concat();
    let mut reader = Reader::over(&source[..]);
    let (packets, _) = all(&mut reader);
    let mut writer = Writer::new(Vec::new(), Format::Pcapng, None).unwrap();
    for kept in &packets {
        let Kept { time_ns, interface, link, data, original, .. } = kept;
        let interface = &reader.interfaces()[*interface as usize];
        let packet = Packet { original: *original, ..packet(*link, *time_ns, data) };
        writer.packet(interface, &packet).unwrap();
    }
    let file = writer.finish().unwrap();
    let mut again = Reader::over(&file[..]);
    let (copies, warnings) = all(&mut again);
    assert_eq!(warnings, [""; 0]);
    let seen = |packets: &[Kept]| -> Vec<_> { packets.iter().map(|p| (p.time_ns, p.link, p.data.clone())).collect() };
    assert_eq!(seen(&copies), seen(&packets));
    let [second, first] = again.interfaces() else { panic!() };
    assert_eq!((first.name.as_deref(), first.description.as_deref()), (Some("eth0"), Some("the first")));
    assert_eq!((first.snap_length, first.ticks_per_s, second.link), (96, 1_000_000_000, LinkType::RAW));
    let mut codes: Vec<_> = first.options.iter().map(|(code, _)| *code).collect();
    codes.sort_unstable();
    assert_eq!(codes, [2, 3, 6, 7, 9, 12]);
    assert!(first.options.contains(&(7, vec![1, 2, 3, 4, 5, 6, 7, 8])));
}

#[test]
fn what_a_pcap_cannot_hold_is_an_error_that_says_so() {
    let mut writer = Writer::new(Vec::new(), Format::Pcap, None).unwrap();
    writer.packet(&described(1), &packet(1, 0, b"a")).unwrap();
    let said = |error: WriteError| error.to_string();
    let second = said(writer.packet(&described(101), &packet(101, 0, b"a")).unwrap_err());
    assert_eq!(
        second,
        "link type 101 (raw IP) behind 1 (Ethernet), expected one in a pcap capture; pcapng can have several"
    );
    let late = said(writer.packet(&described(1), &packet(1, u64::MAX, b"a")).unwrap_err());
    assert!(late.contains("expected one before 2106"), "{late}");
    let long = said(writer.packet(&described(1), &packet(1, 0, &vec![0; 262_145])).unwrap_err());
    assert!(long.starts_with("262145 bytes, expected at most 262144"), "{long}");
    assert_eq!(good(&writer.finish().unwrap()).len(), 1);
}

#[test]
fn a_capture_without_packets_is_one() {
    for format in [Format::Pcap, Format::Pcapng] {
        let file = Writer::new(Vec::new(), format, None).unwrap().finish().unwrap();
        assert_eq!(good(&file), []);
    }
}

#[test]
fn an_output_that_fails_is_an_error() {
    let mut room = [0; 30];
    let mut writer = Writer::new(&mut room[..], Format::Pcap, None).unwrap();
    assert!(matches!(writer.packet(&described(1), &packet(1, 0, &[0; 20])), Err(WriteError::Io(_))));
    let mut room = [0; 10];
    assert!(Writer::new(&mut room[..], Format::Pcapng, None).is_err());
}
