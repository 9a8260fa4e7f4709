//! The fast way agrees with etherparse wherever it answers.
#![allow(clippy::unwrap_used, reason = "a test")]

use proptest::prelude::*;

use super::*;

/// Headers that the fast way reads, with any bytes where a packet can differ.
fn a_packet() -> impl Strategy<Value = (u16, Vec<u8>, u32)> {
    let link = prop::sample::select(vec![(1u16, 14usize, 12usize), (101, 0, 0), (113, 16, 14), (276, 20, 0)]);
    let lengths = (prop_oneof![0..80u16, any::<u16>()], prop_oneof![0..80u16, any::<u16>()]);
    let change = (any::<prop::sample::Index>(), any::<u8>());
    let changes = prop::collection::vec(change, 0..3);
    (link, any::<bool>(), lengths, changes, 0..90usize, prop_oneof![Just(0u32), 0..2_000u32]).prop_map(
        |((link, header, at), six, (ip_length, udp_length), changes, there, lost)| {
            let mut data = vec![0xa5; header];
            if header > 0 {
                let ether_type = if six { ETHERTYPE_IPV6 } else { ETHERTYPE_IPV4 };
                data[at..at + 2].copy_from_slice(&ether_type.to_be_bytes());
            }
            if six {
                data.extend([0x60, 0, 0, 0]);
                data.extend(ip_length.to_be_bytes());
                data.extend([17, 64]);
                data.extend(0..32);
            } else {
                data.extend([0x45, 0]);
                data.extend(ip_length.to_be_bytes());
                data.extend([0, 1, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
            }
            data.extend([1, 2, 3, 4]);
            data.extend(udp_length.to_be_bytes());
            data.extend([0; 2 + 32]);
            for (place, byte) in changes {
                let place = place.index(data.len());
                data[place] = byte;
            }
            data.truncate(header + there);
            let original = data.len() as u32 + lost;
            (link, data, original)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn the_fast_way_agrees_with_etherparse_wherever_it_answers((link, data, original) in a_packet()) {
        let packet =
            Packet { number: 1, offset: 0, time_ns: 0, interface: 0, link: LinkType(link), data: &data, original };
        if let Some(datagram) = simple(&packet) {
            let (part, fragment) = part(&packet).unwrap();
            prop_assert!(fragment.is_none());
            prop_assert_eq!(part.datagram(part.room), Found::Datagram(datagram));
        }
    }
}

#[test]
fn the_fast_way_answers_where_it_should() {
    let ip = |length: u8| {
        let mut data = vec![0x45, 0, 0, length, 0, 1, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
        data.extend([1, 2, 3, 4, 0, length - 20, 0, 0]);
        data.resize(usize::from(length), 7);
        data
    };
    for (link, header) in [
        (1, [&[0; 12][..], &[8, 0]].concat()),
        (101, vec![]),
        (113, [&[0; 14][..], &[8, 0]].concat()),
        (276, [&[8, 0][..], &[0; 18]].concat()),
    ] {
        let data = [header, ip(60)].concat();
        let packet = Packet {
            number: 1,
            offset: 0,
            time_ns: 0,
            interface: 0,
            link: LinkType(link),
            data: &data,
            original: data.len() as u32,
        };
        assert_eq!(simple(&packet).unwrap().length, 32);
    }
}
