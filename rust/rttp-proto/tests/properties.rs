//! Laws that hold for any bytes and any numbers.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic is a failed test")]

use core::cmp::Ordering;
use std::net::SocketAddr;

use proptest::collection::vec;
use proptest::prelude::*;
use rttp_proto::codec;
use rttp_proto::dialects::rttp1::{
    FEC_TAIL, FLAG_ECHO, FLAG_FEC, FLAG_METERED, FLAG_SEALED, HEADER, KINDS, Kind, MAX_DATAGRAM, TAG, judge_fast,
};
use rttp_proto::dialects::{ALL, RTTP1};
use rttp_proto::pulse::{Header, Pulse, stamp};
use rttp_proto::reject::{Reject, Slug};
use rttp_proto::responder::{Responder, Verdict};
use rttp_proto::seq::{MessageId, SeqId};
use rttp_proto::tally::Tally;
use rttp_proto::uri::Address;

/// Numbers with their edges, where carries and wraps live.
fn u32_edges() -> impl Strategy<Value = u32> {
    let edge = prop::sample::select(vec![0, 1, (1 << 31) - 1, 1 << 31, (1 << 31) + 1, u32::MAX - 1, u32::MAX]);
    prop_oneof![any::<u32>(), edge]
}

fn u64_edges() -> impl Strategy<Value = u64> {
    let near_a_wrap = (0..=4u64, 0..8u64).prop_map(|(high, low)| (high << 32).wrapping_add(low).wrapping_sub(4));
    prop_oneof![any::<u64>(), near_a_wrap, (0..1u64 << 33), (0..1u64 << 33).prop_map(|n| u64::MAX - n)]
}

fn kind() -> impl Strategy<Value = Kind> {
    prop::sample::select(KINDS).prop_map(|k| Kind::from_wire(u8::try_from(k.value).unwrap()).unwrap())
}

/// A header that the rules accept, with the number of repair symbols its tail must announce.
fn header() -> impl Strategy<Value = (Header, u8)> {
    let flags = prop::sample::subsequence(vec![FLAG_FEC, FLAG_SEALED, FLAG_ECHO, FLAG_METERED], 0..=4);
    let numbers = (any::<u8>(), kind(), any::<u64>(), u32_edges(), any::<u32>());
    let bytes = (any::<[u8; 32]>(), any::<[u8; 8]>());
    (flags, numbers, bytes, 1..=u16::MAX, any::<u16>(), 1..=u8::MAX).prop_map(
        |(flags, (priority, kind, timestamp_ns, seq_id, context_hash), (fingerprint, vector), count, index, repair)| {
            let flags = flags.into_iter().fold(0, |a, b| a | b);
            let repair = if flags & FLAG_FEC == 0 { 0 } else { repair };
            let fragment_count = count.min(u16::MAX - u16::from(repair)).max(1);
            let header = Header {
                priority,
                flags,
                timestamp_ns,
                context_hash,
                rpki_fingerprint: fingerprint,
                semantic_vector: vector,
                fragment_count,
                fragment_index: index % (fragment_count + u16::from(repair)),
                ..Header::new(kind, SeqId(seq_id), 0)
            };
            (header, repair)
        },
    )
}

/// A good datagram, and the length below which it is truncated.
fn good() -> impl Strategy<Value = (Vec<u8>, usize)> {
    (header(), any::<[u8; 8]>(), vec(any::<u8>(), 0..200)).prop_map(|((header, repair), tail, payload)| {
        let mut fixed = [0xa5; HEADER];
        header.emit(&mut fixed);
        let mut datagram = fixed.to_vec();
        if header.flags & FLAG_FEC != 0 {
            datagram.extend([1, repair]);
            datagram.extend(tail);
        }
        if header.flags & FLAG_SEALED != 0 {
            datagram.extend([0x5a; TAG]);
        }
        let least = datagram.len();
        datagram.extend(payload);
        (datagram, least)
    })
}

/// A good datagram with some bytes replaced, bits flipped, cut or lengthened.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let edits = vec((0..80usize, any::<u8>(), any::<bool>()), 0..4);
    (good(), edits, prop::option::weighted(0.3, 0..120usize), vec(any::<u8>(), 0..20)).prop_map(
        |((mut data, _), edits, cut, junk)| {
            for (at, byte, flip) in edits {
                if let Some(target) = data.get_mut(at) {
                    *target = if flip { *target ^ (1 << (byte % 8)) } else { byte };
                }
            }
            data.truncate(cut.unwrap_or(usize::MAX));
            data.extend(junk);
            data
        },
    )
}

