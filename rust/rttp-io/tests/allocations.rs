//! B5: nothing is allocated per pulse, by the sender or the responder. The allocator counts.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use common::paced;
use rttp_io::run::{View, execute};
use rttp_io::setup::Setup;
use rttp_load::plan::Plan;

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

fn allocations_of(plan: &Plan, pulses: u64) -> u64 {
    // The list of stalls is as long as the host makes it, and the collector's thread is given an interval now and then.
    let mut setup = Setup { meter: false, interval_ns: u64::MAX / 4, ..paced(None) };
    setup.plan = Plan { count: Some(pulses), ..plan.clone() };
    let (stop, view) = (AtomicBool::new(false), View::new(1));
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    let outcome = execute(&setup, &stop, &view).unwrap();
    let after = ALLOCATIONS.load(Ordering::Relaxed);
    assert_eq!(outcome.streams.iter().map(|s| s.counts.sent).sum::<u64>(), pulses);
    after - before
}

/// Twelve streams with every arrival process, pattern and mode that needs no file.
fn mixed() -> Plan {
    let json = include_str!("common/mixed.json");
    Plan::from_json(json).unwrap()
}

/// One test in this file: another thread's allocations would be counted too.
#[test]
fn twenty_thousand_pulses_more_cost_not_one_allocation_more() {
    for plan in [paced(None).plan, paced(Some(50_000.0)).plan, mixed()] {
        allocations_of(&plan, 500);
        let few = allocations_of(&plan, 500);
        let many = allocations_of(&plan, 20_500);
        // Starting a thread allocates once or not, by which of the two ends of the channel comes first.
        let name = &plan.streams[0].name;
        assert!(many <= few + 2, "{name}: {few} allocations in a run of 500 pulses, {many} in one of 20,500");
    }
}
