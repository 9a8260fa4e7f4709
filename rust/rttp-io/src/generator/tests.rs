//! The sender's rules, over a wire that a test holds in its hand.

mod wire;

use std::io;
use std::thread;

use hdrhistogram::Histogram;
use rttp_load::plan::{Fragments, Mode, Order, Priority};
use rttp_proto::pulse::Pulse;

use self::wire::{FIRST_SEQ, MS, above, all_at_once, at_once, crowd, cut, drive, echo, number_of, setup, stream};
use super::*;
use crate::link::Faults;

#[test]
fn a_stall_of_the_sender_is_charged_to_every_pulse_due_in_it_and_not_to_its_pacing() {
    let setup = setup(300, vec![echo(Arrival::Constant { rate: 2_000.0 }, 10, 1)]);
    let run = drive(&setup, |place, _| {
        if place == 200 {
            thread::sleep(Duration::from_millis(50));
        }
        Ok(Some(at_once()))
    });
    assert_eq!((run.counts(0).sent, run.counts(0).answered), (600, 600));
    let latencies = &run.seen.streams[0].latencies;
    // Two pulses a ms are due in the 50 ms; one due x ms after its beginning waits for 50 − x.
    for ms in [5, 10, 20, 30, 40, 45] {
        let least = (50 - ms) * 2 - 1;
        assert!(above(&latencies.lateness, ms) >= least, "{ms} ms: {} late", above(&latencies.lateness, ms));
        assert!(above(&run.responses[0], ms) >= least, "{ms} ms: {} slow", above(&run.responses[0], ms));
    }
    assert!(above(&latencies.service, 10) <= 20, "only what was on its way then took long");
    assert!(run.seen.stalled_pulses >= 98, "{}", run.seen.stalled_pulses);
    assert_eq!(run.seen.pacing.len() + run.seen.stalled_pulses, 600);
    assert_eq!(above(&run.seen.pacing, 5), 0, "what a stall made late is not the sender's pace");
    assert_eq!(above(&run.stalled[0], 1), above(&run.responses[0], 1), "each slow answer is the stall's");
    let touched = run.stalled[0].len();
    assert!((98..600).contains(&touched), "{touched}: the stall ends when its backlog is gone");
}

#[test]
fn a_slow_target_is_no_stall() {
    // Every tenth answer takes 40 ms; twice the sender stands still for 30. What was on its way then lost nothing to it.
    let setup = setup(600, vec![echo(Arrival::Constant { rate: 1_000.0 }, 10, 1)]);
    let run = drive(&setup, |place, _| {
        if place == 200 || place == 400 {
            thread::sleep(Duration::from_millis(30));
        }
        Ok(Some(vec![Duration::from_millis(if place % 10 == 0 { 40 } else { 0 })]))
    });
    let (slow, excused) = (above(&run.responses[0], 39), above(&run.stalled[0], 39));
    // Due in a stall are 3 slow ones each, and some more came back in it.
    assert!(slow >= 60 && excused * 2 < slow, "{excused} of {slow} slow answers are excused by two stalls");
}

#[test]
fn nothing_leaves_before_the_start_that_the_senders_agreed_on() {
    let arrivals = [Arrival::Constant { rate: 1_000.0 }, Arrival::Flood {}, Arrival::Closed {}];
    for (arrival, mode) in arrivals.into_iter().zip([Mode::Echo, Mode::OneWay, Mode::Echo]) {
        let stream = StreamPlan { mode, ..stream(arrival, 1, 1) };
        let mut setup = Setup { meter: false, ..setup(1_000, vec![stream]) };
        setup.plan.count = Some(5);
        let run = drive(&setup, |_, _| Ok(Some(at_once())));
        let timestamp = |d: &Vec<u8>| Pulse::parse(d).unwrap().timestamp_ns();
        // Wall and monotonic clock are compared anew every 10 ms; half of the head start is room enough.
        assert!(
            timestamp(&run.sent[0]) + 3 * MS / 2 >= run.seen.started_unix_ns,
            "{:?}",
            setup.plan.streams[0].arrival
        );
        assert_eq!(run.counts(0).sent, 5);
    }
}