fn any_datagram() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![vec(any::<u8>(), 0..200), mutated(), good().prop_map(|(data, _)| data)]
}

/// Which kind answers a good pulse (`RTTP-6`): nothing sealed is, and a node without echo only tells its counters.
fn answer_to(asked: &Pulse<'_>, echo: bool) -> Option<Kind> {
    let wants_echo = asked.flags() & FLAG_ECHO != 0;
    match asked.kind() {
        _ if asked.flags() & FLAG_SEALED != 0 => None,
        Kind::Close => (asked.flags() == FLAG_ECHO).then_some(Kind::Close),
        _ if !echo => None,
        Kind::Ping => Some(Kind::Pong),
        Kind::Request => wants_echo.then_some(Kind::Response),
        kind => wants_echo.then_some(kind),
    }
}

proptest! {
    #[test]
    fn any_bytes_parse_or_are_refused_in_every_dialect(data in any_datagram()) {
        for dialect in ALL {
            match dialect.judge(&data) {
                Ok(extent) => prop_assert!(extent.header + extent.tag <= data.len()),
                Err(reject) => prop_assert!(reject.offset as usize <= data.len()),
            }
            for (field, _) in codec::rows(dialect, &data) {
                prop_assert!(field.end() <= data.len());
            }
        }
    }

    #[test]
    fn a_header_survives_the_wire_over_dirty_buffers(
        (header, repair) in header(),
        dirt in prop::sample::select(vec![0u8, 0xa5, 0xff]),
    ) {
        let mut fixed = [dirt; HEADER];
        header.emit(&mut fixed);
        let mut datagram = fixed.to_vec();
        if header.flags & FLAG_FEC != 0 {
            datagram.extend([1, repair]);
            datagram.extend([dirt; FEC_TAIL - 2]);
        }
        datagram.extend([0; TAG]);
        let pulse = Pulse::parse(&datagram).unwrap();
        prop_assert_eq!(pulse.header(), header);
        let mut again = [!dirt; HEADER];
        pulse.header().emit(&mut again);
        prop_assert_eq!(again, fixed);
    }

    #[test]
    fn what_is_parsed_is_emitted_back(data in any_datagram()) {
        if let Ok(pulse) = Pulse::parse(&data) {
            let mut out = [0xa5; HEADER];
            pulse.header().emit(&mut out);
            prop_assert_eq!(&out[..], &data[..HEADER]);
            prop_assert!(data.ends_with(&[pulse.payload(), pulse.tag()].concat()));
        }
    }

    #[test]
    fn a_stamp_changes_the_sequence_number_and_the_time_only(
        (data, _) in good(),
        seq_id in u32_edges(),
        now_ns in u64_edges(),
    ) {
        let mut stamped = *data.first_chunk::<HEADER>().unwrap();
        stamp(&mut stamped, SeqId(seq_id), now_ns);
        let mut by_value = Pulse::parse(&data).unwrap().header();
        by_value.seq_id = SeqId(seq_id);
        by_value.timestamp_ns = now_ns;
        let mut out = [0xa5; HEADER];
        by_value.emit(&mut out);
        prop_assert_eq!(stamped, out);
    }

    #[test]
    fn the_fast_check_is_the_table(data in any_datagram()) {
        prop_assert_eq!(judge_fast(&data), RTTP1.judge(&data));
    }

    #[test]
    fn the_fast_check_is_the_table_in_every_byte_that_it_reads(
        (data, _) in good(),
        at in prop::sample::select(vec![0usize, 2, 3, 60, 61, 62, 63]),
    ) {
        for byte in 0..=255 {
            let mut data = data.clone();
            data[at] = byte;
            prop_assert_eq!(judge_fast(&data), RTTP1.judge(&data), "byte {} is {:#x}", at, byte);
        }
    }

    #[test]
    fn every_truncation_of_header_tail_or_tag_is_refused_at_its_length((data, least) in good()) {
        for length in 0..=data.len() {
            let verdict = Pulse::parse(&data[..length]);
            if length < least {
                prop_assert_eq!(verdict.map(|_| ()), Err(Reject::at(Slug::Truncated, length)));
            } else {
                prop_assert_eq!(verdict.unwrap().payload().len(), length - least);
            }
        }
    }

    #[test]
    fn serial_order_has_two_sides_and_no_opinion_on_the_far_one(a in u32_edges(), b in u32_edges()) {
        let (a, b) = (SeqId(a), SeqId(b));
        prop_assert_eq!(a.serial_cmp(b), b.serial_cmp(a).map(Ordering::reverse));
        prop_assert_eq!(a.serial_cmp(b).is_none(), a.0 ^ b.0 == 1 << 31);
        prop_assert_eq!(a.serial_cmp(b) == Some(Ordering::Equal), a == b);
        prop_assert_eq!(b.plus(a.since(b).cast_unsigned()), a);
    }

    #[test]
    fn a_step_of_less_than_half_the_circle_goes_forward(
        a in u32_edges(),
        n in prop_oneof![1..1u32 << 31, Just((1 << 31) - 1)],
    ) {
        let later = SeqId(a).plus(n);
        prop_assert_eq!(later.serial_cmp(SeqId(a)), Some(Ordering::Greater));
        prop_assert_eq!(i64::from(later.since(SeqId(a))), i64::from(n));
    }

    #[test]
    fn serial_order_is_transitive_within_half_the_circle(a in u32_edges(), n in 1..1u32 << 30, m in 1..1u32 << 30) {
        let (b, c) = (SeqId(a).plus(n), SeqId(a).plus(n).plus(m));
        prop_assert_eq!(c.serial_cmp(b), Some(Ordering::Greater));
        prop_assert_eq!(c.serial_cmp(SeqId(a)), Some(Ordering::Greater));
    }

    #[test]
    fn extension_takes_the_nearest_of_all_numbers_with_these_bits(seq in u32_edges(), near in u64_edges()) {
        let found = SeqId(seq).extend(near);
        prop_assert_eq!(found as u32, seq);
        // Only the neighbouring turns can be nearest.
        let turn = i128::from(near >> 32);
        let all = (turn - 1..=turn + 1).map(|t| (t << 32) + i128::from(seq));
        let inside = all.filter(|n| (0..1 << 64).contains(n));
        let nearest = inside.map(|n| (n - i128::from(near)).abs()).min().unwrap();
        prop_assert_eq!((i128::from(found) - i128::from(near)).abs(), nearest);
    }

    #[test]
    fn all_pulses_of_a_message_name_it(id in u32_edges(), index: u16, count: u16, repair: u16) {
        let id = MessageId(id);
        prop_assert_eq!(MessageId::of(id.seq_of(index), index), id);
        let last = u32::from(count) + u32::from(repair);
        prop_assert_eq!(id.next(count, repair).seq_of(0), SeqId(id.0).plus(last));
    }

    #[test]
    fn an_accepted_address_is_its_own_canonical_form(
        text in prop_oneof![
            "rttp://[a-z.-]{0,12}(/[a-z-]{0,18})?",
            "\\PC{0,40}",
            "rttp://[a-z]{1,3}\\.[a-z]{1,3}\\.[a-z]{1,3}",
        ],
    ) {
        match Address::parse(&text) {
            Ok(a) => {
                let action = a.action.map_or(String::new(), |x| format!("/{x}"));
                prop_assert_eq!(format!("rttp://{}.{}.{}{action}", a.intent, a.pillar, a.root), &text[..]);
                prop_assert_eq!(a.authority, [a.intent, a.pillar, a.root].join("."));
            }
            Err(bad) => prop_assert!(text.is_char_boundary(bad.offset)),
        }
    }

    #[test]
    fn a_good_address_is_accepted_and_its_shard_does_not_depend_on_the_action(
        labels in prop::array::uniform3("[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"),
        action in "[a-z0-9]([a-z0-9-]{0,14}[a-z0-9])?",
    ) {
        let plain = format!("rttp://{}", labels.join("."));
        let acting = format!("{plain}/{action}");
        let (a, b) = (Address::parse(&plain).unwrap(), Address::parse(&acting).unwrap());
        prop_assert_eq!([a.intent, a.pillar, a.root], [&labels[0][..], &labels[1], &labels[2]]);
        prop_assert_eq!((a.action, b.action), (None, Some(&action[..])));
        prop_assert_eq!(a.route_shard(), b.route_shard());
    }

    #[test]
    fn a_label_with_a_hyphen_at_an_end_is_refused_there(
        mut labels in prop::array::uniform3("[a-z0-9]{1,8}"),
        which in 0..3usize,
        front: bool,
    ) {
        let before: usize = labels[..which].iter().map(|l| l.len() + 1).sum();
        let at = "rttp://".len() + before + if front { 0 } else { labels[which].len() };
        labels[which].insert(if front { 0 } else { labels[which].len() }, '-');
        let text = format!("rttp://{}", labels.join("."));
        prop_assert_eq!(Address::parse(&text).map_err(|e| e.offset), Err(at));
    }

    #[test]
    fn a_character_outside_the_alphabet_is_found_where_it_is(
        labels in prop::array::uniform3("[a-z0-9-]{1,8}"),
        bad in "[A-Z_:?#@% é]",
        at in 0..26usize,
    ) {
        let mut text = format!("rttp://{}", labels.join("."));
        let at = "rttp://".len() + at % (text.len() - "rttp://".len() + 1);
        text.insert_str(at, &bad);
        prop_assert_eq!(Address::parse(&text).map_err(|e| e.offset), Err(at));
    }

    #[test]
    fn a_node_never_answers_longer_than_asked_and_never_answers_an_answer(
        datagrams in vec((any_datagram(), 1..4u16), 1..20),
        now_ns: u64,
        echo: bool,
    ) {
        let (mut node, mut other) = (Responder::new([1; 32], echo), Responder::new([2; 32], true));
        for (data, port) in datagrams {
            let from = SocketAddr::from(([127, 0, 0, 1], port));
            let mut buffer = data.clone();
            buffer.extend([0xa5; 64]);
            match node.handle(from, &mut buffer, data.len(), now_ns) {
                Verdict::Answer(length) => {
                    prop_assert!(length <= data.len());
                    let asked = Pulse::parse(&data).unwrap();
                    let answer = Pulse::parse(&buffer[..length]).unwrap();
                    prop_assert_eq!(answer.seq_id(), asked.seq_id());
                    prop_assert_eq!(answer.timestamp_ns(), now_ns);
                    prop_assert_eq!(answer.flags(), asked.flags() & !FLAG_ECHO);
                    prop_assert_eq!(Some(answer.kind()), answer_to(&asked, echo));
                    prop_assert_eq!(other.handle(from, &mut buffer, length, now_ns), Verdict::Accepted);
                    prop_assert_eq!(node.handle(from, &mut buffer, length, now_ns), Verdict::Accepted);
                }
                Verdict::Accepted => {
                    prop_assert_eq!(answer_to(&Pulse::parse(&data).unwrap(), echo), None);
                    prop_assert_eq!(&buffer[..data.len()], &data[..]);
                }
                Verdict::Rejected(reject) => {
                    let amplification = Reject::at(Slug::Amplification, data.len());
                    prop_assert!(RTTP1.judge(&data) == Err(reject) || reject == amplification);
                }
            }
            prop_assert!(buffer[data.len()..].iter().all(|b| *b == 0xa5), "nothing is written behind the datagram");
        }
    }

    #[test]
    fn a_tally_parses_any_bytes_or_none(
        mut data in vec(any::<u8>(), 0..200),
        revision in any::<bool>(),
        slugs in prop_oneof![0..20u64, any::<u64>()],
    ) {
        if revision && data.len() >= 48 {
            data[..8].copy_from_slice(&1u64.to_be_bytes());
            data[40..48].copy_from_slice(&slugs.to_be_bytes());
        }
        let word = |i: usize| data.get(8 * i..8 * i + 8).map(|w| u64::from_be_bytes(w.try_into().unwrap()));
        let words = (data.len() / 8) as u64;
        let whole = word(0) == Some(1) && word(5).is_some_and(|n| n.checked_add(6).is_some_and(|w| w <= words));
        let tally = Tally::parse(&data);
        prop_assert_eq!(tally.is_some(), whole);
        if let Some(tally) = tally {
            prop_assert_eq!(Some(tally.received), word(1));
            prop_assert_eq!(Some(tally.buffer_drops), word(4));
        }
    }

    #[test]
    fn a_tally_survives_the_wire(
        [received, answered, bytes, buffer_drops] in prop::array::uniform4(any::<u64>()),
        counts in vec(0..1u64 << 40, Slug::TABLE - 1),
    ) {
        let mut tally = Tally { received, answered, bytes, buffer_drops, ..Tally::default() };
        tally.rejects[1..].copy_from_slice(&counts);
        let mut out = [0xa5; Tally::LENGTH];
        tally.emit(&mut out);
        prop_assert_eq!(Tally::parse(&out), Some(tally));
    }
}

#[test]
fn the_longest_datagram_is_accepted_and_one_byte_more_is_not() {
    let mut data = [0; HEADER];
    Header::new(Kind::Data, SeqId(0), 0).emit(&mut data);
    let mut data = data.to_vec();
    data.resize(MAX_DATAGRAM, 0);
    assert!(Pulse::parse(&data).is_ok());
    data.push(0);
    assert_eq!(Pulse::parse(&data).map(|_| ()), Err(Reject::at(Slug::Oversized, MAX_DATAGRAM)));
    assert_eq!(judge_fast(&data), RTTP1.judge(&data));
}
