//! UDP over IPv4 and IPv6: one datagram a call. The stack costs many times the call (docs/BENCHMARKS.md), so batches save a
//! small share, and only where many datagrams wait; a ping-pong they cost an empty look at the queue each time.

use std::io;
use std::mem::{MaybeUninit, size_of, zeroed};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;

use libc::{c_int, c_void, socklen_t};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol, Socket, Type};

use crate::error::Error;
use crate::link::{Arrival, Link, Wait};

/// How a socket is set up.
#[derive(Clone, Debug)]
pub struct UdpOptions {
    /// Receive buffer asked of the kernel, bytes.
    pub receive_buffer: usize,
    /// Have the kernel stamp arrivals (`SO_TIMESTAMPNS`).
    pub stamps: bool,
    /// Longest wait of a blocking call.
    pub patience: Duration,
    /// Take datagrams that went through the stack as one (segmentation offload) as one (`UDP_GRO`): see
    /// [`Arrival::segment`].
    pub merged: bool,
}

impl Default for UdpOptions {
    /// 16 MiB hold 80 ms of 100,000 small pulses a second, longer than the stalls of a busy virtual machine.
    fn default() -> UdpOptions {
        UdpOptions { receive_buffer: 16 << 20, stamps: false, patience: Duration::from_millis(100), merged: false }
    }
}

/// A UDP socket, bound or connected.
pub struct UdpLink {
    fd: OwnedFd,
    local: SocketAddr,
    receive_buffer: usize,
    stamps: bool,
    merged: bool,
    connected: bool,
    from: libc::sockaddr_storage,
    from_length: socklen_t,
    overflow: u32,
    syscalls: u64,
}

/// Room for a timestamp, a drop count and a segment size; each is 16 bytes of header and at most 16 of data.
#[repr(C, align(8))]
struct Control([u8; 128]);

impl UdpLink {
    /// A socket that listens on an address.
    ///
    /// # Errors
    /// The address is taken, not ours, or not allowed.
    pub fn bound(address: SocketAddr, options: &UdpOptions) -> Result<UdpLink, Error> {
        let socket = new_socket(address, options)?;
        socket.bind(&address.into()).map_err(|e| Error::of_bind(e, address))?;
        UdpLink::finish(socket, address, false, options)
    }

    /// A socket that sends to one peer and hears from it only.
    ///
    /// # Errors
    /// There is no way to the peer.
    pub fn connected(peer: SocketAddr, options: &UdpOptions) -> Result<UdpLink, Error> {
        let socket = new_socket(peer, options)?;
        socket.connect(&peer.into()).map_err(|e| Error::of_send(e, peer, 0))?;
        UdpLink::finish(socket, peer, true, options)
    }

    fn finish(socket: Socket, named: SocketAddr, connected: bool, options: &UdpOptions) -> Result<UdpLink, Error> {
        let failed = |call| move |source| Error::Socket { call, source };
        let local = socket.local_addr().map_err(failed("getsockname"))?;
        let local = local.as_socket().unwrap_or(named);
        // The kernel doubles what it is asked for, for its own bookkeeping.
        let receive_buffer = socket.recv_buffer_size().map_err(failed("SO_RCVBUF"))? / 2;
        Ok(UdpLink {
            fd: socket.into(),
            local,
            receive_buffer,
            stamps: options.stamps,
            merged: options.merged,
            connected,
            // SAFETY: sockaddr_storage is plain old data; all zeros is its empty value (family AF_UNSPEC).
            from: unsafe { zeroed() },
            from_length: 0,
            overflow: 0,
            syscalls: 0,
        })
    }

    /// The address this end has.
    #[must_use]
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Receive buffer granted by the kernel, bytes: less than asked for without CAP_NET_ADMIN.
    #[must_use]
    pub fn receive_buffer(&self) -> usize {
        self.receive_buffer
    }

