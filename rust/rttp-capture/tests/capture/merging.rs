use std::io::{self, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rttp_capture::{Merge, Source, Step};

use crate::Drip;
use crate::files::pcap;

fn capture(seconds: &[u32]) -> Vec<u8> {
    pcap(&seconds.iter().map(|s| (*s, 0, vec![1; 9])).collect::<Vec<_>>())
}

fn source(bytes: Vec<u8>, first_s: Option<u64>) -> Source {
    let open = Box::new(move || Ok(Box::new(Cursor::new(bytes)) as Box<dyn Read + Send>));
    Source { open, first_ns: first_s.map(|s| s * 1_000_000_000) }
}

type By<T> = Vec<(usize, T)>;

/// Times of packets, in seconds, and warnings, each with its source.
fn merged(sources: Vec<Source>) -> (By<u64>, By<String>) {
    let mut merge = Merge::new(sources);
    let (mut packets, mut warnings) = (Vec::new(), Vec::new());
    loop {
        match merge.next() {
            (source, Step::Packet(packet)) => packets.push((source, packet.time_ns / 1_000_000_000)),
            (source, Step::Warning(warning)) => warnings.push((source, warning.to_string())),
            (_, Step::Wait) => {}
            (_, Step::End) => break,
        }
    }
    assert!(matches!(merge.next(), (0, Step::End)));
    (packets, warnings)
}

#[test]
fn packets_come_by_time_and_by_source_where_times_are_equal() {
    for known in [false, true] {
        let first = |s| known.then_some(s);
        let (packets, warnings) = merged(vec![
            source(capture(&[3, 5, 5, 9]), first(3)),
            source(capture(&[1, 5, 8]), first(1)),
            source(capture(&[]), None),
            source(capture(&[5, 6]), first(5)),
        ]);
        assert_eq!(packets, [(1, 1), (0, 3), (0, 5), (0, 5), (1, 5), (3, 5), (3, 6), (1, 8), (0, 9)]);
        assert_eq!(warnings, []);
    }
}

#[test]
fn one_source_and_none_are_merges_as_well() {
    assert_eq!(merged(vec![source(capture(&[4, 3, 5]), None)]).0, [(0, 4), (0, 3), (0, 5)]);
    assert_eq!(merged(vec![]).0, []);
}

#[test]
fn captures_that_follow_each_other_are_open_one_or_two_at_a_time() {
    struct Counting(Cursor<Vec<u8>>, Arc<AtomicUsize>);
    impl Read for Counting {
        fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
            self.0.read(room)
        }
    }
    impl Drop for Counting {
        fn drop(&mut self) {
            self.1.fetch_sub(1, Ordering::Relaxed);
        }
    }
    let open = Arc::new(AtomicUsize::new(0));
    let sources = (0..1_000u32).rev().map(|i| {
        let counter = Arc::clone(&open);
        let open = Box::new(move || {
            counter.fetch_add(1, Ordering::Relaxed);
            let bytes = Cursor::new(capture(&[10 * i, 10 * i + 9]));
            Ok(Box::new(Counting(bytes, counter)) as Box<dyn Read + Send>)
        });
        Source { open, first_ns: Some(u64::from(i) * 10_000_000_000) }
    });
    let mut merge = Merge::new(sources.collect());
    let (mut count, mut most, mut newest) = (0, 0, 0);
    while let (_, Step::Packet(packet)) = merge.next() {
        assert!(packet.time_ns >= newest);
        (newest, count) = (packet.time_ns, count + 1);
        most = most.max(open.load(Ordering::Relaxed));
    }
    assert_eq!((count, open.load(Ordering::Relaxed)), (2_000, 0));
    assert!(most <= 2, "{most}");
    let ended = merge.reader(999).unwrap();
    assert_eq!((ended.packets(), ended.interfaces().len()), (2, 1));
}

#[test]
fn a_source_that_cannot_be_opened_is_a_warning_and_the_others_go_on() {
    let bad = Source { open: Box::new(|| Err(io::Error::other("no such thing"))), first_ns: Some(0) };
    let torn = capture(&[1, 2])[..60].to_vec();
    let (packets, warnings) = merged(vec![bad, source(capture(&[5]), Some(5)), source(torn, Some(1))]);
    assert_eq!(packets, [(2, 1), (1, 5)]);
    assert_eq!(warnings[0], (0, "byte 0: cannot be read: no such thing".into()));
    assert_eq!((warnings.len(), warnings[1].0), (2, 2));
}

#[test]
fn a_source_that_has_nothing_now_holds_the_others_up() {
    let slow: &'static [u8] = Box::leak(capture(&[2, 4]).into_boxed_slice());
    let open = Box::new(|| Ok(Box::new(Drip::new(slow, 5)) as Box<dyn Read + Send>));
    let sources = vec![source(capture(&[1, 3, 5]), None), Source { open, first_ns: None }];
    assert_eq!(merged(sources).0, [(0, 1), (1, 2), (0, 3), (1, 4), (0, 5)]);
}
