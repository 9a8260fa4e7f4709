//! Captures built by hand to rows, messages and summaries.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use common::{PORT, START_NS, Sent, Wanted, column, decoder, drained, emitted, options, pcap, pulse, rows, sent};
use proptest::prelude::*;
use rttp_decode::batch::ROWS;
use rttp_decode::decoder::{Gather, Keep, Moment, Options, Ports};
use rttp_decode::dialect::Rules;
use rttp_decode::summary::Summary;
use rttp_proto::codec;
use rttp_proto::dialects::rttp1::{FLAG_ECHO, FLAG_FEC, HEADER, Kind};
use rttp_proto::dialects::{PULSE128, RFC64, STRUCT74, STRUCT74_LITTLE};
use rttp_proto::pulse::Header;
use rttp_proto::seq::SeqId;
use serde_json::{Value, json};

fn train(numbers: &[u32]) -> Vec<Sent> {
    numbers.iter().zip(0..).map(|(n, us)| sent(us, pulse(*n, 1, 0))).collect()
}

#[test]
fn a_row_has_what_the_capture_and_the_header_say() {
    let mut header = Header::new(Kind::Ping, SeqId(7), START_NS - 2_500);
    (header.priority, header.flags, header.context_hash) = (200, FLAG_ECHO, 9);
    header.rpki_fingerprint = [0xab; 32];
    header.semantic_vector = [1, 2, 3, 4, 5, 6, 7, 8];
    let found = rows(&[sent(3, emitted(&header, b"hello"))], options(), &Wanted::default());
    assert_eq!(
        found,
        [json!({
            "file": "a.pcap", "packet": 1, "time_ns": START_NS + 3_000, "interface": 0,
            "source": "192.0.2.1", "source_port": 40_000, "destination": "192.0.2.2", "destination_port": PORT,
            "flow": 0, "length": 69, "captured": 69, "dialect": "rttp1", "ground": "rules",
            "version": 1, "priority": 200, "flags": "ECHO", "kind": "PING", "timestamp_ns": START_NS - 2_500,
            "seq_id": 7, "context_hash": 9, "rpki_fingerprint": "ab".repeat(32),
            "semantic_vector": "0102030405060708", "fragment_count": 1, "fragment_index": 0,
            "payload_length": 5, "message_id": 7, "repair": false, "order": "new", "missing": 0,
            "delay_ns": 5_500, "delay_bucket": 5_500,
        })]
    );
}

#[test]
fn every_dialect_has_its_fields_by_name() {
    let build = |dialect, numbers: &[(&str, u128)]| {
        let given: Vec<_> = numbers.iter().map(|(n, v)| ((*n).to_owned(), codec::Value::Uint(*v))).collect();
        codec::emit(dialect, &given, START_NS).unwrap()
    };
    let struct74 = [("timestamp_ns", u128::from(START_NS)), ("seq_id", 5), ("type", 0x0102), ("fragment_count", 3)];
    let flows = [
        build(&STRUCT74, &struct74),
        build(&STRUCT74_LITTLE, &struct74),
        build(&RFC64, &[("bid", 77), ("priority", 3), ("ttl", 9)]),
        build(&PULSE128, &[("sequence", 1 << 70 | 5), ("timestamp_ns", u128::from(START_NS)), ("ttl", 8)]),
    ];
    let flows = flows.into_iter().zip(1..).map(|(bytes, host)| Sent { from: (host, 40_000), ..sent(0, bytes) });
    let fields =
        ["dialect", "ground", "timestamp_ns", "seq_id", "type", "fragment_count", "bid", "priority", "ttl", "sequence"];
    let wanted = Wanted { fields: Some(&fields), ..Wanted::default() };
    let found = rows(&flows.collect::<Vec<_>>(), options(), &wanted);
    let of_struct = |dialect| {
        json!({"dialect": dialect, "ground": "guess", "timestamp_ns": START_NS, "seq_id": 5, "type": 0x0102,
               "fragment_count": 3, "priority": found[0]["priority"]})
    };
    assert_eq!(found[0], of_struct("struct74"));
    assert_eq!(found[1], of_struct("struct74-little"));
    assert_eq!(found[2], json!({"dialect": "rfc64", "ground": "magic", "bid": 77, "priority": 3, "ttl": 9}));
    // A number beyond 64 bits has no place in a column of 64.
    let wide = json!({"dialect": "pulse128", "ground": "magic", "timestamp_ns": START_NS, "priority": found[3]["priority"], "ttl": 8});
    assert_eq!(found[3], wide);
}

