//! Captures: bytes to packets to datagrams, and packets to captures.
//!
//! Reading order: [`packet`] is what a capture holds, [`reader`] takes it out of a stream of bytes and reports what is
//! wrong there as a [`warning`]; [`merge`] reads several captures as one, by time; [`datagram`] finds the UDP datagram in
//! a packet; [`write`](mod@write) puts packets into a new capture. Nothing here opens a file or reads a clock, and memory
//! is bounded whatever a file claims.
#![forbid(unsafe_code)]

pub mod datagram;
mod defrag;
mod input;
pub mod merge;
pub mod packet;
mod pcap;
mod pcapng;
pub mod reader;
pub mod warning;
pub mod write;

pub use datagram::{Datagram, Dissector, Endpoint, Foreign, Found, simple};
pub use merge::{Merge, Source};
pub use packet::{Interface, LinkType, Packet};
pub use reader::{Compression, Format, Reader, Step, first_time_ns};
pub use warning::{Problem, Warning};
pub use write::{WriteError, Writer};
