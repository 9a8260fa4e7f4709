//! The stall meter: when was a core that we use kept from work that was there?
//!
//! Each core has a [`Heart`]. A thread that spins beats it with every reading of the clock; then a gap between two beats
//! means that something else had the core: the hypervisor, an interrupt, another process (`/proc/stat` does not show most
//! of those). A thread that sleeps until there is work says since when there was some ([`Heart::woke`]): only that time
//! counts. Where nobody can know since when (an answer that comes from another machine), a thread that gets only idle
//! time beats the heart of the core meanwhile ([`Idler`]).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use crate::clock::{Clock, Nanos};
use crate::host::{self, Asked};

/// A gap counts as a stall from here on. A pulse through the stack takes 5 µs, an interrupt 10; 100 is neither.
pub const STALL_FROM: Nanos = 100_000;
/// Stalls kept one by one for a core; more are only counted.
const KEPT: usize = 4096;

/// One gap on a core.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stall {
    /// Last sign of life before it.
    pub start: Nanos,
    /// How long.
    pub length: Nanos,
}

/// The heart of one core.
pub struct Heart {
    /// The core, or `None` for a thread that is not pinned: then its gaps include being moved.
    pub core: Option<usize>,
    last: AtomicU64,
    count: AtomicUsize,
    total: AtomicU64,
    longest: AtomicU64,
    kept: Box<[(AtomicU64, AtomicU64)]>,
}

impl Heart {
    /// A heart that has not beaten yet.
    #[must_use]
    pub fn new(core: Option<usize>) -> Arc<Heart> {
        let kept = (0..KEPT).map(|_| (AtomicU64::new(0), AtomicU64::new(0))).collect();
        let zero = || AtomicU64::new(0);
        Arc::new(Heart { core, last: zero(), count: AtomicUsize::new(0), total: zero(), longest: zero(), kept })
    }

    /// A sign of life; whether a stall came before it. Two threads of one core may race here by being switched between clock
    /// and heart; the later wins.
    #[inline]
    pub fn beat(&self, now: Nanos) -> bool {
        let last = self.last.fetch_max(now, Ordering::Relaxed);
        let stalled = last != 0 && now > last + STALL_FROM;
        if stalled {
            self.stalled(last, now - last);
        }
        stalled
    }

    /// A sign of life of a thread that slept and for which there was work since an instant; whether it was kept from it.
    #[inline]
    pub fn woke(&self, now: Nanos, work_since: Nanos) -> bool {
        let since = self.last.fetch_max(now, Ordering::Relaxed).max(work_since);
        let stalled = work_since != 0 && now > since.saturating_add(STALL_FROM);
        if stalled {
            self.stalled(since, now - since);
        }
        stalled
    }

    #[cold]
    fn stalled(&self, start: Nanos, length: Nanos) {
        let i = self.count.fetch_add(1, Ordering::Relaxed);
        self.total.fetch_add(length, Ordering::Relaxed);
        self.longest.fetch_max(length, Ordering::Relaxed);
        if let Some((s, l)) = self.kept.get(i) {
            s.store(start, Ordering::Relaxed);
            l.store(length, Ordering::Release);
        }
    }

    /// How many stalls so far, whichever thread saw them. Each thread on the core compares it with what it knew.
    #[inline]
    #[must_use]
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Forgets everything, so that a pause before a run does not count.
    pub fn restart(&self) {
        self.last.store(0, Ordering::Relaxed);
        self.count.store(0, Ordering::Relaxed);
        self.total.store(0, Ordering::Relaxed);
        self.longest.store(0, Ordering::Relaxed);
    }

    /// How many stalls there were and how long all of them together, ns.
    #[must_use]
    pub fn totals(&self) -> (usize, Nanos) {
        (self.count.load(Ordering::Relaxed), self.total.load(Ordering::Relaxed))
    }

    /// The longest of all, ns.
    #[must_use]
    pub fn longest(&self) -> Nanos {
        self.longest.load(Ordering::Relaxed)
    }

    /// The first stalls one by one, at most 4,096.
    #[must_use]
    pub fn stalls(&self) -> Vec<Stall> {
        let count = self.count.load(Ordering::Relaxed).min(KEPT);
        let load = |(s, l): &(AtomicU64, AtomicU64)| Stall {
            length: l.load(Ordering::Acquire),
            start: s.load(Ordering::Relaxed),
        };
        self.kept.iter().take(count).map(load).collect()
    }
}

/// What a responder's stalls left undone, as its senders see it.
#[derive(Default)]
pub struct Backlog {
    /// Pulses that were due before it have met a stall: `MAX` until what waited has been taken.
    until: AtomicU64,
}