#[test]
fn a_flow_keeps_its_dialect_and_a_bad_datagram_is_a_reject_of_it() {
    let mut bad = pulse(1, 1, 0);
    bad[3] = 0x99;
    let all = [sent(0, pulse(0, 1, 0)), sent(1, bad), sent(2, vec![1; 10]), sent(3, pulse(2, 1, 0))];
    assert_eq!(
        column(&all, options(), "reject"),
        [json!(null), json!("unknown-kind"), json!("truncated"), json!(null)]
    );
    assert_eq!(column(&all, options(), "reject_offset"), [json!(null), json!(3), json!(10), json!(null)]);
    assert_eq!(column(&all, options(), "kind"), [json!("DATA"), json!("0x99"), json!("HELLO"), json!("DATA")]);
    assert_eq!(column(&all, options(), "ground"), ["rules", "flow", "flow", "rules"]);
}

#[test]
fn nothing_is_guessed_when_that_is_forbidden_and_everything_is_what_was_asked() {
    let given = [("timestamp_ns", u128::from(START_NS)), ("type", 0x0102)];
    let given = given.map(|(name, value)| (name.to_owned(), codec::Value::Uint(value)));
    let header = codec::emit(&STRUCT74, &given, 0).unwrap();
    let all = [sent(0, header)];
    let strict = Options { rules: Rules { strict: true, asked: None }, ..options() };
    assert_eq!(column(&all, strict.clone(), "dialect"), ["rttp1"]);
    assert_eq!(column(&all, strict, "ground"), ["none"]);
    let asked = Options { rules: Rules { strict: false, asked: Some(3) }, ..options() };
    assert_eq!(column(&all, asked.clone(), "dialect"), ["rfc64"]);
    assert_eq!(column(&all, asked, "reject"), ["bad-magic"]);
}

#[test]
fn a_header_that_the_capture_cut_is_no_fault_of_its_sender() {
    let snapped = |us, n| Sent { snapped: Some(n), ..sent(us, pulse(us as u32, 1, 0)) };
    let all = [snapped(0, 20), snapped(1, 64), sent(2, pulse(2, 1, 0))];
    assert_eq!(column(&all, options(), "reject"), [json!(null), json!(null), json!(null)]);
    assert_eq!(column(&all, options(), "payload_length"), [json!(null), json!(7), json!(7)]);
    assert_eq!(column(&all, options(), "seq_id"), [json!(0), json!(1), json!(2)]);
    assert_eq!(column(&all, options(), "timestamp_ns")[0], json!(START_NS));
    assert_eq!(column(&all, options(), "context_hash"), [json!(0), json!(0), json!(0)]);
    assert_eq!(column(&all, options(), "rpki_fingerprint")[0], json!(null));
    assert_eq!(column(&all, options(), "order"), [json!(null), json!("new"), json!("new")]);
}

