"""What a plot shows, in numbers: curves over quantiles, columns over time, stalls. No more points than can be seen."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from rttp_cli import _core
from rttp_cli.report.dispersion import distribution_of, inflation
from rttp_cli.report.distribution import CONFIDENCE, quantile_name
from rttp_cli.report.gate import GateError, parse_gate
from rttp_cli.report.result import WITH_LOSSES, Interval, Part, Result
from rttp_cli.units import format_ns

POINTS = 160
"""Of a curve."""
BAND_POINTS = 40
COLUMNS = 240
"""Of a plot over time."""
CELLS = 56
"""Of a heat map, from the lowest to the greatest latency."""
LEVELS = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
"""Shares of a column's samples that divide the colours of a heat map."""
STEMS = 500
"""Stalls of one core; of those that fall together the longest is shown."""
FEWEST_FOR_P99 = 100
"""Samples below which a column's P99 is its greatest."""


@dataclass(frozen=True)
class Curve:
    """Latency over quantiles. Quantiles are in decades, log10(1 / (1 - q)): 2 is P99, 3 is P99.9."""

    label: str
    samples: int
    lost: int
    points: tuple[tuple[float, int], ...]
    """Decades and ns, ascending. With loss they end where every sample beyond is a lost pulse, else at the maximum."""
    firm: float
    """Decades up to which the samples bound the quantile from above."""
    band: tuple[tuple[float, int, int | None], ...] = ()
    """Decades, lower and upper end of the 95 % interval, ns; `None` where it is open above."""
    beside: bool = False
    """Explains the one before it, and is drawn dashed."""


@dataclass(frozen=True)
class Limit:
    """A gate on a percentile of the response, as a mark in the plot."""

    decades: float
    value_ns: float
    text: str


@dataclass(frozen=True)
class Column:
    """One step of a plot over time."""

    from_s: float
    to_s: float
    rate_pps: float
    """Sent, or where the file does not say so, answered."""
    lost_pps: float
    shares: tuple[float, ...]
    """Of the answered pulses, one a cell of the heat map."""
    p50_ns: int | None
    p99_ns: int | None
    """`None` below `FEWEST_FOR_P99` samples."""
    max_ns: int | None


@dataclass(frozen=True)
class Timeline:
    """A run over its time."""

    columns: tuple[Column, ...]
    edges_ns: tuple[int, ...]
    """Of the heat map's cells; their ratio is constant, but for rounding."""
    sent_known: bool
    offered_pps: float | None


@dataclass(frozen=True)
class CoreLine:
    """Stalls of one core over time."""

    label: str
    count: int
    longest_ns: int
    stems: tuple[tuple[float, int], ...]
    """Start in s and length in ns."""
    shown_of: int
    """Stalls whose time is known; there may have been more."""


def decades(q: float) -> float:
    """Where a quantile stands on the axis."""
    return -math.log10(1 - q)


def curve(
    result: Result, part: Part, metric: str, label: str, *, band: bool = False, beside: bool = False
) -> Curve | None:
    """The quantiles of a histogram of a result's part; `None` where nothing was answered."""
    histogram = part.histograms.get(metric)
    if histogram is None:
        return None
    lost = part.missing_in(metric)
    n, answered = histogram.samples, histogram.samples - lost
    if answered <= 0:
        return None

    end = math.log10(n / lost) if lost else math.log10(n)
    places = [end * i / POINTS for i in range(POINTS + 1)]
    ranks = [min(max(math.ceil(n * (1 - 10**-x) - 1e-6), 1), answered) for x in places]
    if not lost:
        ranks[-1] = n
    # Samples get fewer to the right: where they stop to bound the quantile is found by bisection.

    def is_open(rank: int) -> bool:
        wider = inflation(result, part, metric, histogram.at_rank(rank)) if metric in WITH_LOSSES else 1.0
        ends = _core.quantile_ranks(n, rank / n, CONFIDENCE, wider)
        return ends is None or ends[2] is None

    unsure = bisect_left(ranks, True, lo=1, hi=POINTS, key=is_open)
    drawn = _band(result, part, metric, end) if band else ()
    points = zip(places, map(histogram.at_rank, ranks), strict=True)
    return Curve(label, n, lost, tuple(points), places[unsure], drawn, beside)


def _band(result: Result, part: Part, metric: str, end: float) -> tuple[tuple[float, int, int | None], ...]:
    places = [end * i / BAND_POINTS for i in range(1, BAND_POINTS + 1)]
    found = distribution_of(result, part, metric, tuple(1 - 10**-place for place in places)).percentiles
    return tuple((place, p.lower_ns, p.upper_ns) for place, p in zip(places, found, strict=True) if p.state != "none")


def limits(result: Result) -> list[Limit]:
    """The gates of a document on percentiles of all pulses' response; without gates, what `--limit` asked for."""
    document = result.document or {}
    gates, verdict = document.get("gates"), document.get("verdict")
    if not gates and verdict:
        q, limit_ns = verdict["q"], verdict["limit_ns"]
        return [Limit(decades(q), limit_ns, f"{quantile_name(q)} ≤ {format_ns(limit_ns)}")]
    found = []
    for gate in gates or ():
        if gate.get("stream") is not None:
            continue
        try:
            asked = parse_gate(gate["gate"])
        except GateError:
            continue
        of_all = asked.stream is None and asked.priorities is None
        if of_all and asked.metric == "response" and isinstance(asked.statistic, float) and asked.from_above:
            found.append(Limit(decades(asked.statistic), asked.value, gate["gate"]))
    return found


