//! Packets of an interface, as they come (packet(7)), written down as a pcap capture with ns.

use std::io::{self, IoSliceMut, Read};
use std::mem::{size_of, zeroed};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use libc::{c_void, socklen_t};
use nix::cmsg_space;
use nix::errno::Errno;
use nix::net::if_::if_nametoindex;
use nix::sys::socket::{ControlMessageOwned, LinkAddr, MsgFlags, recvmsg, setsockopt, sockopt};
use nix::sys::time::{TimeSpec, TimeVal};
use socket2::{Domain, Socket, Type};

use crate::error::Error;

/// Longest packet, with segmentation offload: libpcap's snap length.
const LONGEST: usize = 262_144;
/// Room for packets that wait, bytes: half a second of a gigabit.
const ROOM: usize = 64 << 20;
/// Ethernet, and raw IP of tunnels (<https://www.tcpdump.org/linktypes.html>).
const ETHERNET: u32 = 1;
const RAW: u32 = 101;
/// Packets after which the kernel is asked how many it dropped; it is asked at every wait, too.
const ASK_EVERY: u64 = 4096;

/// Packets that the kernel dropped for want of room, so far.
pub type Drops = Arc<AtomicU64>;

/// A capture of an interface that goes on until it is dropped, and its count of drops.
///
/// # Errors
/// There is no such interface, it is of a kind that is not read, or the privilege is missing (`CAP_NET_RAW`).
pub fn live(interface: &str) -> Result<(Box<dyn Read + Send>, Drops), Error> {
    let index = if_nametoindex(interface)
        .map_err(|e| Error::Interface(format!("no interface `{interface}` ({})", e.desc())))?;
    // Without a protocol nothing arrives before the socket is bound, not even packets of other interfaces.
    let socket = Socket::new(Domain::PACKET, Type::RAW, None).map_err(|e| match e.kind() {
        io::ErrorKind::PermissionDenied => {
            Error::Forbidden { what: "capturing on an interface needs CAP_NET_RAW".into(), source: e }
        }
        _ => Error::Socket { call: "socket(AF_PACKET)", source: e },
    })?;
    let failed = |call| move |source: io::Error| Error::Socket { call, source };
    setsockopt(&socket, sockopt::ReceiveTimestampns, &true).map_err(|e| failed("SO_TIMESTAMPNS")(e.into()))?;
    if setsockopt(&socket, sockopt::RcvBufForce, &ROOM).is_err() {
        // Without CAP_NET_ADMIN the kernel grants what it likes; its drops are counted.
        let _ = socket.set_recv_buffer_size(ROOM);
    }
    let timeout = TimeVal::new(0, 50_000);
    setsockopt(&socket, sockopt::ReceiveTimeout, &timeout).map_err(|e| failed("SO_RCVTIMEO")(e.into()))?;
    bind(&socket, index).map_err(failed("bind(AF_PACKET)"))?;
    let hardware = hardware(interface);
    let link = match hardware {
        Some(libc::ARPHRD_ETHER | libc::ARPHRD_LOOPBACK) => ETHERNET,
        Some(libc::ARPHRD_NONE | libc::ARPHRD_TUNNEL | libc::ARPHRD_TUNNEL6) => RAW,
        _ => {
            let found = hardware.map_or_else(|| "unknown".to_owned(), |n| n.to_string());
            let text = format!("interface `{interface}` has frames of type {found}, expected Ethernet or bare IP");
            return Err(Error::Interface(text));
        }
    };
    let drops = Drops::default();
    let mut pending = Vec::with_capacity(LONGEST + HEADER);
    for word in [MAGIC, 2 | 4 << 16, 0, 0, LONGEST as u32, link] {
        pending.extend_from_slice(&word.to_le_bytes());
    }
    let source = Live {
        fd: socket.into(),
        // The kernel shows a packet on loopback twice: as it leaves and as it arrives.
        arriving_only: hardware == Some(libc::ARPHRD_LOOPBACK),
        packet: vec![0; LONGEST].into(),
        control: cmsg_space!(TimeSpec),
        pending,
        given: 0,
        packets: 0,
        drops: drops.clone(),
    };
    Ok((Box::new(source), drops))
}

