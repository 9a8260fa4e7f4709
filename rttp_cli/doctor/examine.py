"""One examination from options to document."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rttp_cli import _core
from rttp_cli.doctor.checks import findings, unread
from rttp_cli.doctor.floors import Step, measure
from rttp_cli.errors import RttpError
from rttp_cli.host.environment import record
from rttp_cli.units import format_ns
from rttp_cli.wire.address import resolve

SCHEMA = "rttp.doctor/1"
SHORTEST_NS, LONGEST_NS = 10_000_000, 3_600_000_000_000
"""Below, a record sees no stall but by luck; beyond an hour somebody meant something else."""


@dataclass(frozen=True, kw_only=True)
class DoctorOptions:
    """What to look at."""

    target: str | None = None
    """HOST or HOST:PORT whose interface is looked at; nothing is sent there. `None` is this host's own."""
    duration_ns: int = 3_000_000_000
    """How long stalls are recorded."""
    floors: bool = True
    """Whether to measure; else only settings are read."""

    def __post_init__(self) -> None:
        if not SHORTEST_NS <= self.duration_ns <= LONGEST_NS:
            raise RttpError("bad-option", f"`--duration` is {format_ns(self.duration_ns)}, expected 10 ms to 1 h")


def examine(options: DoctorOptions, tell: Callable[[Step], None] = lambda _: None) -> dict[str, Any]:
    """The document of docs/DOCTOR.md. Ctrl-C ends the measurements and gives what was measured by then.

    `tell` hears of each measurement before it starts. Raises `RttpError` bad-target.
    """
    address = None if options.target is None else _ip(resolve(options.target))
    version, profile, commit = _core.build_info()
    taken_unix_ns = time.time_ns()
    # Before the floors: the load that they make is not the host's.
    environment = record(address)
    floors = measure(options.duration_ns, tell) if options.floors else None
    found = findings(environment, floors)
    states = Counter(finding["state"] for finding in found)
    return {
        "schema": SCHEMA,
        "rttp": {"version": version, "profile": profile, "commit": commit},
        "taken_unix_ns": taken_unix_ns,
        "interrupted": bool(floors and floors["interrupted"]),
        "target": address,
        "environment": environment,
        "floors": floors,
        "findings": found,
        "unread": unread(found, floors),
        "summary": {state: states[state] for state in ("ok", "warn", "bad")},
    }


def _ip(resolved: str) -> str:
    """The address of IP:PORT or [IPv6]:PORT."""
    return resolved.rpartition(":")[0].strip("[]")