def timeline(result: Result, edges_ns: Sequence[int] | None = None) -> Timeline | None:
    """A run over its time; `None` where the file has no intervals with samples."""
    groups = _groups(result.intervals if result.timeline else ())
    whole = [_core.Histogram.sum([interval.response for interval in group]) for group in groups]
    if not any(histogram.samples for histogram in whole):
        return None
    sent_known = all(interval.sent is not None for interval in result.intervals)
    edges = tuple(edges_ns or cell_edges([result]))
    columns = [_column(group, histogram, edges) for group, histogram in zip(groups, whole, strict=True)]
    offered = ((result.document or {}).get("rates") or {}).get("offered_pps")
    return Timeline(tuple(columns), edges, sent_known, offered)


def cell_edges(results: Iterable[Result]) -> tuple[int, ...]:
    """Edges of the cells in which all intervals of all results lie, ns."""
    timed = [interval for result in results if result.timeline for interval in result.intervals]
    found = [interval.response for interval in timed if interval.response.samples]
    low = max(min((h.min or 1 for h in found), default=1), 1)
    high = max(max((h.max or 1 for h in found), default=1), low) + 1
    ratio = max((high / low) ** (1 / CELLS), 1.02)
    edges = [low]
    while edges[-1] < high:
        edges.append(max(math.ceil(low * ratio ** len(edges)), edges[-1] + 1))
    return tuple(edges)


def _groups(intervals: Sequence[Interval]) -> list[list[Interval]]:
    """Intervals that share a column, in time order."""
    some = [interval for interval in intervals if interval.length_ns > 0]
    if not some:
        return []
    start = min(interval.from_ns for interval in some)
    end = max(interval.from_ns + interval.length_ns for interval in some)
    width = max(median(interval.length_ns for interval in some), (end - start) / COLUMNS)
    groups: dict[int, list[Interval]] = {}
    for interval in some:
        middle = interval.from_ns + interval.length_ns / 2
        groups.setdefault(int((middle - start) / width), []).append(interval)
    return [groups[key] for key in sorted(groups)]


def _column(group: list[Interval], histogram: _core.Histogram, edges: Sequence[int]) -> Column:
    start = min(interval.from_ns for interval in group)
    end = max(interval.from_ns + interval.length_ns for interval in group)
    n, per_s = histogram.samples, 1e9 / (end - start)
    sent = sum(interval.response.samples if interval.sent is None else interval.sent for interval in group)
    return Column(
        from_s=start / 1e9,
        to_s=end / 1e9,
        rate_pps=sent * per_s,
        lost_pps=sum(interval.lost for interval in group) * per_s,
        shares=tuple(count / n if n else 0.0 for count in histogram.binned(edges)),
        p50_ns=histogram.quantile(0.5) if n else None,
        p99_ns=histogram.quantile(0.99) if n >= FEWEST_FOR_P99 else None,
        max_ns=histogram.max,
    )


def level(share: float) -> int | None:
    """Colour of a cell: 0 for the smallest share to `len(LEVELS)`; `None` for an empty one."""
    return sum(share >= border for border in LEVELS) if share > 0 else None


def runs_of_cells(timeline: Timeline) -> dict[int, list[tuple[int, int, int]]]:
    """Cells of each colour, neighbours of one row joined: row, first column, the one behind the last."""
    found: dict[int, list[tuple[int, int, int]]] = {}
    columns = timeline.columns
    for row in range(len(timeline.edges_ns) - 1):
        levels = [level(column.shares[row]) for column in columns]
        # A pause between two intervals is not painted over.
        gaps = [i for i, (a, b) in enumerate(pairwise(columns), 1) if b.from_s > a.to_s * (1 + 1e-9) + 1e-9]
        borders = sorted({0, len(levels), *gaps, *(i for i, (a, b) in enumerate(pairwise(levels), 1) if a != b)})
        for start, end in pairwise(borders):
            shade = levels[start]
            if shade is not None:
                found.setdefault(shade, []).append((row, start, end))
    return found


def core_lines(result: Result) -> list[CoreLine]:
    """Stalls of every core that was watched; empty where nobody looked or the file does not say."""
    stalls = result.stalls
    if stalls is None or not stalls.watched:
        return []
    ends = [interval.from_ns + interval.length_ns for interval in result.intervals] if result.timeline else []
    end_ns = max(result.sending_ns or 0, result.duration_ns or 0, *ends, 1)
    lines = []
    for core in stalls.cores:
        where = "unpinned" if core.core is None else f"core {core.core}"
        longest: dict[int, tuple[int, int]] = {}
        for start, length in core.stalls:
            # In the warm-up nothing was measured.
            if start + length < 0 or start > end_ns:
                continue
            key = max(start, 0) * STEMS // end_ns
            longest[key] = max(longest.get(key, (0, 0)), (length, max(start, 0)))
        stems = tuple((start / 1e9, length) for _, (length, start) in sorted(longest.items()))
        lines.append(CoreLine(f"{where}, {core.role}", core.count, core.longest_ns, stems, len(core.stalls)))
    return lines


def left_out(result: Result) -> list[str]:
    """Why some plots of a result cannot be drawn, in sentences."""
    said = []
    if not result.timeline or not any(interval.response.samples for interval in result.intervals):
        if result.runs > 1:
            said.append("No plot over time: runs that were merged share no time.")
        elif not result.timeline:
            said.append("No plot over time: intervals have all streams and priorities together.")
        else:
            said.append("No plot over time: the file has no intervals.")
    if result.stalls is None:
        said.append("No stalls: the file does not say whether cores stalled.")
    elif not result.stalls.watched:
        said.append("No stalls: nobody could watch the cores.")
    return said
