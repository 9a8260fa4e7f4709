use rttp_capture::{Datagram, Dissector, Endpoint, Foreign, Found, LinkType, Packet};

use crate::packets::{IPV4, IPV6, ethernet, frame, ipv4, ipv4_with, ipv6, udp, udp_of_length, vlan};

pub(crate) fn packet(link: u16, data: &[u8]) -> Packet<'_> {
    let original = data.len() as u32;
    Packet { number: 1, offset: 24, time_ns: 0, interface: 0, link: LinkType(link), data, original }
}

#[track_caller]
fn found<'a>(dissector: &'a mut Dissector, packet: &Packet<'a>) -> Datagram<'a> {
    match dissector.dissect(packet) {
        Found::Datagram(datagram) => datagram,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_link_layer_leads_to_the_same_datagram() {
    let four = ipv4(&udp(b"hello"));
    let options = ipv4_with(17, 1, 0, &[1; 8], &udp(b"hello"));
    let six = ipv6(17, &udp(b"hello"));
    let hops = ipv6(0, &[&[60, 0, 1, 4, 0, 0, 0, 0, 17, 0, 1, 4, 0, 0, 0, 0][..], &udp(b"hello")].concat());
    let cooked = |protocol: u16| [&[0; 14][..], &protocol.to_be_bytes()].concat();
    let cooked_two = |protocol: u16| [&protocol.to_be_bytes()[..], &[0; 18]].concat();
    let cases = [
        (1, ethernet(IPV4, &four), None),
        (1, ethernet(IPV4, &options), None),
        (1, ethernet(IPV6, &six), None),
        (1, ethernet(IPV6, &hops), None),
        (1, ethernet(0x8100, &vlan(0x2007, IPV4, &four)), Some(7)),
        (1, ethernet(0x88a8, &vlan(5, 0x8100, &vlan(7, IPV6, &six))), Some(5)),
        (1, [ethernet(IPV4, &four), vec![0; 13]].concat(), None),
        (101, four.clone(), None),
        (101, six.clone(), None),
        (12, four.clone(), None),
        (14, four.clone(), None),
        (228, four.clone(), None),
        (229, six.clone(), None),
        (0, [&[2, 0, 0, 0], &four[..]].concat(), None),
        (0, [&[0, 0, 0, 30], &six[..]].concat(), None),
        (108, [&[0, 0, 0, 2], &four[..]].concat(), None),
        (108, [&[0, 0, 0, 24], &six[..]].concat(), None),
        (113, [cooked(IPV4), four.clone()].concat(), None),
        (113, [cooked(IPV6), six.clone()].concat(), None),
        (113, [cooked(0x8100), vlan(9, IPV4, &four)].concat(), Some(9)),
        (276, [cooked_two(IPV4), four.clone()].concat(), None),
        (276, [cooked_two(IPV6), six.clone()].concat(), None),
    ];
    for (link, data, tag) in cases {
        assert!(LinkType(link).is_known());
        let mut dissector = Dissector::new();
        let packet = packet(link, &data);
        let datagram = found(&mut dissector, &packet);
        assert_eq!((datagram.payload, datagram.length), (&b"hello"[..], 5), "link type {link}");
        assert_eq!((datagram.vlan, datagram.hop_limit, datagram.reassembled), (tag, 61, false), "link type {link}");
        let ends = (datagram.source.to_string(), datagram.destination.to_string());
        let four = ("10.0.0.1:40000".to_owned(), "10.0.0.2:21076".to_owned());
        let six = ("[fd00::1]:40000".to_owned(), "[fd00::2]:21076".to_owned());
        assert!(ends == four || ends == six, "{ends:?}");
    }
}

#[test]
fn an_endpoint_shows_as_people_write_it() {
    let four = Endpoint { address: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1], port: 21_076 };
    assert_eq!((four.to_string(), four.ip().is_ipv4()), ("10.0.0.1:21076".into(), true));
    let six = Endpoint { address: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], port: 1 };
    assert_eq!(six.to_string(), "[::1]:1");
}

