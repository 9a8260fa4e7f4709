//! Datagrams in and out. A link moves bytes and knows nothing of pulses.

pub mod fault;
pub mod udp;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

pub use fault::{Faults, FaultyLink};
pub use udp::{UdpLink, UdpOptions};

/// How a receive waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wait {
    /// Not at all.
    Poll,
    /// In the kernel, at most [`UdpOptions::patience`].
    Block,
}

/// What came with a datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Arrival {
    /// Bytes written to the buffer.
    pub length: usize,
    /// Unix time in ns at which the kernel saw the datagram, when stamps are on.
    pub kernel_ns: Option<u64>,
    /// Length of each datagram, where several came as one ([`UdpOptions::merged`]); the last may be shorter. 0: it is one.
    pub segment: usize,
}

/// A way to one peer (connected) or to whoever sent last (bound).
pub trait Link {
    /// Sends to the peer the link is connected to. `Ok(false)`: the send buffer is full, nothing was sent.
    ///
    /// # Errors
    /// The system's reason; a pending ICMP error of an earlier datagram comes out here or at `recv`.
    fn send(&mut self, datagram: &[u8]) -> io::Result<bool>;

    /// Sends several datagrams of `size` bytes each, lying one behind the other, to the peer. `Ok(false)`: the send buffer is
    /// full, and not all were sent.
    ///
    /// # Errors
    /// See `send`.
    fn send_segments(&mut self, datagrams: &[u8], size: usize) -> io::Result<bool> {
        let mut sent = true;
        for datagram in datagrams.chunks(size.max(1)) {
            sent &= self.send(datagram)?;
        }
        Ok(sent)
    }

    /// Sends to where the last datagram came from. `Ok(false)`: the send buffer is full, nothing was sent.
    ///
    /// # Errors
    /// The system's reason.
    fn answer(&mut self, datagram: &[u8]) -> io::Result<bool>;

    /// Receives one datagram, or `None` when nothing came in time. What does not fit `buffer` is cut off.
    ///
    /// # Errors
    /// The system's reason; see `send`.
    fn recv(&mut self, buffer: &mut [u8], wait: Wait) -> io::Result<Option<Arrival>>;

    /// Waits until a datagram is there, at most so long. It may return early for no reason.
    ///
    /// # Errors
    /// The system's reason.
    fn wait(&mut self, longest: Duration) -> io::Result<()>;

    /// Where the last datagram came from.
    fn from(&self) -> SocketAddr;

    /// Datagrams that the kernel dropped because the receive buffer was full, since the link was made.
    fn buffer_drops(&self) -> u64;

    /// System calls that moved or awaited datagrams, since the link was made.
    fn syscalls(&self) -> u64;
}
