//! The responder's thread: receive, judge, answer on the same core, without allocating.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rttp_proto::pulse::Pulse;
use rttp_proto::responder::{Responder, Verdict};
use rttp_proto::tally::Tally;

use crate::clock::{Clock, Nanos, Wall};
use crate::error::Error;
use crate::host::{Asked, Seat};
use crate::link::{Link, UdpLink, UdpOptions, Wait};
use crate::meter::Watched;
use crate::outcome::{ServerOutcome, Usage};

/// Looks at an empty socket before the clock is read again.
const LOOKS: u32 = 16;

/// How long a nap is. At a million pulses a second 50 of them wait, a sixth of the smallest default receive buffer.
pub const NAP: Duration = Duration::from_micros(50);

/// How often the kernel is asked for drops and onlookers are served, ns.
const LOOK_EVERY: Nanos = 50_000_000;

/// What a responder does while nothing comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Idle {
    /// Sleep in the kernel; the next datagram wakes it.
    Block,
    /// Look at the socket all the time.
    Spin,
    /// Sleep for [`NAP`] and look again. For traffic that nobody waits for: a sender does not pay for waking it, which is
    /// a third of what a pulse costs here (docs/BENCHMARKS.md), and datagrams wait in the receive buffer meanwhile.
    Nap,
}

/// How to run a responder.
#[derive(Clone)]
pub struct ServerOptions {
    /// Where to listen; port 0 takes a free one.
    pub address: SocketAddr,
    /// Identity in its answers; zeros are none.
    pub fingerprint: [u8; 32],
    /// Answer pulses that ask for it; else only count.
    pub echo: bool,
    /// What to do while nothing comes.
    pub idle: Idle,
    /// Core and priority of its thread.
    pub seat: Seat,
    /// The socket.
    pub udp: UdpOptions,
}

/// Counts that others may read while it runs.
type Live = Mutex<Tally>;

/// A running responder.
pub struct Server {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    live: Arc<Live>,
    thread: Option<JoinHandle<ServerOutcome>>,
}

