"""Judgements of the network stack and of the interface that leads to the target.

Every threshold is a constant with its reason. A check returns `None` when what it looks at could not be read.
"""

import shlex
from typing import Any

from rttp_cli.doctor.finding import Finding, judged
from rttp_cli.units import format_bytes

Environment = dict[str, Any]

RECEIVE_BUFFER = 16 << 20
"""What a run asks for: at 100,000 pulses a second the kernel's 208 KiB hold less than one stall of 5 ms."""
BACKLOG = 1_000
"""Packets on their way through a core's queue, loopback's too: 10 ms of 100,000 pulses a second."""
BACKLOG_WANTED = 10_000
"""Where it is raised at all: a stall of 100 ms at that rate."""
COALESCING_US = 10
"""A card that waits longer with its interrupt adds more than the whole stack costs (5 to 10 µs)."""
BUSY_POLL_US = 50
"""How long to look at a card's queue before sleeping; the kernel's documentation names 50."""
MTU = 1_280
"""What IPv6 promises on every path; below it the usual pulses travel in pieces, and one lost piece loses the pulse."""
SPEED_MBIT = 1_000
"""A full frame is 12 µs on the wire at 1 Gbit/s; at 100 Mbit/s it is 120, which is most of a 300 µs limit."""


def receive_buffer(environment: Environment) -> Finding | None:
    """Whether a socket may have the buffer that a run asks for."""
    most = environment["sysctl"]["rmem_max"]
    if most is None:
        return None
    forced = bool((environment["capabilities"] or {}).get("net_admin"))
    return judged(
        "receive-buffer",
        "ok" if most >= RECEIVE_BUFFER or forced else "warn",
        f"up to {format_bytes(most)}" + (", more by CAP_NET_ADMIN" if forced and most < RECEIVE_BUFFER else ""),
        f"what arrives in a stall must fit the socket's buffer; rttp asks for {format_bytes(RECEIVE_BUFFER)}",
        command=f"sudo sysctl -w net.core.rmem_max={RECEIVE_BUFFER}",
    )


def backlog(environment: Environment) -> Finding | None:
    """Whether a core's queue of packets is long enough."""
    length = environment["sysctl"]["netdev_max_backlog"]
    if length is None:
        return None
    return judged(
        "backlog",
        "ok" if length >= BACKLOG else "warn",
        f"{length:,} packets",
        "packets beyond a core's queue are dropped, on loopback too, and no socket counts them",
        command=f"sudo sysctl -w net.core.netdev_max_backlog={BACKLOG_WANTED}",
    )


def busy_poll(environment: Environment) -> Finding | None:
    """Whether a reader may look at the card itself; on virtual interfaces it does nothing."""
    poll, interface = environment["sysctl"]["busy_poll"], environment["interface"]
    if poll is None or interface is None or interface["driver"] is None:
        return None
    return judged(
        "busy-poll",
        "ok" if poll > 0 else "warn",
        f"{poll} µs" if poll else "off",
        "a reader that polls the card's queue does not wait for its interrupt",
        command=f"sudo sysctl -w net.core.busy_poll={BUSY_POLL_US} net.core.busy_read={BUSY_POLL_US}",
    )


def interface(environment: Environment) -> Finding | None:
    """Whether the way to the target is wide and fast enough."""
    found = environment["interface"]
    if found is None or found["mtu"] is None:
        return None
    name, mtu, speed = found["name"], found["mtu"], found["speed_mbit"]
    narrow, slow = mtu < MTU, speed is not None and speed < SPEED_MBIT
    return judged(
        "interface",
        "warn" if narrow or slow else "ok",
        f"{name}, MTU {mtu:,}" + (f", {speed:,} Mbit/s" if speed else ""),
        "a pulse larger than the MTU travels in pieces, and on a slow link its bits alone take long",
        command=f"sudo ip link set dev {shlex.quote(name)} mtu {MTU}" if narrow else None,
        advice="use a link of 1 Gbit/s or more" if slow else None,
    )


def coalescing(environment: Environment) -> Finding | None:
    """Whether the card holds packets back for company."""
    found = environment["interface"]
    if found is None or found["coalescing"] is None:
        return None
    waits, adaptive = found["coalescing"]["rx_us"], found["coalescing"]["adaptive_rx"]
    return judged(
        "coalescing",
        "warn" if adaptive or waits > COALESCING_US else "ok",
        f"{waits} µs" + (", adaptive" if adaptive else ""),
        "a card that collects packets before it interrupts holds each of them back",
        command=f"sudo ethtool -C {shlex.quote(found['name'])} adaptive-rx off rx-usecs 0",
    )


def merging(environment: Environment) -> Finding | None:
    """Whether the card merges datagrams before the kernel sees them."""
    found = environment["interface"]
    lro = ((found or {}).get("offloads") or {}).get("lro")
    if found is None or lro is None:
        return None
    return judged(
        "lro",
        "warn" if lro else "ok",
        "on" if lro else "off",
        "large receive offload waits for further packets to merge them with",
        command=f"sudo ethtool -K {shlex.quote(found['name'])} lro off",
    )


CHECKS = {
    "receive-buffer": receive_buffer,
    "backlog": backlog,
    "busy-poll": busy_poll,
    "interface": interface,
    "coalescing": coalescing,
    "lro": merging,
}