#[test]
fn of_what_is_due_the_highest_priority_leaves_first_and_within_one_the_first_that_came() {
    let priorities =
        |bytes| StreamPlan { priority: Priority::Uniform { from: 0, to: 255 }, ..stream(all_at_once(), bytes, 0) };
    let setup = Setup { traces: crowd(200, 0), ..setup(1_000, vec![priorities(1), priorities(2), priorities(3)]) };
    let run = drive(&setup, |_, _| Ok(Some(Vec::new())));
    // A look at the schedule admits so many, then one leaves: the model is a list that is searched.
    let mut schedule = Schedule::new(&setup.plan, &setup.traces, (0, 1)).unwrap();
    let (mut waiting, mut expected): (Vec<Item>, Vec<(u32, u8)>) = (Vec::new(), Vec::new());
    loop {
        waiting.extend(std::iter::from_fn(|| schedule.take()).take(ADMITTED as usize));
        let best = waiting.iter().map(|i| i.priority).max();
        let Some(at) = waiting.iter().position(|i| Some(i.priority) == best) else { break };
        let item = waiting.remove(at);
        expected.push((item.number as u32, item.priority));
    }
    assert_eq!(expected.len(), 600);
    assert_eq!(run.order(), expected);
    assert!(!expected.is_sorted(), "the order of sending is another than that of numbers");
}

#[test]
fn an_answer_is_reordered_by_the_order_of_sending_and_a_priority_that_goes_first_is_not() {
    let priority = Priority::Uniform { from: 0, to: 9 };
    let mixed = StreamPlan { priority, ..echo(all_at_once(), 5, 0) };
    let setup = Setup { traces: crowd(400, 0), ..setup(1_000, vec![mixed]) };
    let run = drive(&setup, |_, _| Ok(Some(at_once())));
    assert!(!run.order().is_sorted(), "numbers left in another order");
    assert_eq!((run.counts(0).answered, run.counts(0).reordered), (400, 0));

    // One answer of two waits 40 ms. Those pass it, and only those: it comes after the answers to all sent after it.
    let two = vec![echo(Arrival::Constant { rate: 1_000.0 }, 1, 1), echo(Arrival::Constant { rate: 1_000.0 }, 2, 2)];
    let run = drive(&self::setup(100, two), |place, pulse| {
        let late = pulse[1] == 2 && place < 100;
        Ok(Some(vec![Duration::from_millis(if late { 40 } else { 0 })]))
    });
    assert_eq!(run.counts(0).reordered, 0, "{:?}", run.counts(0));
    let late = run.sent[..100].iter().filter(|d| d[1] == 2).count() as u64;
    assert_eq!(run.counts(1).reordered, late, "{:?}", run.counts(1));
}

#[test]
fn a_full_queue_that_drops_counts_what_it_drops_and_sends_the_rest() {
    let small = StreamPlan { queue: 10, overflow: Overflow::Drop, ..stream(all_at_once(), 5, 1) };
    let setup = Setup { traces: crowd(500, 0), ..setup(1_000, vec![small]) };
    let run = drive(&setup, |_, _| Ok(Some(Vec::new())));
    let c = run.counts(0);
    // Of the first 64 admitted ten find a place; each pulse that leaves makes one more.
    assert_eq!((c.sent, c.dropped, c.unsent, c.sent + c.dropped), (run.sent.len() as u64, 500 - c.sent, 0, 500));
    assert_eq!(run.sent.len(), 10 + 500usize.div_ceil(ADMITTED as usize) - 1);
    let numbers: Vec<u32> = run.order().iter().map(|o| o.0).collect();
    assert_eq!(numbers[..11], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 64]);
    assert_eq!((c.lost, run.seen.numbers), (0, 500));
}

