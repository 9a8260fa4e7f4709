//! Ctrl-C and SIGTERM end a run at once, whoever holds Python's lock.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::{SigId, flag, low_level};

static WATCHERS: AtomicUsize = AtomicUsize::new(0);
/// Raised while nobody watches: then SIGTERM does what it does to any program. (SIGINT goes on to Python's handler.)
static UNWATCHED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

fn unwatched() -> &'static Arc<AtomicBool> {
    UNWATCHED.get_or_init(|| {
        let flag = Arc::new(AtomicBool::new(true));
        // Only a forbidden signal number is refused, and SIGTERM is none.
        let _ = flag::register_conditional_default(SIGTERM, flag.clone());
        flag
    })
}

/// Raises a flag on either signal while it lives. Handlers that were there before (Python's) still run.
pub struct StopOnSignals(Vec<SigId>);

impl StopOnSignals {
    /// Starts watching.
    ///
    /// # Errors
    /// The system's reason.
    pub fn watch(stop: &Arc<AtomicBool>) -> io::Result<StopOnSignals> {
        unwatched().store(false, Ordering::SeqCst);
        WATCHERS.fetch_add(1, Ordering::SeqCst);
        let ids = [SIGINT, SIGTERM].map(|signal| flag::register(signal, stop.clone()));
        Ok(StopOnSignals(ids.into_iter().collect::<io::Result<_>>()?))
    }
}

impl Drop for StopOnSignals {
    fn drop(&mut self) {
        for id in self.0.drain(..) {
            low_level::unregister(id);
        }
        if WATCHERS.fetch_sub(1, Ordering::SeqCst) == 1 {
            unwatched().store(true, Ordering::SeqCst);
        }
    }
}
