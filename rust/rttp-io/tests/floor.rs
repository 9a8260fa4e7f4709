//! The floors on real cores. Function, counts and laws: a shared machine's gaps and round trips have no bound.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rttp_io::error::Error;
use rttp_io::floor::{GAP_FROM, LEVELS, UnderWay, ring_round_trip, stall_record};
use rttp_io::host::allowed_cores;

/// Far longer than any test takes; what ends before it was ended.
const LONG: Duration = Duration::from_secs(600);
const SHORT: Duration = Duration::from_millis(60);
/// A core that no kernel has.
const NO_CORE: usize = 1023;

fn going() -> AtomicBool {
    AtomicBool::new(false)
}

#[test]
fn every_core_is_watched_for_the_whole_time_at_once() {
    let cores = allowed_cores();
    let before = Instant::now();
    let record = stall_record(&cores, SHORT, &going()).unwrap();
    let took = before.elapsed();
    assert!(!record.interrupted);
    assert_eq!(record.cores.iter().map(|c| c.core).collect::<Vec<_>>(), cores);
    let together: u64 = record.cores.iter().map(|c| c.watched).sum();
    assert!(together <= u64::try_from(took.as_nanos()).unwrap() * cores.len() as u64);
    for core in &record.cores {
        assert!(core.readings > 1, "core {} was never read", core.core);
        assert!(core.watched > 0 && core.watched <= u64::try_from(took.as_nanos()).unwrap());
    }
}

#[test]
fn levels_gaps_and_stalls_of_a_core_agree() {
    let cores = allowed_cores();
    for core in stall_record(&cores, SHORT, &going()).unwrap().cores {
        assert_eq!(core.levels.map(|level| level.from), LEVELS);
        for pair in core.levels.windows(2) {
            assert!(pair[0].count >= pair[1].count && pair[0].total >= pair[1].total);
        }
        for level in core.levels {
            assert!(level.total >= level.count * level.from && level.total <= core.watched);
        }
        assert!(core.gaps.len() >= core.levels[0].count);
        assert!(core.gaps.is_empty() || core.longest >= GAP_FROM);
        assert!(core.stalls.len() as u64 <= core.levels[1].count.min(4_096), "a stall is longer than 100 µs");
        assert!(core.stalls.iter().all(|stall| stall.length <= core.longest));
    }
}

#[test]
fn two_threads_of_one_core_see_each_other_as_gaps() {
    let core = allowed_cores()[0];
    let record = stall_record(&[core, core], Duration::from_millis(200), &going()).unwrap();
    let gaps: u64 = record.cores.iter().map(|c| c.gaps.len()).sum();
    assert!(gaps > 0, "only one of two runs at a time");
    assert!(record.cores.iter().any(|c| c.levels[1].total > 0), "{:?}", record.cores[0].levels);
}

#[test]
fn no_cores_are_an_empty_record() {
    assert!(stall_record(&[], Duration::ZERO, &going()).unwrap().cores.is_empty());
}

#[test]
fn a_core_that_may_not_be_used_is_refused_at_once_and_named() {
    let mut cores = allowed_cores();
    cores.push(NO_CORE);
    let error = stall_record(&cores, LONG, &going()).unwrap_err();
    assert_eq!((error.slug(), error.to_string().contains("1023")), ("forbidden", true), "{error}");
    for (a, b) in [(cores[0], NO_CORE), (NO_CORE, cores[0])] {
        let error = ring_round_trip(a, b, LONG, &going()).unwrap_err();
        assert_eq!(error.slug(), "forbidden", "{error}");
    }
}

#[test]
fn a_stop_ends_a_record_and_keeps_what_was_seen() {
    let stop = Arc::new(going());
    let (cores, stopped) = (allowed_cores(), stop.clone());
    let watcher = thread::spawn(move || stall_record(&cores, LONG, &stopped).unwrap());
    thread::sleep(SHORT);
    stop.store(true, Ordering::Relaxed);
    let record = watcher.join().unwrap();
    assert!(record.interrupted);
    assert!(record.cores.iter().all(|core| core.readings > 0));
}

#[test]
fn numbers_go_round_between_two_cores() {
    let &[a, b, ..] = allowed_cores().as_slice() else { return one_core_makes_no_ring() };
    let record = ring_round_trip(a, b, SHORT, &going()).unwrap();
    assert_eq!((record.cores, record.interrupted), ((a, b), false));
    assert!(!record.round_trips.is_empty());
    assert!(record.round_trips.min() > 0);
}

#[test]
fn one_core_makes_no_ring() {
    let core = allowed_cores()[0];
    let error = ring_round_trip(core, core, LONG, &going()).unwrap_err();
    assert!(matches!(error, Error::HostLimit(_)), "{error}");
}

#[test]
fn a_stop_ends_a_ring() {
    let &[a, b, ..] = allowed_cores().as_slice() else { return one_core_makes_no_ring() };
    let stop = Arc::new(going());
    let stopped = stop.clone();
    let ring = thread::spawn(move || ring_round_trip(a, b, LONG, &stopped).unwrap());
    thread::sleep(SHORT);
    stop.store(true, Ordering::Relaxed);
    assert!(ring.join().unwrap().interrupted);
}

#[test]
fn a_measurement_under_way_is_waited_for_and_gives_its_outcome() {
    let cores = allowed_cores();
    let mut under_way = UnderWay::start(Arc::new(going()), move |stop| stall_record(&cores, SHORT, stop)).unwrap();
    assert!(under_way.wait(LONG) && under_way.wait(Duration::ZERO));
    assert!(!under_way.finish().unwrap().interrupted);
}

#[test]
fn a_measurement_under_way_that_is_dropped_is_stopped() {
    let stop = Arc::new(going());
    let (tell, told) = std::sync::mpsc::channel();
    let mut under_way = UnderWay::start(stop.clone(), move |stop| {
        let record = stall_record(&[allowed_cores()[0]], LONG, stop);
        tell.send(()).unwrap();
        record
    })
    .unwrap();
    assert!(!under_way.wait(Duration::from_millis(1)));
    drop(under_way);
    assert!(stop.load(Ordering::Relaxed));
    told.recv_timeout(Duration::from_secs(30)).unwrap();
}

#[test]
fn a_measurement_that_panics_is_an_error_and_no_endless_wait() {
    let mut under_way = UnderWay::<()>::start(Arc::new(going()), |_| panic!("on purpose")).unwrap();
    assert!(under_way.wait(LONG));
    assert_eq!(under_way.finish().unwrap_err().slug(), "bug");
}