#[test]
fn a_full_queue_that_delays_drops_nothing_and_its_lateness_grows() {
    let small = StreamPlan { queue: 10, ..stream(Arrival::Constant { rate: 20_000.0 }, 5, 1) };
    let run = drive(&setup(20, vec![small]), |_, _| {
        thread::sleep(Duration::from_micros(200));
        Ok(Some(Vec::new()))
    });
    let c = run.counts(0);
    assert_eq!((c.sent, c.dropped, c.unsent), (400, 0, 0));
    assert!(run.order().is_sorted(), "nothing overtakes");
    // Pulse i is due at i · 50 µs and leaves after i sends of 200 µs: the last are 60 ms late, half of them 30.
    let lateness = &run.seen.streams[0].latencies.lateness;
    assert!(above(lateness, 29) >= 200 && above(lateness, 58) >= 10, "{} {}", above(lateness, 29), above(lateness, 58));
    assert!(run.seen.streams[0].drift.ppm().unwrap() > 2e6, "{:?}", run.seen.streams[0].drift.ppm());
}

#[test]
fn a_sender_that_never_catches_up_gives_up_and_every_due_pulse_is_sent_dropped_or_unsent() {
    for mode in [Mode::OneWay, Mode::Echo] {
        let busy = |bytes, overflow| StreamPlan {
            queue: 50,
            overflow,
            timeout_ns: 30 * MS,
            mode,
            ..stream(Arrival::Constant { rate: 20_000.0 }, bytes, bytes as u8)
        };
        let run = drive(&setup(50, vec![busy(1, Overflow::Delay), busy(2, Overflow::Drop)]), |_, _| {
            thread::sleep(Duration::from_micros(300));
            Ok(Some(at_once()))
        });
        let (delays, drops) = (run.counts(0), run.counts(1));
        assert_eq!(delays.sent + delays.dropped + delays.unsent, 1_000, "{mode:?} {delays:?}");
        assert_eq!(drops.sent + drops.dropped + drops.unsent, 1_000, "{mode:?} {drops:?}");
        assert!(delays.unsent > 0 && delays.dropped == 0, "{mode:?} {delays:?}");
        assert_eq!(delays.sent + drops.sent, run.sent.len() as u64);
    }
}

#[test]
fn only_pulses_due_in_the_measured_time_are_measured() {
    let mut setup = setup(40, vec![echo(Arrival::Constant { rate: 5_000.0 }, 10, 1)]);
    (setup.plan.warmup_ns, setup.plan.cooldown_ns) = (20 * MS, 20 * MS);
    let run = drive(&setup, |_, _| Ok(Some(at_once())));
    let c = run.counts(0);
    assert_eq!(run.sent.len(), 400);
    assert_eq!((c.sent, c.answered, c.messages, c.complete, c.kept), (200, 200, 200, 200, 200));
    assert_eq!((c.bytes, run.seen.session.sent_in_all), (200 * 74, 401), "one looked for the target");
    let latencies = &run.seen.streams[0].latencies;
    let lengths = [&run.responses[0], &latencies.service, &latencies.lateness].map(Histogram::len);
    assert_eq!((lengths, latencies.out.len(), run.seen.pacing.len() + run.seen.stalled_pulses), ([200; 3], 200, 200));
    // The same with a count: of measured pulses.
    setup.plan.count = Some(70);
    let run = drive(&setup, |_, _| Ok(Some(at_once())));
    assert_eq!((run.counts(0).sent, run.sent.len()), (70, 170));
}

