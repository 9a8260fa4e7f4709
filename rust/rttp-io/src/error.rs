//! Why a run cannot start or go on. What happens to single pulses is counted, never an error.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// A failed run; [`Error::slug`] is the name in docs/ERRORS.md.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody answered the first pulses.
    #[error("{target} did not answer {sent} pulses in {waited_ms} ms")]
    NoAnswer {
        /// Where they went.
        target: SocketAddr,
        /// How many.
        sent: u32,
        /// How long we waited.
        waited_ms: u64,
    },
    /// ICMP port unreachable.
    #[error("{0} refuses datagrams: nobody listens on the port")]
    Refused(SocketAddr),
    /// Something answered, not a pulse.
    #[error("{target} answered {length} bytes that are not a PONG: {reason}")]
    NotRttp {
        /// Who answered.
        target: SocketAddr,
        /// How much.
        length: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// No route, or the network is down.
    #[error("no way to {target}: {source}")]
    Unreachable {
        /// Where to.
        target: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// EMSGSIZE.
    #[error("a datagram of {size} bytes does not fit the path to {target}")]
    TooLarge {
        /// UDP payload in bytes.
        size: usize,
        /// Where to.
        target: SocketAddr,
    },
    /// EADDRINUSE.
    #[error("{0} is in use")]
    AddressInUse(SocketAddr),
    /// EADDRNOTAVAIL.
    #[error("{0} is not an address of this host")]
    NoSuchAddress(SocketAddr),
    /// EACCES or EPERM.
    #[error("{what}: {source}")]
    Forbidden {
        /// The call and what it needs.
        what: String,
        /// The system's reason.
        source: io::Error,
    },
    /// More than this host or this program can hold.
    #[error("{0}")]
    HostLimit(String),
    /// No interface that can be captured.
    #[error("{0}")]
    Interface(String),
    /// Any other failed call.
    #[error("{call}: {source}")]
    Socket {
        /// The call.
        call: &'static str,
        /// The system's reason.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("`{path}`: {source}", path = path.display())]
    Unwritable {
        /// Which.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The plan cannot be carried out.
    #[error("{0}")]
    BadPlan(String),
    /// A thread of ours panicked.
    #[error("the {0} thread panicked")]
    Panicked(&'static str),
}

impl Error {
    /// The stable name.
    #[must_use]
    pub const fn slug(&self) -> &'static str {
        match self {
            Error::NoAnswer { .. } => "no-answer",
            Error::Refused(_) => "refused",
            Error::NotRttp { .. } => "not-rttp",
            Error::Unreachable { .. } => "unreachable",
            Error::TooLarge { .. } => "too-large",
            Error::AddressInUse(_) => "address-in-use",
            Error::NoSuchAddress(_) => "no-such-address",
            Error::Forbidden { .. } => "forbidden",
            Error::HostLimit(_) => "host-limit",
            Error::Interface(_) => "bad-interface",
            Error::Socket { .. } => "socket",
            Error::Unwritable { .. } => "unwritable",
            Error::BadPlan(_) | Error::Panicked(_) => "bug",
        }
    }

    /// Sorts the system's reason for a failed send or connect.
    #[must_use]
    pub fn of_send(source: io::Error, target: SocketAddr, size: usize) -> Error {
        match source.raw_os_error() {
            Some(libc::ECONNREFUSED) => Error::Refused(target),
            Some(libc::EMSGSIZE) => Error::TooLarge { size, target },
            Some(libc::EACCES | libc::EPERM) => Error::Forbidden { what: format!("sending to {target}"), source },
            Some(libc::ENETUNREACH | libc::EHOSTUNREACH | libc::ENETDOWN | libc::EADDRNOTAVAIL | libc::EINVAL) => {
                Error::Unreachable { target, source }
            }
            _ => Error::Socket { call: "send", source },
        }
    }

    /// Sorts the system's reason for a failed bind.
    #[must_use]
    pub fn of_bind(source: io::Error, address: SocketAddr) -> Error {
        match source.raw_os_error() {
            Some(libc::EADDRINUSE) => Error::AddressInUse(address),
            Some(libc::EADDRNOTAVAIL) => Error::NoSuchAddress(address),
            Some(libc::EACCES | libc::EPERM) => {
                Error::Forbidden { what: format!("listening on {address} (CAP_NET_BIND_SERVICE)"), source }
            }
            _ => Error::Socket { call: "bind", source },
        }
    }
}
