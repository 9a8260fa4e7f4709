//! B5: nothing is allocated per pulse, by the sender or the responder. The allocator counts.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use common::plan;
use rttp_io::generator::Progress;
use rttp_io::plan::{Pace, Plan};
use rttp_io::run::execute;

struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call goes to the system's allocator unchanged; counting touches nothing else.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations_of(pace: Pace, pulses: u64) -> u64 {
    // The list of stalls is as long as the host makes it.
    let plan = Plan { pace, count: Some(pulses), meter: false, ..plan() };
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    let outcome = execute(&plan, &AtomicBool::new(false), &Progress::default()).unwrap();
    let after = ALLOCATIONS.load(Ordering::Relaxed);
    assert_eq!(outcome.seen.counts.sent, pulses);
    assert_eq!(outcome.server.unwrap().total.answered, outcome.seen.counts.sent_in_all);
    after - before
}

/// One test in this file: another thread's allocations would be counted too.
#[test]
fn twenty_thousand_pulses_more_cost_not_one_allocation_more() {
    for pace in [Pace::PingPong, Pace::OpenLoop(50_000.0)] {
        allocations_of(pace, 100);
        let few = allocations_of(pace, 100);
        let many = allocations_of(pace, 20_100);
        // Starting a thread allocates once or not, by which of the two ends of the channel comes first.
        assert!(many <= few + 2, "{pace:?}: {few} allocations in a run of 100 pulses, {many} in one of 20,100");
    }
}
