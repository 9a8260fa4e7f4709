"""One run among several: what was asked, and its result with its gates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from rttp_cli import _core
from rttp_cli.bench.request import Request
from rttp_cli.bench.run import run
from rttp_cli.errors import RttpError
from rttp_cli.report.document import summarise
from rttp_cli.report.judge import judge_gates
from rttp_cli.report.source import of_document
from rttp_cli.report.state import State, worst

SCHEMA = "rttp.runs/1"
VERDICT = (300_000, 0.9999)
"""Limit in ns and quantile of the verdict that each result carries, unless an option says otherwise."""

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


class _StoppedError(Exception):
    """Ctrl-C or SIGTERM: no more runs."""


class Series:
    """Runs made one after the other, as a context. Ctrl-C and SIGTERM end it at any moment, in a run or between two.

    The block is left then, and `stopped` says so; what was found by then is kept.
    """

    def __init__(self, told: Told | None = None, *, verdict: tuple[int, float] = VERDICT) -> None:
        self.told = told
        self.verdict = verdict
        self.stopped = False

    def __enter__(self) -> Self:
        self._signals: _core.StopSignals | None = _core.StopSignals()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        self.stopped = self._told_to_stop() or kind in (_StoppedError, KeyboardInterrupt)
        self._signals = None
        return kind in (_StoppedError, KeyboardInterrupt)

    def measure(self, request: Request, label: str, gates: Sequence[str] = ()) -> Point:
        """Makes one run. Raises `RttpError` when it could not be made."""
        if self._told_to_stop():
            raise _StoppedError
        result = summarise(run(request), *self.verdict)
        if result["interrupted"]:
            raise _StoppedError
        verdicts = judge_gates(of_document(result, label), [*request.gates, *((None, gate) for gate in gates)])
        result["gates"] = [vars(verdict) for verdict in verdicts]
        point = Point(
            label,
            request.offered_mps,
            result,
            worst(v.state for v in verdicts),
            [f"{v.gate}: {v.reason}" for v in verdicts],
        )
        if self.told is not None:
            self.told(point)
        return point

    def _told_to_stop(self) -> bool:
        return self._signals is not None and self._signals.seen


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
