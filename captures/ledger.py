"""What was put into a capture, and what a decoder should count of it.

Nothing here reads bytes: every count follows from what the scenes said when they put a packet in. Numbers are those of
the sender, never wrapped, and each start of a sender is named, so that no serial arithmetic is needed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from containers import Captured
from frames import ETHERNET, Endpoint

Tree = dict[str, Any]
"""A part of the summary document."""


@dataclass(frozen=True)
class Put:
    """A datagram on the port of pulses, as its sender knows it."""

    source: Endpoint
    destination: Endpoint
    dialect: str
    """By the summary's name: `rttp1`, `struct74`, `struct74-little`, `rfc64`, `pulse128` or `json`."""
    length: int
    kind: str | None = None
    priority: int | None = None
    number: int | None = None
    """Sequence number, not wrapped."""
    start: int = 0
    """Which start of the sender."""
    message: tuple[int, int, int] = (1, 0, 0)
    """Source fragments, index, repair symbols."""
    envelope: bool = False
    reject: tuple[str, int] | None = None
    """Slug and offset."""
    cut: bool = False
    """The capture ends inside its header."""


@dataclass(frozen=True)
class Packet:
    """A packet and what is in it: a datagram, or why there is none (a key of `packets.skipped`)."""

    captured: Captured
    holds: Put | str


@dataclass
class Scene:
    """One capture under way."""

    name: str
    made: str
    holds: str
    command: str
    """To try, behind `rttp decode`."""
    options: list[str] = field(default_factory=list)
    """What `rttp decode` needs to see it."""
    link: int = ETHERNET
    packets: list[Packet] = field(default_factory=list)

    def add(self, time_ns: int, data: bytes, holds: Put | str, *, keep: int | None = None, interface: int = 0) -> None:
        """Puts in a packet, of which `keep` bytes are captured."""
        captured = Captured(time_ns, data if keep is None else data[:keep], len(data), interface)
        self.packets.append(Packet(captured, holds))

    def sort(self) -> None:
        """By time, as a capture has its packets."""
        self.packets.sort(key=lambda packet: packet.captured.time_ns)

    def captured(self) -> list[Captured]:
        """All packets as they are captured."""
        return [packet.captured for packet in self.packets]


def expected(packets: list[Packet]) -> Tree:
    """The part of the summary that follows from what was put in, in the summary's own form."""
    puts = [(number, packet.holds) for number, packet in enumerate(packets, 1) if isinstance(packet.holds, Put)]
    good = [put for _, put in puts if not put.reject and not put.cut]
    skipped = Counter(packet.holds for packet in packets if isinstance(packet.holds, str))
    reasons = [
        "link_type",
        "not_ip",
        "not_udp",
        "damaged",
        "ip_fragments",
        "ip_fragments_lost",
        "other_port",
        "outside",
    ]
    # A fragment whose datagram never becomes whole is a fragment all the same.
    skipped["ip_fragments"] += skipped["ip_fragments_lost"]
    times = [packet.captured.time_ns for packet in packets]
    return {
        "packets": {
            "total": len(packets),
            "bytes": sum(packet.captured.original for packet in packets),
            "first_ns": times[0],
            "last_ns": max(times),
            "skipped": {reason: skipped[reason] for reason in reasons},
        },
        "pulses": {
            "accepted": len(good),
            "rejected": sum(put.reject is not None for _, put in puts),
            "cut": sum(put.cut for _, put in puts),
            "guessed": sum(put.dialect.startswith("struct74") for put in good),
            "envelopes": sum(put.envelope for put in good),
            "bytes": sum(put.length for _, put in puts),
            "dialects": _counted(put.dialect for put in good),
            "kinds": _counted(put.kind for put in good),
            "priorities": _counted(put.priority for put in good),
        },
        "sequence": _sequence(good),
        "messages": _messages(good),
        "flows_in_all": len({(put.source, put.destination) for _, put in puts}),
        "rejects": _rejects(puts),
    }


def _counted(values: Any) -> dict[str, int]:
    counts = Counter(value for value in values if value is not None)
    return {str(value): counts[value] for value in sorted(counts)}


def _sequence(good: list[Put]) -> Tree:
    runs: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for put in good:
        if put.number is not None:
            runs[put.source, put.destination, put.start].append(put.number)
    counts: Counter[str] = Counter()
    for numbers in runs.values():
        highest, seen = -1, set[int]()
        for number in numbers:
            if number in seen:
                counts["duplicates"] += 1
            elif number < highest:
                counts["reordered"] += 1
            seen.add(number)
            highest = max(highest, number)
        counts["received"] += len(seen)
        counts["lost"] += max(seen) - min(seen) + 1 - len(seen)
    counts["restarts"] = sum(start > 0 for _, _, start in runs)
    return {name: counts[name] for name in ("received", "lost", "reordered", "duplicates", "restarts")}


def _messages(good: list[Put]) -> Tree:
    parts: dict[tuple[Any, ...], set[int]] = defaultdict(set)
    for put in good:
        # Only these two layouts have messages.
        if put.number is not None and put.dialect != "pulse128":
            count, index, repair = put.message
            parts[put.source, put.destination, put.start, put.number - index, count, repair].add(index)
    counts: Counter[str] = Counter()
    for (*_, count, _), indices in parts.items():
        there = sum(index < count for index in indices)
        state = "complete" if there == count else "recoverable" if len(indices) >= count else "incomplete"
        counts[state] += 1
        counts["fragmented"] += count > 1
        counts["repair_symbols"] += len(indices) - there
    return {name: counts[name] for name in ("complete", "recoverable", "incomplete", "fragmented", "repair_symbols")}


def _rejects(puts: list[tuple[int, Put]]) -> list[Tree]:
    """In the order of their codes, which is that of docs/PROTOCOL.md (RTTP-3.3)."""
    order = [
        "truncated",
        "bad-version",
        "unknown-kind",
        "unknown-flag",
        "fragment-count-zero",
        "fragment-range",
        "fec-inconsistent",
        "oversized",
        "amplification",
        "bad-magic",
        "bad-checksum",
        "bad-block",
    ]
    found = [(number, *put.reject) for number, put in puts if put.reject]
    entries = []
    for slug in order:
        mine = [(number, offset) for number, name, offset in found if name == slug]
        if mine:
            number, offset = mine[0]
            entries.append({"slug": slug, "count": len(mine), "first": {"packet": number, "offset": offset}})
    return entries
