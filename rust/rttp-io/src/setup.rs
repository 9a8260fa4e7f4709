//! A run: a plan, whom to send it to, and how to use this host for it. Decided before the first pulse leaves.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use rttp_load::plan::{Mode, Plan};
use rttp_load::trace::Trace;

use crate::clock::Nanos;
use crate::host::Seat;
use crate::link::Faults;
use crate::server::Idle;

/// Most sending threads.
pub const WORKERS: usize = 64;

/// See the module.
#[derive(Clone, Debug)]
pub struct Setup {
    /// What is sent when.
    pub plan: Plan,
    /// The traces that the plan names by index.
    pub traces: Vec<Arc<Trace>>,
    /// Who answers; none starts a responder in this process. Each gets the messages of its own shard.
    pub targets: Vec<SocketAddr>,
    /// Sending threads, at least one for each target.
    pub workers: usize,
    /// Look at the socket all the time rather than sleep in the kernel.
    pub spin: bool,
    /// Where the senders run; fewer seats than senders: the last one is shared.
    pub seats: Vec<Seat>,
    /// Where the embedded responder runs.
    pub server_seat: Seat,
    /// Hold idle cores awake.
    pub awake: bool,
    /// Keep memory in RAM.
    pub lock_memory: bool,
    /// Watch the cores used for stalls.
    pub meter: bool,
    /// Have the kernel stamp answers.
    pub stamps: bool,
    /// Receive buffers asked for, bytes.
    pub receive_buffer: usize,
    /// First sequence number; anything will do.
    pub first_seq: u32,
    /// Pulses handed to the kernel in one call (segmentation offload); 1 is plain sending.
    pub segments: u16,
    /// What to do to the pulses on their way out.
    pub faults: Faults,
    /// Length of the intervals that are logged and shown, ns.
    pub interval_ns: Nanos,
    /// Where the intervals' histograms are logged.
    pub interval_log: Option<PathBuf>,
    /// Keep so many of the slowest pulses with their whole timeline.
    pub slowest: usize,
}

impl Setup {
    /// Where a worker runs.
    #[must_use]
    pub fn seat(&self, worker: usize) -> Seat {
        self.seats.get(worker).or(self.seats.last()).cloned().unwrap_or_default()
    }

    /// What the embedded responder does while nothing comes.
    #[must_use]
    pub fn idle(&self) -> Idle {
        if self.spin {
            Idle::Spin
        } else if self.plan.streams.iter().all(|stream| stream.mode == Mode::OneWay) {
            Idle::Nap
        } else {
            Idle::Block
        }
    }

    /// Whether all ends share this host's clock.
    #[must_use]
    pub fn one_clock(&self) -> bool {
        self.targets.iter().all(|target| target.ip().is_loopback())
    }
}
