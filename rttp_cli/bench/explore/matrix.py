"""Who holds up whom: the latency of each class of priority while each other one floods."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rttp_cli.bench.explore.points import SCHEMA, Series, Told
from rttp_cli.bench.options import BenchOptions
from rttp_cli.bench.request import Request, of_options
from rttp_cli.errors import RttpError

PROBE_PPS = 5_000.0
"""Rate of the class that is measured."""
ON_NS, OFF_NS = 5_000_000, 15_000_000
OVERLOAD = 2.0
"""A flood's bursts are so many times what this host sends: a backlog forms, and priority decides who leaves first.
Between bursts it drains, so that a lower class waits and does not starve for ever."""
CALIBRATION_NS = 300_000_000


def parse_classes(text: str) -> list[int]:
    """Priorities of `32,128,224`. Raises `RttpError` bad-option."""
    parts = text.split(",")
    if not 1 <= len(parts) <= 16 or not all(p.strip().isascii() and p.strip().isdigit() for p in parts):
        raise RttpError("bad-option", f"`--matrix` is `{text[:60]}`, expected 1 to 16 priorities such as 32,128,224")
    classes = [int(part) for part in parts]
    if max(classes) > 255 or len(set(classes)) != len(classes):
        raise RttpError("bad-option", f"`--matrix` is `{text[:60]}`, expected different priorities of 0 to 255")
    return classes


def _stream(name: str, priority: int, arrival: dict[str, Any], mode: str, template: dict[str, Any]) -> dict[str, Any]:
    return template | {
        "name": name,
        "priority": {"pattern": "fixed", "value": priority},
        "arrival": arrival,
        "mode": mode,
    }


def matrix(options: BenchOptions, classes: list[int], *, duration_ns: int, told: Told | None = None) -> dict[str, Any]:
    """Measures each class alone and while each class floods (one-way, in bursts of twice what this host sends).

    Raises `RttpError`: the target or the host refuse.
    """
    base = of_options(options)
    template = base.streams[0]
    points, capacity = [], None
    with Series(told) as series:
        flood = _stream("flood", classes[0], {"process": "flood"}, "one-way", template)
        rough = series.measure(_request(base, [flood], CALIBRATION_NS), "what this host sends")
        capacity = rough.result["rates"]["sent_pps"]
        for measured in classes:
            probe = _stream("probe", measured, {"process": "poisson", "rate": PROBE_PPS}, "echo", template)
            for flooding in (None, *classes):
                bursts = {
                    "process": "bursts",
                    "rate": capacity * OVERLOAD,
                    "on_ns": ON_NS,
                    "off_ns": OFF_NS,
                    "spacing": "even",
                }
                others = [] if flooding is None else [_stream("flood", flooding, bursts, "one-way", template)]
                label = f"{measured} alone" if flooding is None else f"{measured} while {flooding} floods"
                point = series.measure(_request(base, [probe, *others], duration_ns), label)
                points.append(point.document() | {"priority": measured, "flooding": flooding})
    return {
        "schema": SCHEMA,
        "kind": "matrix",
        "interrupted": series.stopped,
        "capacity_pps": capacity,
        "classes": classes,
        "points": points,
    }


def _request(base: Request, streams: list[dict[str, Any]], duration_ns: int) -> Request:
    plan = base.plan | {
        "streams": streams,
        "duration_ns": duration_ns,
        "warmup_ns": duration_ns // 10,
        "count": None,
    }
    return replace(base, plan=plan)
