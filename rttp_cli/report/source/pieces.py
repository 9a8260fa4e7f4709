"""Pieces of a result: what tells how alike neighbouring samples are, whatever it is made of."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from rttp_cli._core import Histogram
from rttp_cli.errors import RttpError
from rttp_cli.report.dispersion import of_times
from rttp_cli.report.result import Interval, Part, Result

MOST = 240
"""Pieces that a merged result keeps."""


def of_result(result: Result) -> Sequence[Interval]:
    """Its intervals, or else itself as one piece; none where nothing was answered."""
    if result.intervals:
        return of_times(result.intervals)
    one = _whole(result)
    return [] if one is None else [one]


def fewer(found: Sequence[Interval]) -> tuple[Interval, ...]:
    """At most `MOST`: of more, two neighbours are one. What lasts longer than both shows all the same."""
    while len(found) > MOST:
        found = [_one(found[i : i + 2]) for i in range(0, len(found), 2)]
    return tuple(found)


def added(histograms: Sequence[Histogram]) -> Histogram:
    """Their sum. Raises `RttpError` bad-result for more samples than a histogram can count."""
    try:
        return Histogram.sum(histograms)
    except ValueError as error:
        raise RttpError("bad-result", f"histograms cannot be added up: {error}") from None


def _one(found: Sequence[Interval]) -> Interval:
    """Neighbours as one, which begins where the first does."""
    sent = [piece.sent for piece in found if piece.sent is not None]
    stalled = [piece.stalled for piece in found if piece.stalled is not None]
    return Interval(
        from_ns=found[0].from_ns,
        length_ns=sum(piece.length_ns for piece in found),
        sent=sum(sent) if len(sent) == len(found) else None,
        lost=sum(piece.lost for piece in found),
        response=added([piece.response for piece in found]),
        stalled=added(stalled) if stalled else None,
    )


def _whole(result: Result) -> Interval | None:
    response, undisturbed = (_answered(result.whole, metric) for metric in ("response", "undisturbed"))
    if response is None:
        return None
    stalled = None
    if undisturbed is not None:
        # In a file that was edited the one may be no part of the other. Then all count, which makes intervals wider.
        with suppress(ValueError):
            stalled = response.minus(undisturbed)
    return Interval(
        from_ns=0,
        length_ns=result.duration_ns or 0,
        sent=(result.whole.counts or {}).get("sent"),
        lost=result.whole.missing,
        response=response,
        stalled=stalled,
    )


def _answered(part: Part, metric: str) -> Histogram | None:
    """A histogram without the lost pulses, which are its greatest."""
    histogram, left = part.histograms.get(metric), part.missing
    if histogram is None or not left:
        return histogram
    kept = []
    for value, count in reversed(histogram.cells()):
        taken = min(left, count)
        left -= taken
        kept.append((value, count - taken))
    return Histogram.of(kept, histogram.digits)
