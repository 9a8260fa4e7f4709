"""How much more alike neighbouring samples are than chance allows: a stall of 2 ms slows 200 pulses, and is one event.

Order statistics take samples for independent. The pieces of a run tell otherwise: of each, the samples beyond a
quantile are counted; the variance of these counts over that of independent samples is the inflation (overdispersion:
McCullagh and Nelder, Generalized Linear Models, 1989, chapter 4). n samples then tell as much as n / inflation.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from rttp_cli._core import Histogram
from rttp_cli.report.distribution import QUANTILES, Distribution, distribution
from rttp_cli.report.result import WITH_LOSSES, Interval, Part, Result

FEWEST = 8
"""Pieces from which a variance is worth something."""


def distribution_of(result: Result, part: Part, metric: str, quantiles: tuple[float, ...] = QUANTILES) -> Distribution:
    """Percentiles of a part of a result, with intervals as wide as its pieces say."""
    histogram, lost = part.histograms.get(metric) or Histogram.of([]), part.missing_in(metric)
    found = distribution(histogram, lost, quantiles)
    if metric not in WITH_LOSSES or not found.samples:
        return found
    widened = [
        distribution(histogram, lost, (p.q,), inflation=inflation(result, part, metric, p.value_ns)).percentiles[0]
        for p in found.percentiles
    ]
    return replace(found, percentiles=tuple(widened))


def inflation(result: Result, part: Part, metric: str, value_ns: float) -> float:
    """How many samples around and beyond a value tell as much as one independent one, at least 1.

    Pieces are of all streams together, but in an interval log, and of `response` alone: the same share of their samples
    stands for what is asked. Without pieces it is 1: nothing is known.
    """
    histogram = part.histograms.get(metric)
    if histogram is None or not histogram.samples:
        return 1.0
    # An interval log tells its tags apart, nothing else does.
    tag = part.name if part.name in _tags(result) else ""
    if len(_pieces(result, tag)) < FEWEST:
        return 1.0
    share = max(histogram.above(round(value_ns)), 1) / histogram.samples
    counts = _beyond(result, tag, share, without_stalls=metric == "undisturbed")
    found = 1.0
    # What lasts longer than a piece shows when pieces are taken together.
    while len(counts) >= FEWEST:
        found = max(found, _overdispersion(counts))
        counts = [(n + m, x + y) for (n, x), (m, y) in zip(counts[::2], counts[1::2], strict=False)]
    return found


def of_times(intervals: Sequence[Interval]) -> Sequence[Interval]:
    """Tags of an interval log that are of the same time as one piece."""
    if not any(interval.stream for interval in intervals):
        return intervals
    groups: dict[tuple[int, int], list[Histogram]] = {}
    for interval in intervals:
        groups.setdefault((interval.from_ns, interval.length_ns), []).append(interval.response)
    return [Interval(at, length, None, 0, Histogram.sum(found)) for (at, length), found in groups.items()]


@lru_cache(maxsize=8)
def _tags(result: Result) -> frozenset[str]:
    return frozenset(interval.stream for interval in result.intervals if interval.stream)


@lru_cache(maxsize=8)
def _pieces(result: Result, tag: str) -> Sequence[Interval]:
    """Of a tag, or of all of them."""
    return [i for i in result.intervals if i.stream == tag] if tag else of_times(result.intervals)


@lru_cache(maxsize=8)
def _responses(result: Result, tag: str, without_stalls: bool) -> tuple[list[tuple[int, int]], list[Histogram]]:
    """The cells of all pieces together, and each piece."""
    kept = [
        piece.response.minus(piece.stalled) if without_stalls and piece.stalled is not None else piece.response
        for piece in _pieces(result, tag)
    ]
    return Histogram.sum(kept).cells(), kept


def _beyond(result: Result, tag: str, share: float, *, without_stalls: bool) -> list[tuple[int, int]]:
    """Of each piece: samples, and how many of them are among the greatest `share` of all."""
    pieces = _pieces(result, tag)
    cells, kept = _responses(result, tag, without_stalls)
    lost, samples = sum(piece.lost for piece in pieces), sum(one.samples for one in kept)
    cut = _cut(cells, samples, share * (samples + lost) - lost)
    return [
        (one.samples + piece.lost, piece.lost + (0 if cut is None else one.above(cut)))
        for one, piece in zip(kept, pieces, strict=True)
    ]


def _cut(cells: Sequence[tuple[int, int]], samples: int, wanted: float) -> int | None:
    """The least value above which at most as many samples lie as wanted, but some; `None`: none is wanted."""
    if wanted <= 0:
        return None
    above, best = samples, 0
    if above <= wanted:
        return best
    for value, count in cells:
        above -= count
        if not above:
            break
        best = value
        if above <= wanted:
            break
    return best


def _overdispersion(counts: list[tuple[int, int]]) -> float:
    """Pearson's chi-square of counts against one probability, over its degrees of freedom."""
    filled = [(n, x) for n, x in counts if n]
    samples, beyond = sum(n for n, _ in filled), sum(x for _, x in filled)
    if len(filled) < 2 or not 0 < beyond < samples:
        return 1.0
    p = beyond / samples
    return sum((x - n * p) ** 2 / (n * p * (1 - p)) for n, x in filled) / (len(filled) - 1)