#[test]
fn what_is_no_datagram_says_what_it_is() {
    let mut bad_version = ipv4(&udp(b"x"));
    bad_version[0] = 0x75;
    for (link, data, foreign) in [
        (147, frame(b"x"), Foreign::LinkType),
        (1, ethernet(0x0806, &[0; 28]), Foreign::NotIp),
        (1, ethernet(0x0040, &[0; 64]), Foreign::NotIp),
        (0, vec![9, 9, 9, 9, 0x45], Foreign::NotIp),
        (1, ethernet(IPV4, &ipv4_with(6, 1, 0, &[], &[0; 20])), Foreign::NotUdp),
        (1, ethernet(IPV4, &ipv4_with(1, 1, 0, &[], &[0; 3])), Foreign::NotUdp),
        (1, ethernet(IPV6, &ipv6(58, &[0; 8])), Foreign::NotUdp),
        (1, vec![1, 2, 3], Foreign::Damaged),
        (1, vec![], Foreign::Damaged),
        (101, vec![], Foreign::Damaged),
        (101, bad_version, Foreign::Damaged),
        (0, vec![2, 0], Foreign::Damaged),
        (113, vec![0; 15], Foreign::Damaged),
        (1, frame(b"")[..14 + 19].to_vec(), Foreign::Damaged),
        (1, frame(b"")[..14 + 27].to_vec(), Foreign::Damaged),
        (1, ethernet(IPV6, &ipv6(0, &[17, 9])), Foreign::Damaged),
        (1, ethernet(IPV4, &ipv4(&udp_of_length(7, b"x"))), Foreign::Damaged),
        (1, ethernet(IPV4, &ipv4(&udp(b"")[..7])), Foreign::Damaged),
    ] {
        assert_eq!(Dissector::new().dissect(&packet(link, &data)), Found::Foreign(foreign), "{link} {data:02x?}");
    }
}

#[test]
fn a_snapped_packet_has_the_payload_that_is_there_and_its_length_from_the_headers() {
    for whole in [
        frame(&[7; 900]),
        ethernet(IPV6, &ipv6(17, &udp(&[7; 900]))),
        ethernet(0x8100, &vlan(1, IPV4, &ipv4(&udp(&[7; 900])))),
    ] {
        let headers = whole.len() - 900;
        for there in [0, 1, 64, 899, 900] {
            let packet = Packet { original: whole.len() as u32, ..packet(1, &whole[..headers + there]) };
            let mut dissector = Dissector::new();
            let datagram = found(&mut dissector, &packet);
            assert_eq!((datagram.payload.len(), datagram.length), (there, 900));
        }
    }
}

#[test]
fn a_length_is_believed_up_to_what_ip_and_the_line_had_room_for() {
    let boast = ethernet(IPV4, &ipv4(&udp_of_length(60_000, &[1; 10])));
    let mut claims = boast.clone();
    claims[16..18].copy_from_slice(&60_020u16.to_be_bytes());
    let jumbo = ethernet(IPV6, &ipv6(17, &udp_of_length(0, &[1; 10])));
    let mut endless = jumbo.clone();
    endless[18..20].fill(0);
    let mut offloaded = frame(&[1; 10]);
    offloaded[16..18].fill(0);
    for data in [&boast, &claims, &jumbo, &endless, &offloaded] {
        let (mut dissector, packet) = (Dissector::new(), packet(1, data));
        let datagram = found(&mut dissector, &packet);
        assert_eq!((datagram.payload, datagram.length), (&[1; 10][..], 10), "{data:02x?}");
    }
    let snapped = Packet { original: claims.len() as u32, ..packet(1, &claims[..45]) };
    let mut dissector = Dissector::new();
    let datagram = found(&mut dissector, &snapped);
    assert_eq!((datagram.payload.len(), datagram.length), (3, 10));
    let short = ethernet(IPV4, &ipv4(&udp_of_length(8 + 4, &[1; 10])));
    let (mut dissector, packet) = (Dissector::new(), packet(1, &short));
    assert_eq!(found(&mut dissector, &packet).payload, [1; 4]);
}