#[test]
fn what_the_wire_loses_doubles_or_refuses_is_counted_where_it_belongs() {
    let constant = || Arrival::Constant { rate: 2_000.0 };
    let brief = |s| StreamPlan { timeout_ns: 100 * MS, ..s };
    let streams = vec![
        brief(echo(constant(), 1, 1)),
        brief(echo(constant(), 2, 2)),
        brief(echo(constant(), 3, 3)),
        stream(constant(), 4, 4),
    ];
    let mut refused = 0;
    let run = drive(&setup(100, streams), |_, pulse| {
        let number = number_of(&Pulse::parse(pulse).unwrap()) / 4;
        Ok(match (pulse[1], number % 10) {
            (1, 0) => Some(Vec::new()),
            (2, 0..3) => Some(vec![Duration::ZERO; 3]),
            (3, 0) => {
                refused += 1;
                None
            }
            (3, 1) => return Err(io::Error::other("unreachable")),
            (4, _) => Some(Vec::new()),
            _ => Some(at_once()),
        })
    });
    let [one, two, three, four] = [0, 1, 2, 3].map(|i| run.counts(i));
    assert_eq!((one.sent, one.answered, one.lost, one.duplicates), (200, 180, 20, 0));
    assert_eq!((two.sent, two.answered, two.lost, two.duplicates), (200, 200, 0, 120));
    assert_eq!((three.sent, three.answered, three.lost, three.send_refused), (200, 160, 40, 40));
    assert_eq!((refused, run.seen.session.network_errors), (20, 20), "a full buffer and an error are told apart");
    assert_eq!((four.sent, four.one_way, four.lost, four.answered), (200, 200, 0, 0));
    assert_eq!((run.seen.session.unexpected, run.counts(0).late), (0, 0));
}

#[test]
fn a_faulty_link_s_losses_are_those_of_the_stream_that_met_them() {
    let of = |bytes, rate| StreamPlan { timeout_ns: 100 * MS, ..echo(Arrival::Poisson { rate }, bytes, bytes as u8) };
    let faults = Faults { loss: 0.2, seed: 11, ..Faults::default() };
    let run = drive(&Setup { faults, ..setup(200, vec![of(1, 3_000.0), of(2, 1_000.0)]) }, |_, _| Ok(Some(at_once())));
    for stream in 0..2 {
        let c = run.counts(stream);
        let arrived = run.sent.iter().filter(|d| usize::from(d[1]) == stream + 1).count() as u64;
        assert_eq!((c.answered, c.lost, c.unfinished), (arrived, c.sent - arrived, 0));
        assert!(c.lost > c.sent / 10, "{c:?}");
    }
}

#[test]
fn a_message_is_one_sample_when_its_last_fragment_is_answered_and_none_without_it() {
    for order in [Order::InOrder, Order::Reverse, Order::Shuffled] {
        let mut cut = cut(7, StreamPlan { timeout_ns: 100 * MS, ..echo(Arrival::Constant { rate: 500.0 }, 700, 1) });
        (cut.fragments.order, cut.fragments.gap_ns) = (order, 100_000);
        let run = drive(&setup(100, vec![cut]), |_, pulse| {
            let pulse = Pulse::parse(pulse).unwrap();
            let message = pulse.message_id().0.wrapping_sub(FIRST_SEQ) / 7;
            let lost = message % 10 == 3 && pulse.fragment_index() == (message % 7) as u16;
            Ok(Some(if lost { Vec::new() } else { at_once() }))
        });
        let c = run.counts(0);
        assert_eq!((c.sent, c.answered, c.lost), (350, 345, 5), "{order:?}");
        assert_eq!((c.messages, c.complete, run.seen.streams[0].latencies.message.len()), (50, 45, 45), "{order:?}");
        assert!(run.seen.streams[0].latencies.message.min() >= 599_000, "six gaps of 100 µs");
    }
}

