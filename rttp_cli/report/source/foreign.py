"""Latencies that other programs wrote: interval logs, histograms in base64, percentile tables. They have no counts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from rttp_cli._core import Histogram, read_interval_log
from rttp_cli.errors import RttpError
from rttp_cli.report.result import Interval, Part, Result
from rttp_cli.report.source import cells
from rttp_cli.report.source.pieces import added

Unit = Literal["ns", "us", "ms", "s"]
UNITS: dict[Unit, int] = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000}
"""In ns."""

_OURS = b"#[rttp: response"
_LINES = 1_000
"""Histograms in base64 that are held before they are added up."""
_MOST = 1 << 62
"""Of a value in ns, and of samples."""
_TABLE = re.compile(r'^[ \t]*"?Value"?[ \t,]+"?Percentile"?', re.MULTILINE)
_FOOT = re.compile(r"#\[.*Total ?[Cc]ount\s*=\s*(\d{1,19})")
_WRK2 = "Detailed Percentile spectrum"
_LOG = re.compile(rb'^(?:Tag=[^,\r\n]*,)?"?(?:[\d.eE+-]+,[\d.eE+-]+,[\d.eE+-]+,HIST|StartTimestamp")', re.MULTILINE)


def is_percentile_table(data: bytes) -> bool:
    """Whether a percentile table is somewhere in it: that of HdrHistogram, or wrk2's output around it."""
    return _TABLE.search(data.decode("utf-8", "replace")) is not None


def is_interval_log(data: bytes) -> bool:
    """Whether a line is one of an interval log."""
    return data.startswith(b"#[") or _LOG.search(data) is not None


def is_base64(data: bytes) -> bool:
    """Whether it starts as every histogram in base64 does, of any version."""
    return data.lstrip().startswith(b"HIST")


def parse_interval_log(data: bytes, source: str, unit: Unit | None) -> Result:
    """An interval log; its tags are streams. Raises `RttpError` bad-result with the line."""
    try:
        lines = read_interval_log(data)
    except ValueError as error:
        raise RttpError("bad-result", f"{source}: {error}") from None
    if not lines:
        raise RttpError("bad-result", f"{source}: an interval log without intervals")
    factor = UNITS[unit or "ns"]
    intervals = [
        Interval(
            from_ns=round(start * 1e9),
            length_ns=round(length * 1e9),
            sent=None,
            lost=0,
            response=_scaled(histogram, factor, source),
            stream=tag or "",
        )
        for tag, start, length, histogram in lines
    ]
    intervals.sort(key=lambda interval: interval.from_ns)
    by_tag: dict[str, list[Histogram]] = {}
    for interval in intervals:
        if interval.stream:
            by_tag.setdefault(interval.stream, []).append(interval.response)
    ours = data.startswith(_OURS)
    return Result(
        source,
        "interval log",
        _part("", [interval.response for interval in intervals]),
        tuple(_part(tag, histograms) for tag, histograms in by_tag.items()),
        intervals=tuple(intervals),
        duration_ns=max(i.from_ns + i.length_ns for i in intervals) - min(i.from_ns for i in intervals),
        notes=_unit_notes("ns" if ours and unit is None else unit),
    )


def parse_base64(data: bytes, source: str, unit: Unit | None) -> Result:
    """Histograms as HdrHistogram's encoders write them, one a line, added up. Raises `RttpError` bad-result."""
    total, held, lines, claimed, reached = Histogram.of([]), list[Histogram](), 0, 0, cells.AT_ONCE
    for number, line in enumerate(data.splitlines(), 1):
        text = line.decode("utf-8", "replace").strip()
        if not text:
            continue
        lines, claimed = lines + 1, claimed + cells.claimed(text)
        cells.check(claimed, source)
        try:
            held.append(Histogram.decode(text))
        except ValueError as error:
            raise RttpError("bad-result", f"{source}: line {number}: {error}") from None
        if claimed >= reached or len(held) == _LINES:
            total, held, reached = added([total, *held]), [], claimed + cells.AT_ONCE
    whole = _part("", [_scaled(added([total, *held]), UNITS[unit or "ns"], source)])
    notes = _unit_notes(unit)
    if lines > 1:
        notes += (f"{lines:,} histograms, added up",)
    return Result(source, "histogram", whole, notes=notes)


def parse_percentile_table(data: bytes, source: str, unit: Unit | None) -> Result:
    """A table of HdrHistogram's outputPercentileDistribution, alone or in wrk2's output. Raises `RttpError` bad-result.

    Samples between two rows stand at the one with the higher value: the table does not say more.
    """
    text = data.decode("utf-8", "replace")
    head = _TABLE.search(text)
    if head is None:
        raise RttpError("bad-result", f"{source}: no percentile table")
    notes = _unit_notes(unit)
    if unit is None and _WRK2 in text:
        unit, notes = "ms", ("values read as ms, as wrk2 prints them; --unit says otherwise",)
    pairs = list(_cells(text, head.end(), source, UNITS[unit or "ns"]))
    if not any(count for _, count in pairs):
        raise RttpError("bad-result", f"{source}: a percentile table without samples")
    try:
        histogram = Histogram.of(pairs)
    except ValueError as error:
        raise RttpError("bad-result", f"{source}: {error}") from None
    part = Part("", {"response": histogram})
    notes += ("a percentile table: samples between two rows are counted at the row with the higher value",)
    return Result(source, "percentile table", part, exact=False, notes=notes)


def _cells(text: str, at: int, source: str, factor: int) -> Iterator[tuple[int, int]]:
    """Value in ns and samples of each row: its cumulative count less that of the row before."""
    first = text.count("\n", 0, at) + 1
    value, percentile, total = 0.0, 0.0, 0
    for number, line in enumerate(text[at:].splitlines()[1:], first + 1):

        def refuse(message: str, number: int = number) -> RttpError:
            return RttpError("bad-result", f"{source}: line {number}: {message}")

        cells = line.replace(",", " ").split()
        if not cells:
            continue
        foot = _FOOT.match(line)
        if foot is not None and int(foot[1]) != total:
            raise refuse(f"found a total count of {int(foot[1]):,}, expected {total:,} as in the row above")
        if line.startswith("#"):
            continue
        if len(cells) not in (3, 4) and percentile == 1.0:
            # wrk2 has more to say.
            return
        try:
            found = float(cells[0]), float(cells[1]), int(cells[2])
        except (ValueError, IndexError):
            raise refuse(f"found `{line.strip()[:40]}`, expected a value, a percentile and a count") from None
        if not (value <= found[0] and percentile <= found[1] <= 1 and total <= found[2]):
            raise refuse("values, percentiles and counts of a table rise from row to row")
        if found[0] * factor > _MOST or found[2] > _MOST:
            raise refuse(
                f"found {cells[0][:40]} and {cells[2][:40]}, expected a time below 146 years and a count of 62 bits"
            )
        yield round(found[0] * factor), found[2] - total
        value, percentile, total = found
    if percentile != 1.0:
        raise RttpError("bad-result", f"{source}: the percentile table ends before 1.0; was it cut off?")


def _part(name: str, histograms: list[Histogram]) -> Part:
    whole = added(histograms)
    return Part(name, {"response": whole} if whole.samples else {})


def _scaled(histogram: Histogram, factor: int, source: str) -> Histogram:
    if factor == 1:
        return histogram
    try:
        return histogram.scaled(factor)
    except ValueError as error:
        raise RttpError("bad-result", f"{source}: {error}; is it --unit?") from None


def _unit_notes(unit: Unit | None) -> tuple[str, ...]:
    return () if unit else ("values read as ns; --unit says otherwise",)
