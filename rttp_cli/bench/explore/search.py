"""The highest rate at which the gates hold, and latency on the way there as one curve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rttp_cli.bench.explore.points import SCHEMA, Point, Series, Told, at
from rttp_cli.bench.request import Request, mean_rate
from rttp_cli.errors import RttpError

START = 1_000.0
"""Messages per second of the first look, for traffic that has no rate of its own."""
HIGHEST = 1e7
SHARES = (0.1, 0.5, 0.9, 1.0)
"""Of the limit: where the curve is measured."""
CONFIRMATIONS = 2
"""Times that the limit must hold again before it is believed."""
MESSAGES = 4
"""Of its slowest stream that a point must have."""
STEP_DOWN = 0.95
"""After a limit that did not hold again."""


class _Search:
    def __init__(self, request: Request, gates: Sequence[str], duration_ns: int, series: Series) -> None:
        self.request, self.gates, self.duration_ns, self.series = request, gates, duration_ns, series
        self.points: list[Point] = []

    def holds(self, rate: float) -> bool:
        """Whether the gates hold: a single failure may be the host's, so it takes two, and a doubtful run is longer."""
        for attempt in range(2):
            request = at(self.request, rate, self.duration_ns * (attempt + 1))
            point = self.series.measure(request, f"{rate:,.0f}/s", self.gates)
            self.points.append(point)
            if point.state == "pass":
                return True
        return False

    def bracket(self, start: float) -> tuple[float, float | None]:
        """A rate that holds and one that does not: up by doubling, or down by quarters from a start too high."""
        if self.holds(start):
            low = start
            while low < HIGHEST:
                if not self.holds(low * 2):
                    return low, low * 2
                low *= 2
            return low, None
        high = start
        # A point must have a few messages of every stream to say anything.
        slowest = min(rate for stream in self.request.streams if (rate := mean_rate(stream["arrival"]) or start) > 0)
        share = slowest / (self.request.offered_mps or start)
        while high / 4 * share * self.duration_ns >= MESSAGES * 1e9:
            if self.holds(high / 4):
                return high / 4, high
            high /= 4
        return 0.0, high

    def limit(self, start: float, tolerance: float) -> float:
        """The highest rate found to hold, and to hold again."""
        low, high = self.bracket(start)
        while high is not None and low and high / low > 1 + tolerance:
            middle = (low * high) ** 0.5
            low, high = (middle, high) if self.holds(middle) else (low, middle)
        while low and not all(self.holds(low) for _ in range(CONFIRMATIONS)):
            low *= STEP_DOWN
        return low


def search(
    request: Request,
    gates: Sequence[str],
    *,
    duration_ns: int,
    tolerance: float = 0.05,
    told: Told | None = None,
) -> dict[str, Any]:
    """Finds the limit of a request's traffic under its gates and measures the curve up to it.

    `tolerance` is how far, relatively, the limit may lie below one that does not hold. Raises `RttpError` bad-option
    without a gate, and for traffic without a rate.
    """
    if not gates and not request.gates:
        raise RttpError("bad-option", "a search needs a gate", "such as --search 'response.p99 <= 500us'")
    series = Series(told)
    finder = _Search(request, gates, duration_ns, series)
    found: dict[str, Any] = {"schema": SCHEMA, "kind": "search", "gates": [*gates, *(g for _, g in request.gates)]}
    limit, curve = None, []
    with series:
        limit = finder.limit(request.offered_mps or START, tolerance)
        if limit:
            for share in SHARES:
                rate = limit * share
                curve.append(series.measure(at(request, rate, 2 * duration_ns), f"{share:.0%} of the limit", gates))
    return found | {
        "interrupted": series.stopped,
        "tolerance": tolerance,
        "limit_mps": limit,
        "searched": [point.document() for point in finder.points],
        "points": [point.document() for point in curve],
    }
