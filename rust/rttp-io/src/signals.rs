//! Ctrl-C and SIGTERM end a run at once, whoever holds Python's lock.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::{SigId, flag, low_level};

/// Raises a flag on either signal while it lives. Handlers that were there before (Python's) still run.
pub struct StopOnSignals(Vec<SigId>);

impl StopOnSignals {
    /// Starts watching.
    ///
    /// # Errors
    /// The system's reason.
    pub fn watch(stop: &Arc<AtomicBool>) -> io::Result<StopOnSignals> {
        let ids = [SIGINT, SIGTERM].map(|signal| flag::register(signal, stop.clone()));
        Ok(StopOnSignals(ids.into_iter().collect::<io::Result<_>>()?))
    }
}

impl Drop for StopOnSignals {
    fn drop(&mut self) {
        for id in self.0.drain(..) {
            low_level::unregister(id);
        }
    }
}