#[test]
fn messages_that_crowd_a_small_ring_are_all_complete() {
    // More numbers are due at once than the ring has places: what is due waits for room and loses nothing.
    for (stream, traces, pulses, messages) in [
        (echo(all_at_once(), 700, 1), crowd(60, 97), 60 * 97, 60),
        (cut(40, echo(all_at_once(), 700, 1)), crowd(300, 0), 300 * 40, 300),
        (
            StreamPlan {
                fragments: Fragments { interleave: 60, ..cut(16, echo(all_at_once(), 9, 1)).fragments },
                ..echo(all_at_once(), 9, 1)
            },
            crowd(600, 0),
            9_600,
            600,
        ),
    ] {
        let setup = Setup { traces, ..setup(3_000, vec![stream]) };
        let run = drive(&setup, |_, _| Ok(Some(vec![Duration::from_millis(3)])));
        let c = run.counts(0);
        assert_eq!((c.sent, c.answered, c.lost, c.messages, c.complete), (pulses, pulses, 0, messages, messages));
        assert_eq!((run.seen.session.unexpected, run.seen.streams[0].latencies.message.len()), (0, messages));
        assert!(run.sent.iter().all(|d| d[3] == Kind::Data as u8), "what comes in fragments is DATA");
    }
}

#[test]
fn a_ring_that_is_full_after_a_stall_mixes_nothing_up() {
    // 100 ms hold back 16,000 pulses in groups of 160, and the ring has room for 16,384 with those on their way.
    let base = cut(16, StreamPlan { timeout_ns: 60 * MS, ..echo(Arrival::Constant { rate: 10_000.0 }, 64, 1) });
    let stream = StreamPlan { fragments: Fragments { interleave: 10, ..base.fragments.clone() }, ..base };
    let setup = setup(150, vec![stream]);
    assert_eq!(in_flight(&setup).next_power_of_two(), 16_384);
    let run = drive(&setup, |place, _| {
        if place == 4_000 {
            thread::sleep(Duration::from_millis(100));
        }
        Ok(Some(vec![Duration::from_millis(3)]))
    });
    let c = run.counts(0);
    assert_eq!((c.sent + c.unsent, c.sent), (24_000, run.sent.len() as u64));
    assert_eq!((c.answered + c.lost, c.duplicates), (c.sent, 0));
    // An answer that comes a whole ring after its pulse was given up is known to nobody.
    assert!(c.late + run.seen.session.unexpected <= c.lost, "{} {c:?}", run.seen.session.unexpected);
    assert!(c.complete * 16 <= c.answered && (c.complete + c.lost) * 16 >= c.answered, "{c:?}");
}

#[test]
fn a_deadline_is_kept_by_answers_in_time_and_counts_from_the_schedule() {
    let timely = StreamPlan { deadline_ns: Some(30 * MS), ..echo(Arrival::Constant { rate: 1_000.0 }, 1, 1) };
    let whole = StreamPlan { deadline_ns: Some(30 * MS), ..cut(3, echo(Arrival::Constant { rate: 200.0 }, 30, 2)) };
    let run = drive(&setup(100, vec![timely, whole]), |_, pulse| {
        let pulse = Pulse::parse(pulse).unwrap();
        // One in five of the first; of the second only the middle fragment, and of each message.
        let late =
            if pulse.priority() == 1 { number_of(&pulse).is_multiple_of(5) } else { pulse.fragment_index() == 1 };
        Ok(Some(vec![Duration::from_millis(if late { 35 } else { 0 })]))
    });
    let order = run.order();
    let late = order.iter().filter(|(number, priority)| *priority == 1 && number.is_multiple_of(5)).count() as u64;
    let (c, whole) = (run.counts(0), run.counts(1));
    assert!(late > 10 && c.kept <= 100 - late && c.kept >= 40, "{late} late: {c:?}");
    assert_eq!((whole.complete, whole.kept), (20, 0), "a message is as late as its last fragment");
}