    fn receive(&mut self, buffer: &mut [u8], flags: c_int) -> io::Result<Arrival> {
        let mut control = MaybeUninit::<Control>::uninit();
        let mut slice = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
        // SAFETY: msghdr is plain old data; all zeros is a message with no name, no buffers and no control data.
        let mut message: libc::msghdr = unsafe { zeroed() };
        message.msg_name = (&raw mut self.from).cast();
        message.msg_namelen = length_of::<libc::sockaddr_storage>();
        message.msg_iov = &raw mut slice;
        message.msg_iovlen = 1;
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = size_of::<Control>() as _;
        // SAFETY: every pointer in `message` is to memory that outlives the call, writable, and as long as it says:
        // `self.from`, `slice` over `buffer`, and `control`. The kernel writes at most those lengths.
        let length = check(unsafe { libc::recvmsg(self.fd.as_raw_fd(), &raw mut message, flags) })?;
        self.from_length = message.msg_namelen;
        let (mut kernel_ns, mut segment) = (None, 0);
        // SAFETY: recvmsg returned success, so `msg_control` holds `msg_controllen` bytes of whole control messages;
        // CMSG_FIRSTHDR and CMSG_NXTHDR stay inside them, and `Control` is aligned for cmsghdr.
        let mut at = unsafe { libc::CMSG_FIRSTHDR(&raw const message) };
        while !at.is_null() {
            // SAFETY: `at` is a whole control message (see above).
            let (level, kind, data) = unsafe { ((*at).cmsg_level, (*at).cmsg_type, libc::CMSG_DATA(at)) };
            if level == libc::SOL_SOCKET && kind == libc::SCM_TIMESTAMPNS {
                // SAFETY: the kernel puts a timespec into this message; it may be unaligned.
                let stamp = unsafe { data.cast::<libc::timespec>().read_unaligned() };
                let seconds = u64::try_from(stamp.tv_sec).unwrap_or(0);
                kernel_ns = Some(seconds.wrapping_mul(1_000_000_000).wrapping_add(stamp.tv_nsec.cast_unsigned()));
            } else if level == libc::SOL_SOCKET && kind == libc::SO_RXQ_OVFL {
                // SAFETY: the kernel puts a u32 into this message; it may be unaligned.
                self.overflow = unsafe { data.cast::<u32>().read_unaligned() };
            } else if level == libc::SOL_UDP && kind == libc::UDP_GRO {
                // SAFETY: the kernel puts an int into this message; it may be unaligned.
                segment = usize::try_from(unsafe { data.cast::<c_int>().read_unaligned() }).unwrap_or(0);
            }
            // SAFETY: as for CMSG_FIRSTHDR.
            at = unsafe { libc::CMSG_NXTHDR(&raw const message, at) };
        }
        Ok(Arrival { length, kernel_ns, segment })
    }

    /// Without stamps there is no control data to read, and a connected link knows who sends: each is a part of the
    /// call that the round trip is spared.
    fn receive_plain(&mut self, buffer: &mut [u8], flags: c_int) -> io::Result<Arrival> {
        let (data, size) = (buffer.as_mut_ptr().cast::<c_void>(), buffer.len());
        let fd = self.fd.as_raw_fd();
        let length = if self.connected {
            // SAFETY: `data` is writable for `size` bytes and outlives the call.
            check(unsafe { libc::recv(fd, data, size, flags) })?
        } else {
            self.from_length = length_of::<libc::sockaddr_storage>();
            let (from, from_length) = ((&raw mut self.from).cast(), &raw mut self.from_length);
            // SAFETY: `data` is writable for `size` bytes, `from` for `from_length`; all outlive the call.
            check(unsafe { libc::recvfrom(fd, data, size, flags, from, from_length) })?
        };
        Ok(Arrival { length, kernel_ns: None, segment: 0 })
    }
}

