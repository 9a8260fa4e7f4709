"""What waking up costs: the same ping-pong in the ways in which a thread can wait for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from rttp_cli import _core
from rttp_cli.bench.explore.points import SCHEMA, Series, Told
from rttp_cli.bench.options import BenchOptions
from rttp_cli.bench.request import of_options


@dataclass(frozen=True)
class Way:
    """A way to wait."""

    label: str
    spin: bool
    pin: str
    awake: bool
    adds: str
    """What it pays that the ways before it do not."""


def ways(embedded: bool, cores: list[int]) -> list[Way]:
    """Those that this process can try, cheapest first."""
    last = cores[-1]
    two = f"{last},{cores[-2]}" if len(cores) > 1 else None
    if not embedded:
        return [
            Way("spinning", True, str(last), True, "the network, the stack and the target: the floor"),
            Way("sleeping, core awake", False, str(last), True, "a switch of threads for each answer"),
            Way("sleeping, core may sleep", False, str(last), False, "leaving an idle state"),
        ]
    found = [Way("spinning, two cores", True, two, True, "the stack alone: the floor")] if two else []
    found.append(Way("sleeping, one core", False, f"{last},{last}", True, "switches of threads, no other core"))
    if two:
        found.append(Way("sleeping, two cores", False, two, True, "waking another core that is awake"))
    found.append(Way("sleeping, one core, may idle", False, f"{last},{last}", False, "nothing more: it never idles"))
    if two:
        found.append(Way("sleeping, two cores, may idle", False, two, False, "waking cores out of an idle state"))
    return found


def explain(options: BenchOptions, *, duration_ns: int, told: Told | None = None) -> dict[str, Any]:
    """Measures the same ping-pong in each way. Raises `RttpError`: the target or the host refuse."""
    points = []
    with Series(told) as series:
        for way in ways(options.embedded, _core.allowed_cores()):
            waiting = replace(options, spin=way.spin, pin=way.pin, awake=way.awake)
            request = of_options(waiting).lasting(duration_ns, duration_ns // 10)
            point = series.measure(request, way.label)
            points.append(point.document() | {"adds": way.adds})
    return {"schema": SCHEMA, "kind": "explain", "interrupted": series.stopped, "points": points}