#[test]
fn a_tail_that_the_capture_cut_blames_nobody_and_decides_nothing() {
    let mut header = Header::new(Kind::Data, SeqId(1), START_NS);
    header.flags = FLAG_FEC;
    let fec = emitted(&header, &[1, 2, 0, 8, 0, 0, 0, 0, 0, 0, 7, 7]);
    let cut = |us, n| Sent { snapped: Some(n), ..sent(us, fec.clone()) };
    let all = [cut(0, 64), cut(1, 65), cut(2, 66), sent(3, fec.clone()), cut(4, 65)];
    assert_eq!(column(&all, options(), "reject"), vec![json!(null); 5]);
    assert_eq!(column(&all, options(), "dialect"), ["rttp1"; 5]);
    assert_eq!(column(&all, options(), "ground"), ["none", "none", "rules", "rules", "rules"]);
    let lengths = [json!(null), json!(null), json!(2), json!(2), json!(null)];
    assert_eq!(column(&all, options(), "payload_length"), lengths);
}

#[test]
fn numbers_of_sixteen_bytes_are_read_whole() {
    let given = [("sequence".to_owned(), codec::Value::Uint(7))];
    let all = [sent(0, codec::emit(&PULSE128, &given, START_NS).unwrap())];
    assert_eq!(column(&all, options(), "version"), [130]);
    assert_eq!(column(&all, options(), "sequence"), [7]);
    assert_eq!(column(&all, options(), "timestamp_ns"), [START_NS]);
}

#[test]
fn other_ports_give_no_row_and_any_port_those_that_are_pulses_beyond_doubt() {
    let other = |us, payload| Sent { from: (1, 5_000), to: (2, 53), ..sent(us, payload) };
    let mut bad = pulse(2, 1, 0);
    bad[0] = 9;
    let all = [other(0, vec![7; 100]), other(1, pulse(1, 1, 0)), other(2, bad.clone()), sent(3, bad)];
    assert_eq!(column(&all, options(), "packet"), [4]);
    let any = Options { ports: Ports::Any, ..options() };
    // What follows in a flow of pulses counts, good or bad; one bad datagram alone does not.
    assert_eq!(column(&all, any, "packet"), [2, 3]);
}

#[test]
fn envelopes_are_shown_as_what_they_are() {
    let envelope = r#"{"header":{"version":1,"priority":9,"timestamp":1700000000123},"payload":{"type":"x"}}"#;
    let request = emitted(&Header::new(Kind::Request, SeqId(0), START_NS), envelope.as_bytes());
    let all = [sent(0, envelope.as_bytes().to_vec()), sent(1, request), sent(2, b"{not json".to_vec())];
    assert_eq!(column(&all, options(), "dialect"), ["json", "rttp1", "rttp1"]);
    assert_eq!(column(&all, options(), "envelope"), [json!(envelope), json!(envelope), json!(null)]);
    assert_eq!(column(&all, options(), "priority"), [9, 128, 110]);
    assert_eq!(column(&all, options(), "timestamp_ns")[0], json!(1_700_000_000_123_000_000u64));
    assert_eq!(column(&all, options(), "reject"), [json!(null), json!(null), json!("truncated")]);
}

#[test]
fn an_envelope_that_the_capture_cut_is_cut_and_nobodys_fault() {
    let envelope = r#"{"header":{"version":1,"priority":9},"payload":{"type":"x"}}"#.as_bytes().to_vec();
    let all = [Sent { snapped: Some(30), ..sent(0, envelope) }];
    assert_eq!(column(&all, options(), "reject"), [json!(null)]);
    assert_eq!(column(&all, options(), "dialect"), ["json"]);
    assert_eq!(summarised(&[pcap(&all)], options())["pulses"]["cut"], 1);
}

#[test]
fn payloads_are_without_header_tail_and_tag() {
    let mut header = Header::new(Kind::Data, SeqId(0), START_NS);
    header.flags = 0x40 | FLAG_FEC;
    let tail = [1, 2, 0, 8, 0, 0, 0, 0, 0, 0];
    let sealed = [emitted(&header, &tail), b"secret..".to_vec(), vec![0xee; 16]].concat();
    let kept = Options { keep: Keep::Payload, ..options() };
    let found = rows(&[sent(0, sealed)], kept, &Wanted::default());
    assert_eq!(found[0]["payload"], "7365637265742e2e");
    assert_eq!(found[0]["flags"], "FEC|SEALED");
    assert_eq!((&found[0]["fec_scheme"], &found[0]["fec_repair"]), (&json!("REED_SOLOMON"), &json!(2)));
}