impl Link for UdpLink {
    #[inline]
    fn send(&mut self, datagram: &[u8]) -> io::Result<bool> {
        self.syscalls += 1;
        let (data, length) = (datagram.as_ptr().cast::<c_void>(), datagram.len());
        let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
        // SAFETY: `data` is readable for `length` bytes and outlives the call.
        sent(check(unsafe { libc::send(self.fd.as_raw_fd(), data, length, flags) }))
    }

    /// Segmentation offload: one walk through the stack for all of them, and as late as possible they are cut apart.
    #[inline]
    fn send_segments(&mut self, datagrams: &[u8], size: usize) -> io::Result<bool> {
        self.syscalls += 1;
        let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
        let segment = u16::try_from(size).unwrap_or(u16::MAX);
        let mut control = Control([0; 128]);
        let mut slice = libc::iovec { iov_base: datagrams.as_ptr().cast_mut().cast(), iov_len: datagrams.len() };
        // SAFETY: msghdr is plain old data; all zeros is a message with no name, no buffers and no control data.
        let mut message: libc::msghdr = unsafe { zeroed() };
        message.msg_iov = &raw mut slice;
        message.msg_iovlen = 1;
        message.msg_control = (&raw mut control).cast();
        // SAFETY: CMSG_SPACE only computes.
        message.msg_controllen = unsafe { libc::CMSG_SPACE(size_of::<u16>() as u32) } as _;
        // SAFETY: `control` is aligned for a cmsghdr, zeroed, and longer than `msg_controllen`, so the first header and its
        // two bytes of data lie inside it.
        unsafe {
            let header = libc::CMSG_FIRSTHDR(&raw const message);
            (*header).cmsg_level = libc::SOL_UDP;
            (*header).cmsg_type = libc::UDP_SEGMENT;
            (*header).cmsg_len = libc::CMSG_LEN(size_of::<u16>() as u32) as _;
            libc::CMSG_DATA(header).cast::<u16>().write_unaligned(segment);
        }
        // SAFETY: `message` points to `slice` over `datagrams` (only read) and to `control`; all outlive the call.
        sent(check(unsafe { libc::sendmsg(self.fd.as_raw_fd(), &raw const message, flags) }))
    }

    #[inline]
    fn answer(&mut self, datagram: &[u8]) -> io::Result<bool> {
        self.syscalls += 1;
        let (data, length) = (datagram.as_ptr().cast::<c_void>(), datagram.len());
        let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
        let to = (&raw const self.from).cast::<libc::sockaddr>();
        // SAFETY: `data` is readable for `length` bytes; `to` is an address that recvmsg wrote, `from_length` long.
        sent(check(unsafe { libc::sendto(self.fd.as_raw_fd(), data, length, flags, to, self.from_length) }))
    }

    #[inline]
    fn recv(&mut self, buffer: &mut [u8], wait: Wait) -> io::Result<Option<Arrival>> {
        self.syscalls += 1;
        let flags = match wait {
            Wait::Poll => libc::MSG_DONTWAIT,
            Wait::Block => 0,
        };
        let with_control = self.stamps || self.merged;
        let arrival = if with_control { self.receive(buffer, flags) } else { self.receive_plain(buffer, flags) };
        match arrival {
            Ok(arrival) => Ok(Some(arrival)),
            Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => Ok(None),
            Err(e) => Err(e),
        }
    }

    fn wait(&mut self, longest: Duration) -> io::Result<()> {
        self.syscalls += 1;
        let mut fds = [PollFd::new(self.fd.as_fd(), PollFlags::POLLIN)];
        match ppoll(&mut fds, Some(longest.into()), None) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }

    fn from(&self) -> SocketAddr {
        read_address(&self.from).unwrap_or(self.local)
    }

    fn buffer_drops(&self) -> u64 {
        // The control message comes with the next datagram, and only with stamps; SO_MEMINFO knows at any time.
        u64::from(self.overflow.max(meminfo_drops(&self.fd).unwrap_or(0)))
    }

    fn syscalls(&self) -> u64 {
        self.syscalls
    }
}