#[test]
fn a_token_stream_s_first_token_and_gaps_are_what_the_peer_made_them() {
    let base = cut(4, stream(Arrival::Constant { rate: 100.0 }, 8, 1));
    let fragments = Fragments { gap_ns: 2 * MS, ..base.fragments.clone() };
    let tokens =
        StreamPlan { mode: Mode::TokenStream, first_token_ns: 3 * MS, deadline_ns: Some(300 * MS), fragments, ..base };
    let mut tokens_sent = 0;
    let run = drive(&setup(100, vec![tokens]), |_, pulse| {
        let token = pulse[3] == Kind::Stream as u8;
        tokens_sent += u32::from(token);
        // Requests are answered after their tokens; the third token of each message waits for 30 ms.
        let wait = if !token { 60 } else { u64::from(tokens_sent % 4 == 3) * 30 };
        Ok(Some(vec![Duration::from_millis(wait)]))
    });
    let (c, latencies) = (run.counts(0), &run.seen.streams[0].latencies);
    assert_eq!((c.sent, c.answered, c.messages, c.complete), (50, 50, 10, 10));
    assert_eq!((latencies.first_token.len(), latencies.token_gap.len(), latencies.message.len()), (10, 30, 10));
    assert!(latencies.first_token.min() >= 2_990_000, "sent 3 ms after the request was due");
    assert!(latencies.message.min() >= 59_900_000, "the request's own answer came last");
    assert!(c.kept >= 5, "{c:?}: by the first token, not by the last answer");
    // Messages begin every 10 ms, so the tokens that wait are not all third ones; each makes a gap of 20 ms somewhere.
    assert!(above(&latencies.token_gap, 15) >= 5, "{}", above(&latencies.token_gap, 15));
}

#[test]
fn a_flood_sends_its_count_whole_or_in_fragments_and_waits_for_nobody() {
    for stream in [stream(Arrival::Flood {}, 9, 1), cut(3, stream(Arrival::Flood {}, 9, 1))] {
        let mut setup = setup(10_000, vec![stream]);
        setup.plan.count = Some(9_000);
        let run = drive(&setup, |_, _| Ok(Some(Vec::new())));
        let c = run.counts(0);
        assert_eq!((c.sent, c.one_way, c.answered, c.lost, run.sent.len()), (9_000, 9_000, 0, 0, 9_000));
        let pulses = u64::from(Pulse::parse(&run.sent[0]).unwrap().fragment_count());
        assert_eq!(c.messages, 9_000 / pulses);
    }
}

#[test]
fn beside_a_flood_higher_pulses_go_first_and_lower_ones_starve() {
    let streams = vec![
        stream(Arrival::Constant { rate: 2_000.0 }, 1, 200),
        stream(Arrival::Flood {}, 2, 100),
        stream(Arrival::Constant { rate: 2_000.0 }, 3, 50),
    ];
    let setup = setup(50, streams);
    let run = drive(&setup, |_, _| Ok(Some(Vec::new())));
    let order = run.order();
    let [high, flood, low] = [0, 1, 2].map(|i| run.counts(i));
    assert_eq!((high.sent, low.sent), (100, 100));
    assert!(flood.sent > 200, "{}", flood.sent);
    // A lower one leaves before the flood has ended only where it holds the ring up: it keeps its number while it waits, and
    // the ring ends so many numbers on.
    let slots = in_flight(&setup).next_power_of_two() as u32;
    let last_flood = order.iter().rposition(|(_, priority)| *priority == 100).unwrap();
    let mut newest = 0;
    for (number, priority) in &order[..last_flood] {
        // The newest number may be that of another of the hundred that wait.
        assert!(*priority != 50 || newest + 100 - number >= slots, "{number} left after {newest}, of {slots}");
        newest = newest.max(*number);
    }
    // A number is given when a pulse is due (a flood's when it leaves): none of the flood passes a higher one that was due.
    let above: Vec<u32> =
        order.iter().filter(|(_, priority)| *priority >= 100).map(|(number, _)| *number).skip(1).collect();
    assert!(above.is_sorted(), "the flood went before a higher pulse that was due");
}

#[test]
fn two_floods_take_turns() {
    let mut setup = setup(10_000, vec![stream(Arrival::Flood {}, 1, 1), stream(Arrival::Flood {}, 2, 1)]);
    setup.plan.count = Some(1_000);
    let run = drive(&setup, |_, _| Ok(Some(Vec::new())));
    assert_eq!((run.counts(0).sent, run.counts(1).sent), (500, 500));
}

