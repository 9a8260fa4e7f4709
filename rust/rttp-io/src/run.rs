//! One run from plan to outcome: the host is asked, the responder started, the load sent, and what both saw put together.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::clock::Clock;
use crate::error::Error;
use crate::generator::{Generator, Progress};
use crate::host::{self, Asked, AwakeCores};
use crate::link::{FaultyLink, UdpLink, UdpOptions};
use crate::outcome::Outcome;
use crate::plan::Plan;
use crate::server::{Server, ServerOptions};
use crate::watch::Watch;

/// Tells whoever waits that a thread has ended, however it did.
#[derive(Default)]
struct Ended {
    flag: Mutex<bool>,
    bell: Condvar,
}

struct RingsAtTheEnd(Arc<Ended>);

impl Drop for RingsAtTheEnd {
    fn drop(&mut self) {
        *self.0.flag.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.bell.notify_all();
    }
}

/// A run under way.
pub struct Run {
    ended: Arc<Ended>,
    stop: Arc<AtomicBool>,
    progress: Arc<Progress>,
    thread: Option<JoinHandle<Result<Outcome, Error>>>,
}

impl Run {
    /// Starts a plan on a thread of its own. `stop` ends it early; what was measured by then is kept.
    ///
    /// # Errors
    /// The thread cannot be started. Everything else comes out of [`Run::finish`].
    pub fn start(plan: Plan, stop: Arc<AtomicBool>) -> Result<Run, Error> {
        let progress = Arc::new(Progress::default());
        let (told, seen) = (stop.clone(), progress.clone());
        let ended = Arc::new(Ended::default());
        let rings = RingsAtTheEnd(ended.clone());
        let thread = thread::Builder::new()
            .name("rttp-sender".into())
            .spawn(move || {
                let _rings = rings;
                execute(&plan, &told, &seen)
            })
            .map_err(|source| Error::Socket { call: "clone", source })?;
        Ok(Run { ended, stop, progress, thread: Some(thread) })
    }

    /// How far it is.
    #[must_use]
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Waits for the end, at most so long, without a wake-up in between that would disturb it; whether it has come.
    #[must_use]
    pub fn wait(&self, longest: Duration) -> bool {
        let flag = self.ended.flag.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.ended.bell.wait_timeout_while(flag, longest, |ended| !*ended);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Ends it early.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// Why the run could not start or go on.
    pub fn finish(mut self) -> Result<Outcome, Error> {
        let ended = self.thread.take().map(JoinHandle::join);
        ended.and_then(Result::ok).unwrap_or(Err(Error::Panicked("sender")))
    }
}

impl Drop for Run {
    /// Nobody could stop it any more.
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.stop();
        }
    }
}

/// Runs a plan on the calling thread.
///
/// # Errors
/// The target cannot be reached or does not answer, or the host refuses what the plan asks for.
pub fn execute(plan: &Plan, stop: &AtomicBool, progress: &Progress) -> Result<Outcome, Error> {
    let clock = Clock::new();
    let mut asked = Vec::new();
    let _awake = plan.awake.then(|| match AwakeCores::hold() {
        Ok(held) => {
            asked.push(Asked { what: "cpu-dma-latency", granted: true, detail: "0 µs".into() });
            Some(held)
        }
        Err(e) => {
            asked.push(Asked::of("cpu-dma-latency", "/dev/cpu_dma_latency", Err(e)));
            None
        }
    });
    if plan.lock_memory {
        asked.push(Asked::of("mlock", "all memory", host::lock_memory()));
    }
    let watch = Watch::new(plan, &clock, &mut asked);
    let udp = UdpOptions { receive_buffer: plan.receive_buffer, stamps: false, ..UdpOptions::default() };
    let server = match plan.target {
        Some(_) => None,
        None => {
            let options = ServerOptions {
                address: (Ipv4Addr::LOCALHOST, 0).into(),
                fingerprint: [0; 32],
                echo: true,
                spin: plan.spin,
                seat: plan.server_seat.clone(),
                udp: udp.clone(),
            };
            Some(Server::start(options, &clock, watch.responder.clone())?)
        }
    };
    let target = plan.target.or(server.as_ref().map(Server::address)).unwrap_or((Ipv4Addr::LOCALHOST, 0).into());
    asked.extend(plan.seat.take()?);
    let patience = plan.timeout.clamp(Duration::from_millis(1), Duration::from_millis(100));
    let link = UdpLink::connected(target, &UdpOptions { stamps: plan.stamps, patience, ..udp })?;
    let (local, receive_buffer) = (link.local(), link.receive_buffer());
    let sent = if plan.faults.none() {
        Generator::new(link, plan, &clock, &watch, target)?.run(stop, progress)
    } else {
        let link = FaultyLink::new(link, plan.faults, clock.clone());
        Generator::new(link, plan, &clock, &watch, target)?.run(stop, progress)
    };
    let server = server.map(Server::stop).transpose()?;
    let stalls = watch.finish(sent.as_ref().map_or(0, |seen| seen.origin));
    Ok(Outcome { target, local, seen: sent?, server, receive_buffer, asked, stalls })
}