fn new_socket(address: SocketAddr, options: &UdpOptions) -> Result<Socket, Error> {
    let failed = |call| move |source: io::Error| Error::Socket { call, source };
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP)).map_err(failed("socket"))?;
    let fd = socket.as_fd();
    // Above net.core.rmem_max only with CAP_NET_ADMIN; else what the limit gives, and the report says how much that is.
    if setsockopt(&fd, sockopt::RcvBufForce, &options.receive_buffer).is_err() {
        socket.set_recv_buffer_size(options.receive_buffer).map_err(failed("SO_RCVBUF"))?;
    }
    setsockopt(&fd, sockopt::RxqOvfl, &1).map_err(|e| failed("SO_RXQ_OVFL")(e.into()))?;
    if options.stamps {
        setsockopt(&fd, sockopt::ReceiveTimestampns, &true).map_err(|e| failed("SO_TIMESTAMPNS")(e.into()))?;
    }
    if options.merged {
        // A kernel before 5.0 does not know it: then it takes them apart itself, and nothing is lost but time.
        let _ = set_int(&socket, libc::SOL_UDP, libc::UDP_GRO, 1);
    }
    socket.set_read_timeout(Some(options.patience)).map_err(failed("SO_RCVTIMEO"))?;
    // Never split by IP: a pulse larger than the path is the sender's error, not a slow success.
    let (level, option, value) = match address {
        SocketAddr::V4(_) => (libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_DO),
        SocketAddr::V6(_) => (libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_DO),
    };
    set_int(&socket, level, option, value).map_err(failed("IP_MTU_DISCOVER"))?;
    Ok(socket)
}

fn set_int(socket: &Socket, level: c_int, option: c_int, value: c_int) -> io::Result<()> {
    let data = (&raw const value).cast();
    // SAFETY: `data` points to a c_int that outlives the call, and its length is given.
    match unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, data, length_of::<c_int>()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn check(result: isize) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

fn sent(result: io::Result<usize>) -> io::Result<bool> {
    match result {
        Ok(_) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::WouldBlock || e.raw_os_error() == Some(libc::ENOBUFS) => Ok(false),
        Err(e) => Err(e),
    }
}

fn length_of<T>() -> socklen_t {
    socklen_t::try_from(size_of::<T>()).unwrap_or(socklen_t::MAX)
}

fn meminfo_drops(fd: &OwnedFd) -> Option<u32> {
    let mut values = [0u32; 9];
    let mut length = length_of::<[u32; 9]>();
    let data = values.as_mut_ptr().cast();
    // SAFETY: `data` is writable for `length` bytes, `length` is writable; both outlive the call.
    let done = unsafe { libc::getsockopt(fd.as_raw_fd(), libc::SOL_SOCKET, libc::SO_MEMINFO, data, &raw mut length) };
    // The ninth word is SK_MEMINFO_DROPS; an old kernel writes fewer.
    (done == 0 && length == length_of::<[u32; 9]>()).then_some(values[8])
}

fn read_address(storage: &libc::sockaddr_storage) -> Option<SocketAddr> {
    match c_int::from(storage.ss_family) {
        libc::AF_INET => {
            // SAFETY: family AF_INET says that the storage, larger and more aligned, holds a sockaddr_in.
            let v4 = unsafe { &*(&raw const *storage).cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr));
            Some(SocketAddrV4::new(ip, u16::from_be(v4.sin_port)).into())
        }
        libc::AF_INET6 => {
            // SAFETY: family AF_INET6 says that the storage, larger and more aligned, holds a sockaddr_in6.
            let v6 = unsafe { &*(&raw const *storage).cast::<libc::sockaddr_in6>() };
            let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
            Some(SocketAddrV6::new(ip, u16::from_be(v6.sin6_port), v6.sin6_flowinfo, v6.sin6_scope_id).into())
        }
        _ => None,
    }
}
