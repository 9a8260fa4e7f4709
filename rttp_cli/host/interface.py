"""The network interface that leads to a target: which one, and what it does to packets."""

import array
import fcntl
import ipaddress
import socket
import struct
from typing import Any

from rttp_cli.host.files import Files

_SIOCETHTOOL = 0x8946
_VALUES = {"rx_checksum": 0x14, "tx_checksum": 0x16, "tso": 0x1E, "gso": 0x23, "gro": 0x2B}
"""linux/ethtool.h: commands that give one number, and need no privilege."""
_GFLAGS, _LRO = 0x25, 1 << 15
_GCOALESCE, _COALESCE_WORDS = 0x0E, 23
_RX_USECS, _ADAPTIVE_RX = 1, 10
"""Words of struct ethtool_coalesce."""


def interface(files: Files, target_ip: str | None) -> dict[str, Any] | None:
    """The interface that leads to an address, this host's own (`lo`) for `None`; `None` without a way there."""
    name = "lo" if target_ip is None else interface_name(target_ip)
    if name is None:
        return None
    folder = f"sys/class/net/{name}"
    speed = files.number(f"{folder}/speed")
    return {
        "name": name,
        "mtu": files.number(f"{folder}/mtu"),
        # Virtual interfaces say -1.
        "speed_mbit": speed if speed is not None and speed > 0 else None,
        "driver": files.link_name(f"{folder}/device/driver"),
        "txqueuelen": files.number(f"{folder}/tx_queue_len"),
        "offloads": _offloads(name),
        "coalescing": _coalescing(name),
    }


def interface_name(target_ip: str) -> str | None:
    """By the local address that the kernel gives a socket connected there; connecting UDP sends nothing."""
    try:
        address = ipaddress.ip_address(target_ip)
        if isinstance(address, ipaddress.IPv6Address):
            if address.scope_id is not None:
                return _scope_name(address.scope_id)
            address = address.ipv4_mapped or address
        family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((str(address), 9))
            local = ipaddress.ip_address(probe.getsockname()[0].partition("%")[0])
    except (OSError, ValueError):
        return None
    # What goes to an address of our own never leaves this host.
    return "lo" if local.is_loopback or local == address else _owner(local)


def _scope_name(scope: str) -> str | None:
    try:
        return socket.if_indextoname(int(scope)) if scope.isdigit() else scope if socket.if_nametoindex(scope) else None
    except (OSError, OverflowError):
        return None


def _owner(local: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str | None:
    import psutil

    try:
        interfaces = psutil.net_if_addrs()
    except OSError:
        return None
    for name, addresses in interfaces.items():
        if any(entry.address.partition("%")[0] == str(local) for entry in addresses):
            return str(name)
    return None


def _offloads(name: str) -> dict[str, bool | None] | None:
    """Offloads by name, `None` for one that the driver does not tell; `None` when it tells nothing."""
    found: dict[str, bool | None] = {}
    for offload, command in _VALUES.items():
        words = _ethtool(name, command, 2)
        found[offload] = None if words is None else bool(words[1])
    flags = _ethtool(name, _GFLAGS, 2)
    found["lro"] = None if flags is None else bool(flags[1] & _LRO)
    return found if any(value is not None for value in found.values()) else None


def _coalescing(name: str) -> dict[str, Any] | None:
    """How long the card waits with an interrupt for more packets."""
    words = _ethtool(name, _GCOALESCE, _COALESCE_WORDS)
    return None if words is None else {"rx_us": words[_RX_USECS], "adaptive_rx": bool(words[_ADAPTIVE_RX])}


def _ethtool(name: str, command: int, words: int) -> list[int] | None:
    """A structure of 32-bit words, filled by the driver: the first is the command, the others its answer."""
    answer = array.array("I", [command] + [0] * (words - 1))
    request = struct.pack("16sP16x", name.encode()[:15], answer.buffer_info()[0])
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
            fcntl.ioctl(any_socket, _SIOCETHTOOL, request)
    except OSError:
        return None
    return list(answer)
