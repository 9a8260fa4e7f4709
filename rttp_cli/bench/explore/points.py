"""One run among several: what was asked, and its result with its gates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from rttp_cli.bench.request import Request
from rttp_cli.bench.run import run
from rttp_cli.errors import RttpError
from rttp_cli.report.judge import State, judge_gates, worst
from rttp_cli.report.result import summarise

SCHEMA = "rttp.runs/1"
VERDICT_NS, VERDICT_AT = 300_000, 0.9999
"""Each result carries a verdict; several runs are judged by gates, so this one is only for completeness."""

Told = Callable[["Point"], None]
"""Hears of each run as it ends."""


@dataclass
class Point:
    """A run and what it is in the whole."""

    label: str
    """What was asked of it: `20,000/s`, `class 32 under 224`."""
    rate: float | None
    """Messages per second that were asked for."""
    result: dict[str, Any]
    state: State = "pass"
    """By the gates."""
    reasons: list[str] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """As results have it."""
        return {
            "label": self.label,
            "rate_mps": self.rate,
            "state": self.state,
            "reasons": self.reasons,
            "result": self.result,
        }


class StoppedError(Exception):
    """Ctrl-C ended a run; what was found by then is kept."""


def measure(request: Request, label: str, gates: Sequence[str] = (), told: Told | None = None) -> Point:
    """Makes one run. Raises `StoppedError` when it was interrupted, `RttpError` when it could not be made."""
    try:
        result = summarise(run(request), VERDICT_NS, VERDICT_AT)
    except KeyboardInterrupt:
        raise StoppedError from None
    if result["interrupted"]:
        raise StoppedError
    verdicts = judge_gates(result, [*request.gates, *((None, gate) for gate in gates)])
    result["gates"] = [vars(verdict) for verdict in verdicts]
    point = Point(label, request.offered_mps, result, worst(verdicts), [f"{v.gate}: {v.reason}" for v in verdicts])
    if told is not None:
        told(point)
    return point


def at(request: Request, rate: float, duration_ns: int) -> Request:
    """The request at a rate for a point's time, with a tenth of it as warm-up."""
    faster = request.at_rate(rate).lasting(duration_ns, duration_ns // 10)
    for stream in faster.streams:
        gap = stream["arrival"].get("rate")
        if gap is not None and gap * duration_ns < 2e9:
            raise RttpError(
                "bad-option", f"stream `{stream['name']}` sends less than two messages in a point", "raise --point"
            )
    return faster
