//! Which cores a plan uses, and who keeps their hearts beating.

use std::sync::Arc;

use crate::clock::{Clock, Nanos};
use crate::host::Asked;
use crate::meter::{Heart, Idler};
use crate::outcome::CoreStalls;
use crate::plan::{Pace, Plan};

/// The hearts of the cores a plan uses and the threads that keep them beating.
pub(crate) struct Watch {
    pub(crate) sender: Option<Arc<Heart>>,
    pub(crate) responder: Option<Arc<Heart>>,
    idlers: Vec<Idler>,
}

impl Watch {
    /// A sleeping sender whose answers come from another clock needs an idler, and that a core of its own to sit on.
    pub(crate) fn new(plan: &Plan, clock: &Clock, asked: &mut Vec<Asked>) -> Watch {
        let mut watch = Watch { sender: None, responder: None, idlers: Vec::new() };
        if !plan.meter {
            return watch;
        }
        let heart = Heart::new(plan.seat.core);
        if plan.target.is_some() && !plan.spin && plan.pace == Pace::PingPong {
            let core = plan.seat.core;
            let needs_core = Asked { what: "stall-meter", granted: false, detail: "the sender is not pinned".into() };
            match core.ok_or(needs_core).and_then(|core| Idler::start(heart.clone(), core, clock.clone())) {
                Ok(idler) => {
                    asked.extend(idler.asked.iter().cloned());
                    watch.idlers.push(idler);
                    watch.sender = Some(heart);
                }
                Err(refused) => asked.push(refused),
            }
            return watch;
        }
        // A pulse that the sender's own fault holds back is stamped before it leaves: its age is no stall of the responder.
        if plan.target.is_none() && plan.faults.delay_ns == 0 {
            let core = plan.server_seat.core;
            let shared = core.is_some() && core == plan.seat.core;
            watch.responder = Some(if shared { heart.clone() } else { Heart::new(core) });
        }
        watch.sender = Some(heart);
        watch
    }

    pub(crate) fn restart(&self) {
        self.sender.iter().chain(&self.responder).for_each(|heart| heart.restart());
    }

    pub(crate) fn finish(self, origin: Nanos) -> Vec<CoreStalls> {
        drop(self.idlers);
        let shared = match (&self.sender, &self.responder) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            _ => false,
        };
        let report = |heart: &Heart, role| {
            let (count, total_ns) = heart.totals();
            let stalls = CoreStalls::relative(&heart.stalls(), origin);
            CoreStalls { core: heart.core, role, count, total_ns, longest_ns: heart.longest(), stalls }
        };
        let sender = self.sender.as_deref().map(|h| report(h, if shared { "both" } else { "sender" }));
        let responder = self.responder.as_deref().filter(|_| !shared).map(|h| report(h, "responder"));
        sender.into_iter().chain(responder).collect()
    }
}