/// `ETH_P_ALL`.
const ALL: u16 = 3;
/// pcap with ns.
const MAGIC: u32 = 0xa1b2_3c4d;
const HEADER: usize = 16;

struct Live {
    fd: OwnedFd,
    arriving_only: bool,
    packet: Box<[u8]>,
    control: Vec<u8>,
    pending: Vec<u8>,
    /// Bytes of `pending` that were read already.
    given: usize,
    packets: u64,
    drops: Drops,
}

impl Read for Live {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.given == self.pending.len() {
            self.receive()?;
        }
        let rest = self.pending.get(self.given..).unwrap_or(&[]);
        let n = rest.len().min(buffer.len());
        let (Some(target), Some(source)) = (buffer.get_mut(..n), rest.get(..n)) else { return Ok(0) };
        target.copy_from_slice(source);
        self.given += n;
        Ok(n)
    }
}

impl Live {
    /// Takes the next packet, if it is one to show, as a record.
    fn receive(&mut self) -> io::Result<()> {
        let mut slices = [IoSliceMut::new(&mut self.packet)];
        let fd = self.fd.as_raw_fd();
        let message = match recvmsg::<LinkAddr>(fd, &mut slices, Some(&mut self.control), MsgFlags::MSG_TRUNC) {
            Ok(message) => message,
            Err(Errno::EAGAIN) => {
                self.ask();
                return Err(io::ErrorKind::TimedOut.into());
            }
            Err(error) => return Err(error.into()),
        };
        let original = message.bytes;
        if self.arriving_only && message.address.is_some_and(|a| a.pkttype() == libc::PACKET_OUTGOING) {
            return Ok(());
        }
        let stamp = message.cmsgs().into_iter().flatten().find_map(|control| match control {
            ControlMessageOwned::ScmTimestampns(at) => Some(at),
            _ => None,
        });
        let at = stamp.unwrap_or_else(|| TimeSpec::new(0, 0));
        let captured = original.min(LONGEST);
        self.pending.clear();
        self.given = 0;
        for word in [at.tv_sec() as u32, at.tv_nsec() as u32, captured as u32, original as u32] {
            self.pending.extend_from_slice(&word.to_le_bytes());
        }
        self.pending.extend_from_slice(self.packet.get(..captured).unwrap_or(&[]));
        self.packets += 1;
        if self.packets.is_multiple_of(ASK_EVERY) {
            self.ask();
        }
        Ok(())
    }

    /// Adds what the kernel dropped since it was asked before: it starts anew at each question.
    fn ask(&self) {
        // SAFETY: tpacket_stats is two integers; all zeros is no packets.
        let mut stats: libc::tpacket_stats = unsafe { zeroed() };
        let mut length = size_of::<libc::tpacket_stats>() as socklen_t;
        // SAFETY: `stats` is as long as `length` says and outlives the call; the kernel writes at most that.
        let done = unsafe {
            let stats = (&raw mut stats).cast::<c_void>();
            libc::getsockopt(self.fd.as_raw_fd(), libc::SOL_PACKET, libc::PACKET_STATISTICS, stats, &raw mut length)
        };
        if done == 0 {
            self.drops.fetch_add(stats.tp_drops.into(), Ordering::Relaxed);
        }
    }
}

fn bind(socket: &Socket, index: u32) -> io::Result<()> {
    // SAFETY: sockaddr_ll is plain old data; all zeros is an address of no family.
    let mut address: libc::sockaddr_ll = unsafe { zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = ALL.to_be();
    address.sll_ifindex = index.cast_signed();
    let length = size_of::<libc::sockaddr_ll>() as socklen_t;
    // SAFETY: `address` is a whole sockaddr_ll, as long as `length` says; the kernel only reads it.
    let done = unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// `ARPHRD_…` of an interface.
fn hardware(interface: &str) -> Option<u16> {
    std::fs::read_to_string(format!("/sys/class/net/{interface}/type")).ok()?.trim().parse().ok()
}
