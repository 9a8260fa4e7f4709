//! Which cores a run uses, and who keeps their hearts beating.

use std::sync::Arc;

use crate::clock::{Clock, Nanos};
use crate::host::Asked;
use crate::meter::{Heart, Idler};
use crate::outcome::CoreStalls;
use crate::server::Idle;
use crate::setup::Setup;

/// What one sender beats.
pub(crate) struct Watch {
    pub(crate) sender: Option<Arc<Heart>>,
    responder: Option<Arc<Heart>>,
}

impl Watch {
    /// Forgets what was before the run.
    pub(crate) fn restart(&self) {
        self.sender.iter().chain(&self.responder).for_each(|heart| heart.restart());
    }
}

/// The hearts of the cores that a run uses and the threads that keep them beating.
pub(crate) struct Watches {
    senders: Vec<Option<Arc<Heart>>>,
    pub(crate) responder: Option<Arc<Heart>>,
    idlers: Vec<Idler>,
}

impl Watches {
    /// A sleeping sender whose answers come from another clock needs an idler, and that a core of its own to sit on.
    pub(crate) fn new(setup: &Setup, clock: &Clock, asked: &mut Vec<Asked>) -> Watches {
        let mut watches = Watches { senders: vec![None; setup.workers], responder: None, idlers: Vec::new() };
        if !setup.meter {
            return watches;
        }
        let heart = Heart::new(setup.seat(0).core);
        if !setup.targets.is_empty() && !setup.spin && setup.plan.closed() {
            let core = setup.seat(0).core;
            let needs_core = Asked { what: "stall-meter", granted: false, detail: "the sender is not pinned".into() };
            match core.ok_or(needs_core).and_then(|core| Idler::start(heart.clone(), core, clock.clone())) {
                Ok(idler) => {
                    asked.extend(idler.asked.iter().cloned());
                    watches.idlers.push(idler);
                    watches.senders.fill(Some(heart));
                }
                Err(refused) => asked.push(refused),
            }
            return watches;
        }
        // A pulse that the sender's own fault holds back is stamped before it leaves: its age is no stall of the responder.
        // And one that naps lets pulses wait on purpose.
        if setup.targets.is_empty() && setup.faults.delay_ns == 0 && setup.idle() != Idle::Nap {
            let core = setup.server_seat.core;
            let shared = core.is_some() && core == setup.seat(0).core;
            watches.responder = Some(if shared { heart.clone() } else { Heart::new(core) });
        }
        let mut hearts: Vec<Arc<Heart>> = vec![heart];
        for (worker, sender) in watches.senders.iter_mut().enumerate() {
            let core = setup.seat(worker).core;
            // Threads on one core share its heart; one that is not pinned has its own.
            let found = hearts.iter().find(|h| worker == 0 || (core.is_some() && h.core == core)).cloned();
            let mine = found.unwrap_or_else(|| Heart::new(core));
            hearts.push(mine.clone());
            *sender = Some(mine);
        }
        watches
    }

    /// The hearts of one sender.
    pub(crate) fn of(&self, worker: usize) -> Watch {
        Watch { sender: self.senders.get(worker).cloned().flatten(), responder: self.responder.clone() }
    }

    pub(crate) fn finish(self, origin: Nanos) -> Vec<CoreStalls> {
        drop(self.idlers);
        let is_responder = |heart: &Arc<Heart>| self.responder.as_ref().is_some_and(|r| Arc::ptr_eq(r, heart));
        let report = |heart: &Heart, role| {
            let (count, total_ns) = heart.totals();
            let stalls = CoreStalls::relative(&heart.stalls(), origin);
            CoreStalls { core: heart.core, role, count, total_ns, longest_ns: heart.longest(), stalls }
        };
        let mut seen: Vec<&Arc<Heart>> = Vec::new();
        let mut reports = Vec::new();
        for heart in self.senders.iter().flatten() {
            if !seen.iter().any(|s| Arc::ptr_eq(s, heart)) {
                seen.push(heart);
                reports.push(report(heart, if is_responder(heart) { "both" } else { "sender" }));
            }
        }
        reports.extend(
            self.responder.as_ref().filter(|r| !seen.iter().any(|s| Arc::ptr_eq(s, r))).map(|r| report(r, "responder")),
        );
        reports
    }
}
