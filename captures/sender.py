"""One direction of traffic: pulses with consecutive numbers, stamped, put into a scene when they arrive."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from typing import Any, Literal

from frames import Endpoint, frame
from ledger import Put, Scene

from rttp_cli import _core

START_NS = 1_795_000_000_000_000_000
"""2026-11-18, about eleven in the morning UTC: when every capture begins."""
MS, US = 1_000_000, 1_000
KINDS = next(row["names"] for row in _core.layouts()[0]["fields"] if row["name"] == "kind")
FLAGS = {"FEC": 0x80, "SEALED": 0x40, "ECHO": 0x20, "METERED": 0x10}

Frame = Callable[[Endpoint, Endpoint, bytes], bytes]


def fingerprint(name: str) -> bytes:
    """Who sends: a SHA-256, as of a public key."""
    return hashlib.sha256(f"captures: {name}".encode()).digest()


class Sender:
    """Sends pulses of one dialect from one socket to another."""

    def __init__(
        self,
        scene: Scene,
        source: Endpoint,
        destination: Endpoint,
        dialect: str = "rttp1",
        order: Literal["big", "little"] = "big",
        *,
        first: int = 0,
        delay_ns: int = 180 * US,
        make_frame: Frame | None = None,
        keep: int | None = None,
    ) -> None:
        """`first` is its first number, `delay_ns` the least one-way delay, `keep` the snap length."""
        self.scene, self.source, self.destination = scene, source, destination
        self.dialect, self.order = dialect, order
        self.number, self.start, self.delay_ns = first, 0, delay_ns
        self.keep, self.latest = keep, 0
        self._frame: Frame = make_frame or (lambda a, b, data: frame(a, b, data, scene.link))
        self.dice = random.Random(f"{scene.name} {source} {destination} {dialect} {order}")
        self.who = fingerprint(str(source))

    def arrival(self, time_ns: int) -> int:
        """When a pulse sent then arrives: mostly after the least delay, sometimes far later, never overtaking."""
        delay = self.delay_ns + int(self.dice.expovariate(1 / 20_000)) + (400 * US if self.dice.random() < 0.02 else 0)
        self.latest = max(self.latest + US, time_ns + delay)
        return self.latest

    def send(self, time_ns: int, payload: bytes = b"", *, lost: bool = False, late_ns: int = 0, **values: Any) -> Put:
        """Sends a pulse at a time; `values` are header fields, `kind` by name and `flags` by names."""
        put, data = self.pulse(time_ns, payload, **values)
        self.number += 1
        if not lost:
            self.arrive(time_ns + self.delay_ns + late_ns if late_ns else self.arrival(time_ns), data, put)
        return put

    def message(
        self,
        time_ns: int,
        payloads: list[bytes],
        *,
        repair: int = 0,
        gap_ns: int = 15 * US,
        lost: frozenset[int] = frozenset(),
        **values: Any,
    ) -> int:
        """Sends a message of several fragments and repair symbols, without those at the lost indices; when it is out.

        Repair symbols are noise of the right length: nothing here decodes them.
        """
        count = len(payloads)
        longest = max(len(payload) for payload in payloads)
        if repair:
            flags = f"FEC {values.pop('flags', '')}".strip()
            values |= {"flags": flags, "fec_repair": repair, "fec_last_length": len(payloads[-1])}
        for index in range(count + repair):
            payload = payloads[index] if index < count else self.dice.randbytes(longest)
            self.send(time_ns, payload, lost=index in lost, fragment_count=count, fragment_index=index, **values)
            time_ns += gap_ns
        return time_ns

    def pulse(self, time_ns: int, payload: bytes = b"", **values: Any) -> tuple[Put, bytes]:
        """The next pulse's bytes, and what is to be counted of it."""
        base: dict[str, Any] = {"priority": 128}
        kind, repair = None, 0
        if self.dialect == "rttp1":
            kind, named = values.pop("kind", "DATA"), values.pop("flags", "").split()
            base |= {"kind": KINDS[kind], "flags": sum(FLAGS[name] for name in named)}
            repair = values.get("fec_repair", 0) if "FEC" in named else 0
        if self.dialect in ("rttp1", "struct74"):
            base |= {"seq_id": self.number % 2**32, "rpki_fingerprint": self.who, "semantic_vector": self.who[:8]}
        elif self.dialect == "pulse128":
            base |= {"sequence": self.number, "aid_origin": self.who}
        else:
            base |= {"fingerprint": self.who, "timestamp": time_ns % 2**32}
        base |= values
        data = _core.emit(base, self.dialect, self.order, now_ns=time_ns) + payload
        put = Put(
            self.source,
            self.destination,
            self.dialect + ("-little" if self.order == "little" else ""),
            len(data),
            kind=kind,
            priority=base["priority"],
            number=None if self.dialect == "rfc64" else self.number,
            start=self.start,
            message=(values.get("fragment_count", 1), values.get("fragment_index", 0), repair),
        )
        return put, data

    def arrive(self, time_ns: int, data: bytes, put: Put) -> None:
        """Puts a datagram into the scene as it is captured."""
        self.scene.add(time_ns, self._frame(self.source, self.destination, data), put, keep=self.keep)

    def offend(self, time_ns: int, data: bytes, slug: str, offset: int, *, keep: int | None = None) -> None:
        """Puts in a datagram that breaks a rule, in the place of the next pulse."""
        put = Put(self.source, self.destination, self.dialect, len(data), reject=(slug, offset))
        self.number += 1
        packet = self._frame(self.source, self.destination, data)
        self.scene.add(self.arrival(time_ns), packet, put, keep=keep)

    def restart(self, number: int) -> None:
        """Starts the sender anew at a number."""
        self.start += 1
        self.number = number
