//! Which cores a run uses, and who keeps their hearts beating.

use std::sync::Arc;

use crate::clock::{Clock, Nanos};
use crate::host::Asked;
use crate::meter::{Heart, Idler, Watched};
use crate::outcome::CoreStalls;
use crate::server::Idle;
use crate::setup::Setup;

/// What one sender beats.
pub(crate) struct Watch {
    pub(crate) sender: Option<Arc<Heart>>,
    /// Somebody else beats the sender's heart while it sleeps.
    pub(crate) idled: bool,
    responder: Option<Watched>,
}

impl Watch {
    /// Whether a pulse that was due at an instant, and whose answer has just come, met a stall of the responder.
    #[inline]
    pub(crate) fn responder_stalled(&self, due: Nanos) -> bool {
        self.responder.as_ref().is_some_and(|responder| responder.backlog.met(due))
    }

    /// Forgets what was before the run.
    pub(crate) fn restart(&self) {
        self.sender.iter().for_each(|heart| heart.restart());
        if let Some(responder) = &self.responder {
            responder.heart.restart();
            responder.backlog.restart();
        }
    }
}

/// The hearts of the cores that a run uses and the threads that keep them beating.
pub(crate) struct Watches {
    senders: Vec<Option<Arc<Heart>>>,
    pub(crate) responder: Option<Watched>,
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
            let heart = if shared { heart.clone() } else { Heart::new(core) };
            watches.responder = Some(Watched { heart, backlog: Arc::default() });
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
        let sender = self.senders.get(worker).cloned().flatten();
        Watch { sender, idled: !self.idlers.is_empty(), responder: self.responder.clone() }
    }

    /// Each heart once, with its role: `sender`, `responder` or `both`.
    pub(crate) fn hearts(&self) -> Vec<(Arc<Heart>, &'static str)> {
        let is_responder = |heart: &Arc<Heart>| self.responder.as_ref().is_some_and(|r| Arc::ptr_eq(&r.heart, heart));
        let mut found: Vec<(Arc<Heart>, &'static str)> = Vec::new();
        for heart in self.senders.iter().flatten().chain(self.responder.as_ref().map(|r| &r.heart)) {
            if !found.iter().any(|(seen, _)| Arc::ptr_eq(seen, heart)) {
                let sends = self.senders.iter().flatten().any(|s| Arc::ptr_eq(s, heart));
                let role = match (sends, is_responder(heart)) {
                    (true, true) => "both",
                    (true, false) => "sender",
                    (false, _) => "responder",
                };
                found.push((heart.clone(), role));
            }
        }
        found
    }

    pub(crate) fn finish(self, origin: Nanos) -> Vec<CoreStalls> {
        let hearts = self.hearts();
        drop(self.idlers);
        let report = |(heart, role): (Arc<Heart>, &'static str)| {
            let (count, total_ns) = heart.totals();
            let stalls = CoreStalls::relative(&heart.stalls(), origin);
            CoreStalls { core: heart.core, role, count, total_ns, longest_ns: heart.longest(), stalls }
        };
        hearts.into_iter().map(report).collect()
    }
}