impl Backlog {
    /// A stall was there, and what came meanwhile waits.
    pub fn began(&self) {
        self.until.store(Nanos::MAX, Ordering::Relaxed);
    }

    /// Everything that waited has been taken.
    pub fn over(&self, now: Nanos) {
        let _ = self.until.compare_exchange(Nanos::MAX, now, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Whether a pulse that was due at an instant, and whose answer has just come, met one.
    #[inline]
    #[must_use]
    pub fn met(&self, due: Nanos) -> bool {
        due < self.until.load(Ordering::Relaxed)
    }

    /// Forgets everything.
    pub fn restart(&self) {
        self.until.store(0, Ordering::Relaxed);
    }
}

/// A responder that is watched.
#[derive(Clone)]
pub struct Watched {
    /// Of its core.
    pub heart: Arc<Heart>,
    /// Its own.
    pub backlog: Arc<Backlog>,
}

/// A thread that beats a core's heart in time that nobody else wants. It also keeps the core from falling asleep.
pub struct Idler {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    /// What the host said to its wishes.
    pub asked: Vec<Asked>,
}

impl Idler {
    /// Starts on a core; without `SCHED_IDLE` there it does not start, for it would take time from the run.
    ///
    /// # Errors
    /// What the host refused.
    pub fn start(heart: Arc<Heart>, core: usize, clock: Clock) -> Result<Idler, Asked> {
        let stop = Arc::new(AtomicBool::new(false));
        let (tell, told) = std::sync::mpsc::channel();
        let stopped = stop.clone();
        let spawned = thread::Builder::new().name("rttp-idler".into()).spawn(move || {
            let ready = host::set_idle().and_then(|()| host::pin(&[core]));
            let go = ready.is_ok();
            let _ = tell.send(Asked::of("stall-meter", format!("idle thread on core {core}"), ready));
            while go && !stopped.load(Ordering::Relaxed) {
                heart.beat(clock.now());
                std::hint::spin_loop();
            }
        });
        let refused = |detail: String| Asked { what: "stall-meter", granted: false, detail };
        let thread = spawned.map_err(|e| refused(e.to_string()))?;
        match told.recv() {
            Ok(asked) if asked.granted => Ok(Idler { stop, thread: Some(thread), asked: vec![asked] }),
            Ok(asked) => {
                let _ = thread.join();
                Err(asked)
            }
            Err(_) => Err(refused("the thread did not start".into())),
        }
    }
}

impl Drop for Idler {
    /// Ends the thread.
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_a_stall_and_steady_beats_are_not() {
        let heart = Heart::new(Some(0));
        for now in (1..1_000_000).step_by(50_000) {
            heart.beat(now);
        }
        assert_eq!(heart.totals(), (0, 0));
        heart.beat(1_500_001);
        assert_eq!(heart.stalls(), [Stall { start: 950_001, length: 550_000 }]);
        heart.beat(900_000);
        assert_eq!(heart.totals().0, 1, "a late beat is not a gap");
    }

    #[test]
    fn sleep_without_work_is_no_stall() {
        let heart = Heart::new(Some(0));
        heart.woke(1_000_000, 995_000);
        heart.woke(9_000_000, 8_990_000);
        assert_eq!(heart.totals(), (0, 0));
        heart.woke(19_000_000, 18_000_000);
        heart.woke(19_005_000, 18_010_000);
        assert_eq!(heart.totals(), (1, 1_000_000), "the backlog of a stall is not a second one");
    }

    #[test]
    fn a_pulse_that_was_due_before_the_backlog_was_gone_has_met_the_stall() {
        let backlog = Backlog::default();
        backlog.over(1_000_000);
        assert!(!backlog.met(0), "there was no stall to catch up with");
        backlog.began();
        assert!(backlog.met(1_500_000) && backlog.met(5_000_000));
        backlog.over(2_300_000);
        assert!(backlog.met(2_299_999) && !backlog.met(2_300_000));
        backlog.restart();
        assert!(!backlog.met(0));
    }

    #[test]
    fn more_stalls_than_places_are_counted_all_the_same() {
        let heart = Heart::new(None);
        for i in 0..10_000u64 {
            heart.beat(1 + i * 200_000);
        }
        assert_eq!(heart.totals(), (9_999, 9_999 * 200_000));
        assert_eq!(heart.stalls().len(), KEPT);
        heart.beat(heart.last.load(Ordering::Relaxed) + 9_000_000);
        assert_eq!(heart.longest(), 9_000_000, "the longest is known even when it is not kept");
        heart.restart();
        assert!(heart.stalls().is_empty());
    }
}