#[test]
fn numbers_of_a_flow_are_judged_whatever_is_filtered() {
    let all = train(&[1, 2, 5, 4, 5, 9]);
    let wanted =
        Wanted { filter: Some("seq_id >= 5"), fields: Some(&["seq_id", "order", "missing"]), ..Wanted::default() };
    let row = |seq, order, missing| json!({"seq_id": seq, "order": order, "missing": missing});
    assert_eq!(rows(&all, options(), &wanted), [row(5, "new", 2), row(5, "duplicate", 0), row(9, "new", 3)]);
}

#[test]
fn names_with_hyphens_and_addresses_may_be_filtered_by() {
    let mut bad = pulse(1, 1, 0);
    bad[0] = 3;
    let all = [sent(0, pulse(0, 1, 0)), sent(1, bad), Sent { from: (9, 1), ..sent(2, pulse(5, 1, 0)) }];
    let packets = |filter| {
        let wanted = Wanted { filter: Some(filter), fields: Some(&["packet"]), ..Wanted::default() };
        rows(&all, options(), &wanted).iter().map(|r| r["packet"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(packets("reject == bad-version"), [2]);
    assert_eq!(packets("present(reject)"), [2]);
    assert_eq!(packets("not present(reject) and kind == DATA"), [1, 3]);
    assert_eq!(packets("source == 192.0.2.8/30"), [3]);
    assert_eq!(packets("source_port == 40000 or destination == 10.0.0.0/8"), [1, 2]);
    assert_eq!(packets("interval_ns == 1us"), [2]);
    assert_eq!(packets("delay_ns >= 1us"), [3]);
    assert_eq!(packets("flow == 1 or order == new and seq_id == 0"), [1, 3]);
    assert_eq!(packets("bid == 0"), [0u64; 0]);
}

#[test]
fn rows_may_be_the_first_the_last_and_one_in_so_many() {
    let end = 3 * ROWS as u64;
    let numbers: Vec<u32> = (0..end as u32).collect();
    let all = train(&numbers);
    let seqs = |wanted: Wanted<'_>| {
        let wanted = Wanted { fields: Some(&["seq_id"]), ..wanted };
        rows(&all, options(), &wanted).iter().map(|r| r["seq_id"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(seqs(Wanted { head: Some(3), ..Wanted::default() }), [0, 1, 2]);
    assert_eq!(seqs(Wanted { tail: Some(2), ..Wanted::default() }), [end - 2, end - 1]);
    assert_eq!(seqs(Wanted { tail: Some(5_000), ..Wanted::default() }), (end - 5_000..end).collect::<Vec<_>>());
    assert_eq!(seqs(Wanted { every: 8_000, ..Wanted::default() }), [0, 8_000, 16_000, 24_000]);
    assert_eq!(seqs(Wanted { every: 10, head: Some(2), filter: Some("seq_id > 99"), ..Wanted::default() }), [100, 110]);
    assert_eq!(seqs(Wanted::default()).len(), 3 * ROWS);
}

#[test]
fn a_window_of_time_counts_from_the_first_packet_or_the_epoch() {
    let all = train(&[0, 1, 2, 3, 4]);
    let within = |since, until| column(&all, Options { since, until, ..options() }, "seq_id");
    assert_eq!(within(Some(Moment::After(2_000)), None), [2, 3, 4]);
    assert_eq!(within(None, Some(Moment::At(START_NS + 2_000))), [0, 1]);
    assert_eq!(within(Some(Moment::At(START_NS + 1_000)), Some(Moment::After(2_000))), [1]);
}

#[test]
fn messages_are_gathered_across_flows_and_batches() {
    let fragment = |us, seq, count, index, host| Sent { from: (host, 40_000), ..sent(us, pulse(seq, count, index)) };
    let mut all = vec![fragment(0, 10, 2, 0, 1), fragment(1, 10, 3, 0, 2)];
    all.extend((0..ROWS as u64).map(|i| Sent { from: (3, 40_000), ..sent(2 + i, pulse(i as u32, 1, 0)) }));
    all.extend([fragment(9_000, 11, 2, 1, 1), fragment(9_001, 12, 3, 2, 2)]);
    let wanted = Wanted { messages: true, filter: Some("fragment_count > 1"), ..Wanted::default() };
    let found = rows(&all, options(), &wanted);
    let short =
        |m: &Value| (m["source"].clone(), m["state"].clone(), m["fragments"].clone(), m["whole_after_ns"].clone());
    assert_eq!(
        found.iter().map(short).collect::<Vec<_>>(),
        [
            (json!("192.0.2.1"), json!("complete"), json!(2), json!(9_000_000)),
            (json!("192.0.2.2"), json!("incomplete"), json!(2), json!(null)),
        ]
    );
}

#[test]
fn a_sender_that_starts_anew_completes_none_of_its_old_messages() {
    // Fragment 0, another start far away, and fragment 0 of the first start's number again.
    let all = [sent(0, pulse(10, 2, 0)), sent(1, pulse(3_000_000_000, 1, 0)), sent(2, pulse(10, 2, 0))];
    let wanted = Wanted { messages: true, filter: Some("fragment_count == 2"), ..Wanted::default() };
    let states = rows(&all, options(), &wanted).iter().map(|m| m["state"].clone()).collect::<Vec<_>>();
    assert_eq!(states, ["incomplete", "incomplete"]);
}

#[test]
fn an_index_beyond_the_message_is_a_repair_symbol_of_rttp1_alone() {
    let fields = [("fragment_count", 2), ("fragment_index", 7), ("timestamp_ns", u128::from(START_NS))];
    let given = fields.map(|(name, value)| (name.to_owned(), codec::Value::Uint(value)));
    let all = [sent(0, codec::emit(&STRUCT74, &given, START_NS).unwrap())];
    let asked = Options { rules: Rules { strict: false, asked: Some(1) }, ..options() };
    assert_eq!(rows(&all, asked, &Wanted { messages: true, ..Wanted::default() }), [json!(null); 0]);
}

#[test]
fn a_batch_ends_with_its_bytes_not_only_with_its_rows() {
    let large = emitted(&Header::new(Kind::Data, SeqId(0), START_NS), &vec![7; 60_000]);
    let all: Vec<Sent> = (0..600).map(|us| sent(us, large.clone())).collect();
    let mut decoder = decoder(&[pcap(&all)], Options { keep: Keep::Payload, ..options() });
    let mut seen = (0, 0);
    drained(&mut decoder, |decoder| {
        let batch = &decoder.intake().batch;
        seen = (seen.0 + batch.rows.len(), seen.1.max(batch.kept_bytes_in_all()));
    });
    assert_eq!(seen.0, 600);
    assert!(seen.1 < 17 << 20, "{} bytes in a batch", seen.1);
}

fn summarised(captures: &[Vec<u8>], options: Options) -> Value {
    let mut decoder = decoder(captures, Options { gather: Gather::Fragmented, ..options });
    let mut summary = Summary::new();
    let warnings = drained(&mut decoder, |decoder| {
        let intake = decoder.intake();
        let all: Vec<u32> = (0..intake.batch.rows.len() as u32).collect();
        summary.add(&intake.batch, &all);
        summary.add_messages(&intake.messages);
    });
    serde_json::to_value(summary.document(Vec::new(), decoder.intake(), &warnings, 10)).unwrap()
}

#[test]
fn a_summary_counts_everything_once() {
    let mut bad = pulse(1, 1, 0);
    bad[0] = 3;
    let mut all = train(&[0, 1, 4, 4, 3]);
    all.push(sent(9, bad.clone()));
    all.push(sent(10, bad));
    all.push(Sent { to: (2, 53), from: (1, 53), ..sent(11, vec![0; 30]) });
    all.push(Sent { snapped: Some(5), ..sent(12, pulse(5, 1, 0)) });
    let found = summarised(&[pcap(&all)], options());
    assert_eq!(found["packets"]["total"], 9);
    assert_eq!(found["packets"]["skipped"]["other_port"], 1);
    let pulses = &found["pulses"];
    assert_eq!((&pulses["accepted"], &pulses["rejected"], &pulses["cut"]), (&json!(5), &json!(2), &json!(1)));
    assert_eq!(found["sequence"], json!({"received": 4, "lost": 1, "reordered": 1, "duplicates": 1, "restarts": 0}));
    assert_eq!(found["messages"]["complete"], 4);
    assert_eq!(found["rejects"][0]["slug"], "bad-version");
    assert_eq!(found["rejects"][0]["count"], 2);
    assert_eq!(found["rejects"][0]["first"]["packet"], 6);
    assert_eq!(found["events"][0]["source"], "192.0.2.1");
    assert_eq!(found["flows"][0]["delay"]["samples"], 5);
    assert_eq!(found["rates"]["pulses"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).sum::<u64>(), 8);
}

#[test]
fn captures_of_one_flow_are_one_by_time() {
    let (even, odd): (Vec<Sent>, Vec<Sent>) =
        train(&(0..100).collect::<Vec<_>>()).into_iter().partition(|s| s.at_ns / 1_000 % 2 == 0);
    let found = summarised(&[pcap(&odd), pcap(&even)], options());
    assert_eq!(found["sequence"], json!({"received": 100, "lost": 0, "reordered": 0, "duplicates": 0, "restarts": 0}));
    assert_eq!(found["flows_in_all"], 1);
}

#[test]
fn more_flows_than_are_kept_apart_are_decoded_all_the_same() {
    let all = (0..70_000u32).map(|i| {
        let from = ((i >> 16) as u8, i as u16);
        Sent { from, ..sent(u64::from(i), pulse(i, 1, 0)) }
    });
    let found = summarised(&[pcap(&all.collect::<Vec<_>>())], options());
    assert_eq!(found["pulses"]["accepted"], 70_000);
    assert_eq!(found["flows_in_all"], 65_536);
    assert_eq!(found["flows"].as_array().unwrap().len(), 10);
}

proptest! {
    #[test]
    fn any_datagram_is_one_row_that_says_what_the_table_says(
        payloads in prop::collection::vec(
            prop_oneof![
                prop::collection::vec(any::<u8>(), 0..200),
                (any::<u32>(), 1..9u16, 0..9u16, 0..HEADER, any::<u8>()).prop_map(|(seq, count, index, at, to)| {
                    let mut bytes = pulse(seq, count, index);
                    bytes[at] = to;
                    bytes
                }),
            ],
            1..40,
        ),
    ) {
        let all: Vec<Sent> = payloads.iter().zip(0..).map(|(p, us)| sent(us, p.clone())).collect();
        let found = rows(&all, Options { rules: Rules { asked: Some(0), strict: false }, ..options() }, &Wanted::default());
        prop_assert_eq!(found.len(), payloads.len());
        for (row, bytes) in found.iter().zip(&payloads) {
            let judged = rttp_proto::dialects::RTTP1.judge(bytes);
            prop_assert_eq!(row["reject"].as_str(), judged.err().map(|r| r.slug.as_str()));
            prop_assert_eq!(row["reject_offset"].as_u64(), judged.err().map(|r| r.offset.into()));
            let seq = rttp_proto::dialects::RTTP1.field("seq_id").unwrap();
            let number = seq.uint(rttp_proto::dialect::Order::Big, bytes);
            prop_assert_eq!(row["seq_id"].as_u64().map(u128::from), number);
        }
    }
}