#[test]
fn the_recorder_keeps_the_slowest_with_their_own_times_and_the_first_lost() {
    let stream = StreamPlan { timeout_ns: 150 * MS, ..echo(Arrival::Constant { rate: 1_000.0 }, 1, 1) };
    let run = drive(&setup(200, vec![stream]), |place, _| {
        Ok(Some(match place {
            20..32 => vec![Duration::from_millis(30 + place as u64)],
            150..170 => Vec::new(),
            _ => at_once(),
        }))
    });
    let (slowest, lost) = run.seen.recorder.records();
    assert_eq!((slowest.len(), lost.len(), run.counts(0).lost), (8, 8, 20));
    let latencies: Vec<u64> = slowest.iter().map(|r| r.landed - r.launch.due).collect();
    assert!(latencies.is_sorted_by(|a, b| a >= b), "{latencies:?}");
    // Nothing that was not kept is slower than what was (the histogram rounds to a thousandth).
    let least = latencies[7] + latencies[7] / 500;
    assert!(run.responses[0].count_between(least, u64::MAX) <= 8, "{latencies:?}");
    assert!(latencies[7] >= 50 * MS, "{latencies:?}");
    for record in slowest {
        let (sent, answer) = (Pulse::parse(&record.pulse).unwrap(), Pulse::parse(&record.answer).unwrap());
        assert_eq!(
            (sent.seq_id(), answer.seq_id(), answer.kind()),
            (SeqId(record.seq_id), SeqId(record.seq_id), Kind::Pong)
        );
        assert!(record.launch.sent >= record.launch.due && record.landed >= record.launch.sent + 50 * MS);
    }
    let numbers: Vec<u64> = lost.iter().map(|r| r.launch.number).collect();
    assert_eq!(numbers, (150..158).collect::<Vec<_>>());
}

#[test]
fn a_closed_loop_sends_the_next_when_the_last_is_answered_or_given_up() {
    let mut setup = setup(5_000, vec![StreamPlan { timeout_ns: 10 * MS, ..echo(Arrival::Closed {}, 1, 1) }]);
    (setup.plan.count, setup.meter) = (Some(50), false);
    let run = drive(&setup, |place, _| Ok(Some(if place % 10 == 9 { Vec::new() } else { at_once() })));
    let c = run.counts(0);
    assert_eq!((c.sent, c.answered, c.lost, c.late, c.unsent), (50, 45, 5, 0, 0));
    assert!(run.order().is_sorted());
    // Each leaves after the last was settled: five timeouts of 10 ms lie in the run.
    assert!(run.seen.lasted_ns >= 50 * MS, "{}", run.seen.lasted_ns);
}

#[test]
fn pulses_leave_with_the_header_that_the_schedule_gave_them() {
    let mixed = StreamPlan {
        priority: Priority::Cycle { values: vec![3, 200] },
        ..cut(3, echo(Arrival::Constant { rate: 1_000.0 }, 100, 0))
    };
    let setup = setup(20, vec![mixed]);
    let run = drive(&setup, |_, _| Ok(Some(at_once())));
    let mut schedule = Schedule::new(&setup.plan, &[], (0, 1)).unwrap();
    let items: Vec<Item> = std::iter::from_fn(|| schedule.take()).collect();
    assert_eq!(run.sent.len(), items.len());
    for item in items {
        let seq = SeqId(FIRST_SEQ).plus(item.number as u32);
        let datagram = run.sent.iter().find(|d| Pulse::parse(d).unwrap().seq_id() == seq).unwrap();
        let pulse = Pulse::parse(datagram).unwrap();
        assert_eq!((datagram.len(), pulse.priority()), (usize::from(item.length), item.priority));
        assert_eq!((pulse.fragment_count(), pulse.fragment_index()), (item.fragment_count, item.fragment_index));
        assert_eq!((pulse.kind(), pulse.flags()), kind_of(&setup.plan.streams[0], item.part));
    }
}
