"""A run's slowest and lost pulses as a capture: what its records hold, as packets that Wireshark opens.

Nothing was captured on an interface. Headers and times are the run's own, all else of a packet is rebuilt around them
(`rttp_cli.wire.scapy_layer.write_pcapng`), and each packet says its whole timeline in its comment.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rttp_cli.files import write_whole
from rttp_cli.units import format_ns

Packet = tuple[int, str, str, bytes, int, str]
"""As `write_pcapng` takes it: Unix time in ns, from, to, the header, the whole datagram's length, a comment."""


def write_flights(result: dict[str, Any], path: Path) -> None:
    """Writes the flights of a result document as pcapng, whole or not at all. Raises `RttpError` unwritable."""
    # Loads scapy, so not before it is needed; and all bytes are there before a file is.
    from rttp_cli.wire.scapy_layer import write_pcapng

    data = write_pcapng(packets(result), section_comment(result))
    write_whole(path, data)


def packets(result: dict[str, Any]) -> list[Packet]:
    """Pulses and their answers in time order, as `write_pcapng` takes them."""
    flights = result["flights"]
    slowest, lost = flights["slowest"], flights["lost"]
    ranked = [(f"slowest {i} of {len(slowest)}", flight) for i, flight in enumerate(slowest, 1)]
    ranked += [("lost", flight) for flight in lost]
    timeouts = {stream["name"]: stream["timeout_ns"] for stream in result["streams"]}
    local, target = _ends(result)
    found: list[Packet] = []
    for rank, flight in ranked:
        words = _timeline(flight, rank, timeouts.get(flight["stream"]))
        length = flight["length"]
        pulse = bytes.fromhex(flight["pulse"])
        found.append((flight["sent_unix_ns"], local, target, pulse, length, f"pulse, {words}"))
        if flight["answer"] is not None and flight["landed_unix_ns"] is not None:
            stamp = flight["kernel_unix_ns"]
            time_ns = flight["landed_unix_ns"] if stamp is None else stamp
            # A responder turns a pulse in place: one with another length is no answer to the core (`unexpected`).
            answer = bytes.fromhex(flight["answer"])
            found.append((time_ns, target, local, answer, length, f"answer, {words}"))
    # Stable: a pulse stays before an answer with the same time.
    return sorted(found, key=lambda packet: packet[0])


def section_comment(result: dict[str, Any]) -> str:
    """What ran, and what of the packets is measured and what is not."""
    return "\n".join(_section(result))


def _section(result: dict[str, Any]) -> Iterator[str]:
    profile, schedule, sessions = result["profile"], result["schedule"], result["sessions"]
    name = "no profile" if profile is None else f"profile {profile['name']}"
    targets = ", ".join(dict.fromkeys(session["target"] for session in sessions)) or result["run"]["target"]
    yield f"rttp bench: {name}, seed {schedule['seed']}, digest {schedule['digest']}, target {targets}"
    flights, counts = result["flights"], result["counts"]
    yield (
        f"the {len(flights['slowest']):,} slowest of {counts['answered']:,} answered pulses,"
        f" the first {len(flights['lost']):,} of {counts['lost']:,} lost ones"
    )
    yield (
        "rebuilt from the records of the run, not captured on an interface: times and 64-byte RTTP headers are the"
        " run's; payload is not kept, so captured lengths end behind the header and original lengths are the whole"
        " datagram's; Ethernet addresses and hop limits are made up; UDP over IPv4 has no checksum, over IPv6 one for a"
        " payload of zeros, which is what rttp bench sends"
    )
    if any(share for name, share in result["run"]["faults"].items() if name != "seed"):
        yield "faults were injected between the header and the wire: a pulse here may not have left as it is shown"
    if len(sessions) > 1:
        yield (
            f"records do not say which of {len(sessions)} sessions sent a pulse:"
            " addresses and ports are those of the first"
        )
    if not all(session["clock"]["shared"] for session in sessions):
        yield "the target's times are by its own clock, whose offset is not taken off"


def _ends(result: dict[str, Any]) -> tuple[str, str]:
    where = result["sessions"][0] if result["sessions"] else result["run"]
    return where["local"], where["target"]


def _timeline(flight: dict[str, Any], rank: str, timeout_ns: int | None) -> str:
    """One line in words. Points in time are exact and from the start of the measured time, as in the document."""
    return "; ".join(_events(flight, rank, timeout_ns))


def _events(flight: dict[str, Any], rank: str, timeout_ns: int | None) -> Iterator[str]:
    due, sent, landed = flight["due_ns"], flight["sent_ns"], flight["landed_ns"]
    yield f"{rank}: stream {flight['stream']}, seq_id {flight['seq_id']}"
    yield f"due at {due:,} ns"
    yield f"sent at {sent:,} ns, {format_ns(sent - due)} late"
    for key, words in (("target_unix_ns", "target took it"), ("kernel_unix_ns", "kernel stamped the answer")):
        if flight[key] is not None:
            # By the clocks of two ends this may well be below zero.
            yield f"{words} {format_ns(flight[key] - flight['sent_unix_ns'])} after the send"
    if landed is None:
        yield "no answer" if timeout_ns is None else f"no answer within {format_ns(timeout_ns)}"
        return
    yield f"answer read at {landed:,} ns"
    yield f"latency {format_ns(landed - due)} from schedule, {format_ns(landed - sent)} from send"