impl Server {
    /// Listens and starts the thread.
    ///
    /// The heart beats when pulses arrive and all the time when it spins. A responder that sleeps takes the pulses'
    /// timestamps for the start of its work, so give it one only for senders on this host's clock.
    ///
    /// # Errors
    /// The address cannot be had, or the seat is refused.
    pub fn start(options: ServerOptions, clock: &Clock, watched: Option<Watched>) -> Result<Server, Error> {
        let link = UdpLink::bound(options.address, &options.udp)?;
        let address = link.local();
        let stop = Arc::new(AtomicBool::new(false));
        let live = Arc::new(Live::default());
        let (tell, told) = mpsc::channel();
        let thread = {
            let (stop, live, clock) = (stop.clone(), live.clone(), clock.clone());
            let run = move || {
                let seat = options.seat.take();
                let asked = seat.as_ref().map_or_else(|_| Vec::new(), Clone::clone);
                let seated = seat.is_ok();
                let _ = tell.send(seat.map(|_| ()));
                if !seated {
                    stop.store(true, Ordering::Relaxed);
                }
                serve(link, &options, &clock, watched.as_ref(), &stop, &live, asked)
            };
            let failed = |source| Error::Socket { call: "clone", source };
            thread::Builder::new().name("rttp-server".into()).spawn(run).map_err(failed)?
        };
        match told.recv() {
            Ok(Ok(())) => Ok(Server { address, stop, live, thread: Some(thread) }),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(Error::Panicked("responder")),
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Counts so far, at most 100 ms behind.
    #[must_use]
    pub fn live(&self) -> Tally {
        *self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends it, within the socket's patience.
    ///
    /// # Errors
    /// Its thread panicked.
    pub fn stop(mut self) -> Result<ServerOutcome, Error> {
        self.stop.store(true, Ordering::Relaxed);
        let ended = self.thread.take().map(JoinHandle::join);
        ended.and_then(Result::ok).ok_or(Error::Panicked("responder"))
    }
}

impl Drop for Server {
    /// A run that fails half-way must not leave a responder behind.
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Until told to stop.
fn serve(
    mut link: UdpLink,
    options: &ServerOptions,
    clock: &Clock,
    watched: Option<&Watched>,
    stop: &AtomicBool,
    live: &Live,
    asked: Vec<Asked>,
) -> ServerOutcome {
    let before = Usage::of_thread();
    let mut responder = Responder::new(options.fingerprint, options.echo);
    let mut wall = Wall::new(clock);
    let mut buffer = vec![0; 1 << 16].into_boxed_slice();
    let mut answers_dropped = 0;
    let mut next_look = 0;
    // What a stall left is still there; and how many stalls are known.
    let (mut behind, mut stalls) = (false, 0);
    let (wait, looks) = match options.idle {
        Idle::Block => (Wait::Block, 1),
        Idle::Spin => (Wait::Poll, LOOKS),
        Idle::Nap => (Wait::Poll, 1),
    };
    let spins = options.idle == Idle::Spin;
    while !stop.load(Ordering::Relaxed) {
        // What a stall left waiting is taken first: an empty socket says that it has been.
        let wait = if behind { Wait::Poll } else { wait };
        // An error here is one that an earlier answer met (ICMP): it concerns that sender, not this node.
        let arrival = (0..looks).find_map(|_| link.recv(&mut buffer, wait).ok().flatten());
        let now = clock.now();
        if behind && arrival.is_none() {
            behind = false;
            watched.into_iter().for_each(|watched| watched.backlog.over(now));
        }
        if now >= next_look {
            // The kernel's own count of drops costs a system call: for those who ask, and now and then.
            responder.set_buffer_drops(link.buffer_drops());
            publish(live, responder.total());
            next_look = now + LOOK_EVERY;
        }
        if arrival.is_none() && !spins {
            if options.idle == Idle::Nap {
                thread::sleep(NAP);
            }
            continue;
        }
        let unix = wall.unix(now);
        if let Some(Watched { heart, backlog }) = watched {
            match &arrival {
                Some(arrival) if !spins => {
                    let sent =
                        buffer.get(..arrival.length).and_then(|d| Pulse::parse(d).ok()).map(|p| p.timestamp_ns());
                    heart.woke(now, sent.map_or(0, |sent| now.saturating_sub(unix.saturating_sub(sent))))
                }
                _ => heart.beat(now),
            };
            let count = heart.count();
            if count > stalls {
                behind = true;
                backlog.began();
            }
            stalls = count;
        }
        let Some(arrival) = arrival else { continue };
        let from = link.from();
        let mut rest = buffer.get_mut(..arrival.length).unwrap_or_default();
        loop {
            let one = if arrival.segment == 0 { rest.len() } else { arrival.segment.min(rest.len()) };
            let (datagram, more) = rest.split_at_mut(one);
            rest = more;
            if Responder::asks_for_tally(datagram) {
                responder.set_buffer_drops(link.buffer_drops());
            }
            let length = datagram.len();
            if let Verdict::Answer(length) = responder.handle(from, datagram, length, unix) {
                let answered = datagram.get(..length).is_some_and(|answer| link.answer(answer).unwrap_or(false));
                if !answered {
                    answers_dropped += 1;
                    responder.not_sent(from, unix);
                }
            }
            if rest.is_empty() {
                break;
            }
        }
    }
    responder.set_buffer_drops(link.buffer_drops());
    ServerOutcome {
        total: *responder.total(),
        answers_dropped,
        receive_buffer: link.receive_buffer(),
        syscalls: link.syscalls(),
        usage: Usage::of_thread().since(before),
        asked,
    }
}

fn publish(live: &Live, total: &Tally) {
    // It never waits: whoever is looking right now sees the counts of before.
    if let Ok(mut seen) = live.try_lock() {
        *seen = *total;
    }
}
